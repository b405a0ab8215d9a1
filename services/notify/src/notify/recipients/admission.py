"""Whether a message may go to its reader now: the address, what that person decided, the hours of the night.

And whether there is still something to say: a kind may know that there is not (``moot``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from mercadito_events.inbox import Permanent
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import SQLAlchemyError

from notify.kinds import kinds
from notify.recipients.cancelled_days import IS_CANCELLED
from notify.recipients.newer_news import IS_OVERTAKEN
from notify.recipients.ordered import HAS_ORDERED
from notify.recipients.preferences import hours_of
from notify.recipients.quiet_hours import QuietHours, zone_of

TURNED_OFF: Final = "turned off by its reader"
HAS_MOVED: Final = "the person does not belong to the store any more"
# Why a mail was not sent though nothing went wrong.
UNWANTED: Final = (TURNED_OFF, HAS_MOVED, HAS_ORDERED, IS_CANCELLED, IS_OVERTAKEN)
NOT_JUDGED: Final = "whether it may go could not be found out"
# What stumbled is asked about again after so long, until it is too late to be of use: told by then as any other.
ASK_AGAIN_S: Final = 60.0

_log = structlog.get_logger(__name__)

# By the database's clock, as leases are. A message whose earlier dot was not answered is no longer asked about: what
# its second try repeats has perhaps arrived.
_READ = text("""
    SELECT m.id, m.kind, m.person_id, m.expires_at, now() AS now, c.time_zone, q.starts, q.ends,
        q.person_id IS NOT NULL AS chose_hours,
        EXISTS (SELECT FROM preferences AS p
            WHERE p.person_id = m.person_id AND p.kind = m.kind AND NOT p.wanted) AS turned_off,
        ARRAY(SELECT s.class FROM suppressions AS s
            WHERE s.email = lower(c.email) AND s.lifted_at IS NULL) AS returned,
        i.store_id <> ALL (c.store_ids) AS of_another_store
    FROM messages AS m
    JOIN intents AS i ON i.id = m.intent_id
    JOIN contacts AS c ON c.person_id = m.person_id
    LEFT JOIN quiet_hours AS q ON q.person_id = m.person_id
    WHERE m.id = ANY (CAST(:ids AS bigint[])) AND m.unanswered = 0
""")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """It is not sent at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It waits for the end of the reader's night."""

    reason: str
    delay_s: float


def judge(
    connection: Connection, abouts: Mapping[int, Mapping[str, Any]], *, quiet: QuietHours | None, zone: ZoneInfo
) -> dict[int, HeldBack | Later]:
    """Return which of these messages may not go now, and why.

    Args:
        connection: where they are.
        abouts: those about to be sent, by id, each with what it is about.
        quiet: the hub's own night, for those who chose none.
        zone: the hub's zone, for those whose own is not known.

    """
    found: dict[int, HeldBack | Later] = {}
    for row in connection.execute(_READ, {"ids": list(abouts)}).all():
        try:
            verdict = _verdict(row, quiet, zone)
            if not isinstance(verdict, HeldBack):
                verdict = _moot(connection, row.kind, abouts[row.id], row.person_id) or verdict
        except SQLAlchemyError:
            raise  # of the transaction, and so of all that were claimed in it
        except Exception:  # noqa: BLE001 - one message that cannot be judged shall not stop all others
            _log.exception("alarm_not_judged", mail_id=row.id, kind=row.kind)
            verdict = Later(NOT_JUDGED, ASK_AGAIN_S)
        if verdict is not None:
            found[row.id] = verdict
    return found


def _moot(connection: Connection, name: str, about: Mapping[str, Any], person_id: str) -> HeldBack | None:
    kind = kinds().get(name)
    if kind is None or kind.moot is None:
        return None
    try:
        why = kind.moot(connection, kind.reading.of(about), person_id)
    except Permanent:
        return None  # another version's; whoever writes it will say so
    return None if why is None else HeldBack(why)


def _verdict(row: Row[tuple[object, ...]], quiet: QuietHours | None, zone: ZoneInfo) -> HeldBack | Later | None:
    kind = kinds().get(row.kind)
    if kind is None:
        return None  # another version's; whoever writes it will say so
    if kind.group.value in row.returned:
        return HeldBack("mails to this address came back")
    if kind.group.is_optional and row.turned_off:
        return HeldBack(TURNED_OFF)
    if kind.recipients is None and row.of_another_store:
        return HeldBack(HAS_MOVED)
    night = hours_of(row.starts, row.ends) if row.chose_hours else quiet
    if not kind.can_wait or night is None:
        return None
    ends_at = night.end_after(row.now, zone_of(row.time_zone, zone))
    return None if ends_at is None or ends_at >= row.expires_at else _until(row.now, ends_at)


def _until(now: datetime, ends_at: datetime) -> Later:
    return Later(f"quiet hours of its reader until {ends_at:%Y-%m-%dT%H:%MZ}", (ends_at - now).total_seconds())
