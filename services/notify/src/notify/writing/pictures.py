"""Pictures that mails show: drawn once for all readers of a language, and kept so that each mail has the same bytes."""

from datetime import timedelta
from threading import Lock
from typing import Final

from sqlalchemy import Connection, Engine, text

from notify.kinds.kind import Kind
from notify.readings import Reading
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import Picture

KEPT = timedelta(weeks=3)
"""No mail with a picture waits so long."""
IN_MEMORY: Final = len(LANGUAGES)
"""So many a process keeps at hand: those of one week's mails."""

_KEEP = text("INSERT INTO pictures (key, png) VALUES (:key, :png) ON CONFLICT (key) DO NOTHING")
_FIND = text("SELECT png FROM pictures WHERE key = :key")
_FORGET = text("DELETE FROM pictures WHERE made_at < now() - :kept")


def keep(connection: Connection, key: str, png: bytes) -> None:
    """Keep a picture; the first one of a name stays."""
    connection.execute(_KEEP, {"key": key, "png": png})


def forget_old(connection: Connection) -> None:
    """Delete those that no mail will show any more."""
    connection.execute(_FORGET, {"kept": KEPT})


class Pictures:
    """Where whoever writes mails finds them; the last ones are at hand without asking the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._at_hand: dict[str, Picture] = {}
        self._lock = Lock()

    def of(self, kind: Kind, about: Reading, language: Language) -> Picture | None:
        """Return what the mails of a kind about this show in a language; None where there is none."""
        key = kind.picture_key(about, language)
        if key is None:
            return None
        with self._lock:
            found = self._at_hand.get(key)
        return found or self._fetched(key)

    def _fetched(self, key: str) -> Picture | None:
        with self._engine.connect() as connection:
            png = connection.scalar(_FIND, {"key": key})
        if png is None:
            return None
        picture = Picture(bytes(png))
        with self._lock:
            self._at_hand[key] = picture
            while len(self._at_hand) > IN_MEMORY:
                del self._at_hand[next(iter(self._at_hand))]
        return picture
