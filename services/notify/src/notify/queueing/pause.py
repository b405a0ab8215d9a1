"""A relay's pause: while it or our settings are at fault, every message waits and none is blamed."""

import random
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

PRIMARY = "primary"
SECONDARY = "secondary"
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
# Of a relay that answers, and takes none of the last mails: perhaps it minds these alone, and all others wait.
LONGEST_IN_DOUBT_S = 15.0
# Faults in a row are counted so far; in doubt only as far as that pause takes, so that the first plain fault after it
# is as short as any of the first few.
MOST_FAULTS = 1000
MOST_FAULTS_IN_DOUBT = 3
JITTER = 0.2

_READ = text("""
    SELECT name, faults, reason, coalesce(greatest(extract(epoch FROM paused_until - now()), 0), 0) AS left_s,
        CASE WHEN faults > 0 THEN coalesce(faulty_since, updated_at) END AS since
    FROM relays
""")
# Several messages in hand meet the same fault: only the first of them lengthens the pause.
_PAUSE = text("""
    INSERT INTO relays AS r (name, faults, reason, updated_at, faulty_since, paused_until)
    VALUES (:name, 1, :reason, now(), now(), now() + make_interval(secs => :jitter * :first))
    ON CONFLICT (name) DO UPDATE
    SET faults = greatest(r.faults, least(r.faults + 1, :most_faults)), reason = excluded.reason, updated_at = now(),
        faulty_since = CASE WHEN r.faults > 0 THEN coalesce(r.faulty_since, r.updated_at) ELSE now() END,
        paused_until = now() + make_interval(secs => :jitter * least(:longest, :first * 2 ^ least(r.faults, 30)))
    WHERE r.paused_until IS NULL OR r.paused_until <= now()
    RETURNING faults
""")
_RESUME = text("""
    UPDATE relays SET faults = 0, reason = NULL, paused_until = NULL, faulty_since = NULL, updated_at = now()
    WHERE name = :name AND faults > 0
""")


@dataclass(frozen=True, slots=True)
class Pause:
    """How the relay fares: faults in a row, the last one's reason, seconds until the next try, the first fault."""

    faults: int = 0
    reason: str | None = None
    left_s: float = 0.0
    since: datetime | None = None


FLOWS = Pause()


def current(connection: Connection) -> dict[str, Pause]:
    """Read it by relay, as all processes see it; one that is missing had no fault."""
    rows = connection.execute(_READ)
    return {row.name: Pause(row.faults, row.reason, float(row.left_s), row.since) for row in rows}


def pause(
    connection: Connection, relay: str, reason: str, dice: random.Random, *, in_doubt: bool = False
) -> int | None:
    """Hold it, longer with each fault in a row; return how many there were, None when it is held already."""
    values = {
        "name": relay,
        "reason": reason,
        "first": FIRST_PAUSE_S,
        "longest": LONGEST_IN_DOUBT_S if in_doubt else LONGEST_PAUSE_S,
        "most_faults": MOST_FAULTS_IN_DOUBT if in_doubt else MOST_FAULTS,
        "jitter": dice.uniform(1 - JITTER, 1 + JITTER),
    }
    faults: int | None = connection.scalar(_PAUSE, values)
    return faults


def resume(connection: Connection, relay: str) -> bool:
    """Let it be used by all; return whether it had been held."""
    return connection.execute(_RESUME, {"name": relay}).rowcount == 1
