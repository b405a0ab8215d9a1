"""How the post stands as a whole: the switch, the relays, what waits, what did not arrive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel
from sqlalchemy import Connection, text

from notify.api.delivery_log import Title
from notify.kinds import kinds
from notify.queueing import pause, switch
from notify.recipients.admission import UNWANTED

UNDELIVERED_DAYS = 7
Mode = Literal["send", "hold"]
Relays = Mapping[str, str]
"""The host of each relay by its name, in the order in which they are preferred."""

_OPEN = text("""
    SELECT state, count(*) AS number, min(due_at) FILTER (WHERE due_at <= now()) AS oldest_due_at
    FROM messages WHERE state IN ('queued', 'deferred', 'sending') GROUP BY state
""")
_UNDELIVERED = text("""
    SELECT count(*) FROM messages
    WHERE state NOT IN ('queued', 'sending', 'deferred', 'sent') AND settled_at > now() - make_interval(days => :days)
        AND coalesce(reason, '') <> ALL (CAST(:unwanted AS text[]))
""")
_DEAD = text("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL")
_NOBODY = text("SELECT count(*) FROM intents WHERE state = 'waiting'")


class KindOfMail(BaseModel):
    """One kind, and what people call it."""

    kind: str
    title: Title


class Queue(BaseModel):
    """The switch: whether staff hold the queue, and who did it, when and why."""

    held: bool
    reason: str | None
    person_id: str | None
    person_name: str | None
    since: datetime | None


class RelayStanding(BaseModel):
    """A mail relay: faults in a row, the last one's words, seconds until it is tried again, since when it is away."""

    faults: int
    reason: str | None
    paused_s: float
    since: datetime | None = None


class NamedRelay(RelayStanding):
    """One of the relays in the order in which they are preferred; ``name`` is ``primary`` or ``secondary``."""

    name: str
    host: str


class Standing(BaseModel):
    """All of it at one moment."""

    mode: Mode
    """``hold``: by the settings nothing leaves, but to the addresses that are excepted there."""
    queue: Queue
    relay: RelayStanding
    """The first of ``relays``; for readers that know of one alone."""
    relays: list[NamedRelay]
    used: str | None
    """The name of the relay that mails go to now; null while none can be used, and everything waits."""
    waiting: dict[str, int]
    """Messages that are queued, deferred or being sent."""
    oldest_due_at: datetime | None
    """Since when the longest waiting one could have been sent."""
    waiting_for_people: int
    """Events whose people are not known yet."""
    undelivered: int
    """Messages of the last week that did not arrive."""
    dead_letters: int
    """Events that could not be handled, and were not handled since."""
    kinds: list[KindOfMail]


def read(connection: Connection, mode: Mode, relays: Relays) -> Standing:
    """Look at everything; ``mode`` and ``relays`` are the settings' own."""
    rows = connection.execute(_OPEN).all()
    counts = {row.state: row.number for row in rows}
    due = [row.oldest_due_at for row in rows if row.oldest_due_at is not None]
    thrown, ways = switch.current(connection), _relays(connection, relays)
    return Standing(
        mode=mode,
        queue=Queue(
            held=thrown.held,
            reason=thrown.reason,
            person_id=thrown.person_id,
            person_name=thrown.person_name,
            since=thrown.at,
        ),
        relay=RelayStanding(**ways[0].model_dump(exclude={"name", "host"})),
        relays=ways,
        used=next((way.name for way in ways if not way.faults), None),
        waiting={state: counts.get(state, 0) for state in ("queued", "deferred", "sending")},
        oldest_due_at=min(due, default=None),
        waiting_for_people=connection.scalar(_NOBODY) or 0,
        undelivered=_undelivered(connection),
        dead_letters=connection.scalar(_DEAD) or 0,
        kinds=[KindOfMail(kind=kind, title=Title.of(kind)) for kind in sorted(kinds())],
    )


def _relays(connection: Connection, relays: Relays) -> list[NamedRelay]:
    now = pause.current(connection)
    fares = [(name, host, now.get(name, pause.FLOWS)) for name, host in relays.items()]
    return [
        NamedRelay(name=name, host=host, faults=at.faults, reason=at.reason, paused_s=at.left_s, since=at.since)
        for name, host, at in fares
    ]


def _undelivered(connection: Connection) -> int:
    values = {"days": UNDELIVERED_DAYS, "unwanted": list(UNWANTED)}
    return connection.scalar(_UNDELIVERED, values) or 0
