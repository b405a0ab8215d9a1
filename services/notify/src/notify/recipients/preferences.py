"""What somebody wants to get, and when not: kinds turned off, own quiet hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal

from sqlalchemy import Connection, text

from notify.kinds import kinds
from notify.kinds.kind import Group, Kind
from notify.recipients.quiet_hours import QuietHours

How = Literal["page", "one_click"]

_READ = text("""
    SELECT c.email, c.name, c.locale, c.time_zone, c.role, q.starts, q.ends, q.person_id IS NOT NULL AS chose_hours,
        ARRAY(SELECT kind FROM preferences AS p WHERE p.person_id = c.person_id AND NOT p.wanted) AS turned_off
    FROM contacts AS c LEFT JOIN quiet_hours AS q USING (person_id)
    WHERE c.person_id = :person_id AND c.active
""")
_WANT = text("""
    INSERT INTO preferences AS p (person_id, kind, wanted, how) VALUES (:person_id, :kind, :wanted, :how)
    ON CONFLICT (person_id, kind) DO UPDATE SET wanted = excluded.wanted, how = excluded.how, changed_at = now()
    WHERE p.wanted <> excluded.wanted
""")
_KEEP_QUIET = text("""
    INSERT INTO quiet_hours (person_id, starts, ends) VALUES (:person_id, :starts, :ends)
    ON CONFLICT (person_id) DO UPDATE SET starts = excluded.starts, ends = excluded.ends, changed_at = now()
""")
# Held through the night that somebody does not want any more: looked at again, and held again where that is still so.
_WAKE = text("UPDATE messages SET due_at = now() WHERE person_id = :person_id AND state = 'queued' AND due_at > now()")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody and what that person decided; ``own_hours`` is None as long as nothing was said about them."""

    person_id: str
    email: str
    name: str
    locale: str
    time_zone: str | None
    is_staff: bool
    turned_off: frozenset[str]
    own_hours: "OwnHours | None"

    def may_get(self, kind: Kind) -> bool:
        """Say whether a kind concerns this person at all: those of the hub's work concern those who do it."""
        return self.is_staff or kind.group is not Group.OPERATIONS


@dataclass(frozen=True, slots=True)
class OwnHours:
    """What somebody said about the night; ``quiet`` is None when mails may come at any hour."""

    quiet: QuietHours | None


def read(connection: Connection, person_id: str) -> Reader | None:
    """Return the person with what was decided; None when unknown or no longer active."""
    row = connection.execute(_READ, {"person_id": person_id}).one_or_none()
    if row is None:
        return None
    return Reader(
        person_id=person_id,
        email=row.email,
        name=row.name,
        locale=row.locale,
        time_zone=row.time_zone,
        is_staff=row.role in ("staff", "admin"),
        turned_off=frozenset(row.turned_off),
        own_hours=OwnHours(hours_of(row.starts, row.ends)) if row.chose_hours else None,
    )


def hours_of(starts: time | None, ends: time | None) -> QuietHours | None:
    """Return the hours of a row; one without any means: at any hour."""
    return None if starts is None or ends is None else QuietHours(starts, ends)


def want(connection: Connection, person_id: str, wanted: Mapping[str, bool], how: How) -> None:
    """Record, kind by kind, what is wanted; kinds that cannot be turned off stay as they are."""
    for name in sorted(wanted):
        kind = kinds().get(name)
        if kind is not None and kind.group.is_optional:
            values = {"person_id": person_id, "kind": name, "wanted": wanted[name], "how": how}
            connection.execute(_WANT, values)


def keep_quiet(connection: Connection, person_id: str, hours: QuietHours | None) -> None:
    """Record somebody's own quiet hours, or that there shall be none; what was held by others is looked at again."""
    values = {"starts": hours and hours.starts, "ends": hours and hours.ends}
    connection.execute(_KEEP_QUIET, {"person_id": person_id, **values})
    connection.execute(_WAKE, {"person_id": person_id})
