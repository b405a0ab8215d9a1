"""Make a week's digest: chosen, drawn, and said once in its ISO week, however many processes find it due."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine, text

from notify.kinds import kinds
from notify.kinds.kind import Kind
from notify.market import assortment, choice, quotes
from notify.market.choice import Nothing
from notify.market.digest import Digest
from notify.market.quotes import Today
from notify.market.schedule import Occurrence, Schedule
from notify.queueing import intents
from notify.writing import pictures
from notify.writing.formats import LANGUAGES, Language

KIND = "price_digest"

_SAID = text("SELECT EXISTS (SELECT FROM intents WHERE key = :key)")
_NOW = text("SELECT now()")
_log = structlog.get_logger(__name__)

Draw = Callable[[Digest, Language], bytes | None]


@dataclass(frozen=True, slots=True)
class Weekly:
    """What a digest is made with."""

    engine: Engine
    zone: ZoneInfo
    """The hub's, in which its time of the week is meant."""
    today: Today

    def due(self, schedule: Schedule) -> Occurrence | None:
        """Return the digest that is due by the database's clock and was not made yet."""
        with self.engine.connect() as connection:
            one = schedule.due(self._now(connection), self.zone)
            return None if one is None or is_said(connection, one) else one

    def of_this_week(self, schedule: Schedule) -> Occurrence:
        """Return the digest of the week that it is, due or not."""
        with self.engine.connect() as connection:
            return schedule.of_week(self._now(connection), self.zone)

    def make(self, one: Occurrence) -> bool | Nothing:
        """Make a digest; False when it was made before.

        It is drawn before the transaction that says it: killed at any point, all of it is written or nothing.
        """
        with self.engine.connect() as connection:
            if is_said(connection, one):
                return False
            digest = choice.choose(connection, one, self.today())
        if isinstance(digest, Nothing):
            return digest
        kind = _kind()
        drawn = {language: kind.draw(digest, language) for language in LANGUAGES} if kind.draw else {}
        with self.engine.begin() as connection:
            if not intents.say(connection, kind, digest, at=self._now(connection)):
                return False
            for language, png in drawn.items():
                key = kind.picture_key(digest, language)
                if key is not None and png is not None:
                    pictures.keep(connection, key, png)
        _log.info("digest_made", week=one.week, moves=len(digest.moves), until=digest.until.isoformat())
        return True

    def keep_house(self) -> None:
        """Delete a batch of what no digest will look at any more."""
        with self.engine.begin() as connection:
            quotes.forget_quotes(connection, self.today() - quotes.KEPT)
            assortment.forget_assortment(connection)
            pictures.forget_old(connection)

    def _now(self, connection: Connection) -> datetime:
        now: datetime = connection.execute(_NOW).scalar_one()
        return now.astimezone(UTC)


def is_said(connection: Connection, one: Occurrence) -> bool:
    """Say whether the digest of that week was made."""
    return bool(connection.scalar(_SAID, {"key": f"{KIND}:{one.week}"}))


def _kind() -> Kind:
    return kinds()[KIND]
