"""What those who run the system should know without looking: found by this service's own clock, told by mail.

Each cause once a day. No alarm can cause another: only mails about accounts and orders count as given up, and alarms
are caused by no event that somebody could fail to handle.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, Row, text

from notify.alarm_readings import (
    MAX_EVENTS,
    MAX_KINDS,
    Alarm,
    AwayRelay,
    AwayRelays,
    GivenUpKind,
    GivenUpMails,
    UnhandledEvent,
    UnhandledEvents,
)
from notify.kinds import kinds
from notify.kinds.kind import Group, Kind
from notify.queueing import intents
from notify.text import some_lines
from notify.writing.rendering import title

# A relay that comes back sooner is worth no mail: the queue waits for it by itself.
AWAY_FOR: Final = timedelta(minutes=15)
# So long others are gathered after the first mail that was given up, so that the day's one mail tells them, too.
GATHERED_FOR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# Of a relay's or an error's own words; all of them stand in the log.
MAX_SAID_CHARS: Final = 500
# What people wait for; reminders and alarms that did not arrive are seen on the page alone.
_AWAITED = (Group.SECURITY, Group.ORDERS)

_log = structlog.get_logger(__name__)

# One process at a time: two that look at once would both see that nothing was said yet.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('notify.alarms'))")
_UNHANDLED = text("""
    SELECT durable, count(*) AS number, now() AS now FROM dead_letters
    WHERE replayed_at IS NULL AND at > now() - :day GROUP BY durable ORDER BY durable
""")
_NEWEST = text("""
    SELECT subject, at, error FROM dead_letters
    WHERE replayed_at IS NULL AND durable = :durable ORDER BY at DESC, id DESC LIMIT :most
""")
_LAST_TOLD = text("SELECT max(created_at) FROM intents WHERE kind = :kind AND created_at > now() - interval '2 days'")
# As of their last change: a mail that came back had been sent long before. The first condition is that of the index
# ``messages_undelivered``.
_GIVEN_UP = text("""
    SELECT kind, state, count(*) AS number, min(updated_at) AS first FROM messages
    WHERE state NOT IN ('queued', 'sending', 'deferred', 'sent') AND state IN ('failed', 'unknown', 'expired')
        AND kind = ANY (CAST(:kinds AS text[])) AND updated_at > :since
    GROUP BY kind, state
    UNION ALL
    SELECT kind, 'unaddressed', count(*), min(greatest(expires_at, created_at)) FROM intents
    WHERE state = 'expired' AND kind = ANY (CAST(:kinds AS text[])) AND greatest(expires_at, created_at) > :since
    GROUP BY kind ORDER BY kind, state
""")
# Between its first and its last fault lies that time: one that was tried once and is not needed since does not count.
_AWAY = text("""
    SELECT name, faulty_since AS since, coalesce(reason, '') AS reason FROM relays
    WHERE faults > 0 AND updated_at - faulty_since >= :away_for AND name = ANY (CAST(:names AS text[])) ORDER BY name
""")


def look(connection: Connection, relays: Sequence[str]) -> None:
    """Write down what there is to tell; ``relays`` are the names of those in our settings."""
    if connection.scalar(_ALONE):
        _look_for_events(connection)
        _look_for_mails(connection)
        _look_for_relays(connection, relays)


def _look_for_events(connection: Connection) -> None:
    for row in connection.execute(_UNHANDLED, {"day": DAY}).all():
        newest = connection.execute(_NEWEST, {"durable": row.durable, "most": MAX_EVENTS}).all()
        about = UnhandledEvents(
            at=row.now,
            durable=row.durable,
            number=row.number,
            newest=tuple(UnhandledEvent(type=one.subject, at=one.at, error=_words(one.error)) for one in newest),
        )
        _say(connection, "alarm_events", about)


def _look_for_mails(connection: Connection) -> None:
    now = connection.scalar(text("SELECT now()"))
    told = connection.scalar(_LAST_TOLD, {"kind": "alarm_mails"})
    if told is not None and now - told < DAY:
        return
    since = max(told or now - DAY, now - 2 * DAY)
    awaited = [kind.name for kind in kinds().values() if kind.group in _AWAITED]
    rows = connection.execute(_GIVEN_UP, {"kinds": awaited, "since": since}).all()
    if rows and min(row.first for row in rows) <= now - GATHERED_FOR:
        _say(connection, "alarm_mails", GivenUpMails(at=now, since=since, kinds=_by_kind(rows)))


def _by_kind(rows: Sequence[Row[tuple[object, ...]]]) -> tuple[GivenUpKind, ...]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.kind, {})[row.state] = row.number
    return tuple(
        GivenUpKind(kind=kind, name=title(kind, "en"), name_es=title(kind, "es"), **ends)
        for kind, ends in list(found.items())[:MAX_KINDS]
    )


def _look_for_relays(connection: Connection, relays: Sequence[str]) -> None:
    away = connection.execute(_AWAY, {"names": list(relays), "away_for": AWAY_FOR}).all()
    if not away:
        return
    about = AwayRelays(
        at=connection.scalar(text("SELECT now()")),
        relays=tuple(AwayRelay(name=row.name, since=row.since, reason=_words(row.reason)) for row in away),
        all_away=len(away) == len(relays),
    )
    _say(connection, "alarm_relay", about)


def _say(connection: Connection, kind: str, about: Alarm) -> None:
    of: Kind = kinds()[kind]
    if intents.say(connection, of, about, at=about.at):
        _log.error("alarm_raised", kind=kind, about=of.about(about))


def _words(said: str) -> str:
    return some_lines(said[:MAX_SAID_CHARS])
