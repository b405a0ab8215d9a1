"""The queue's pause: while the relay or our settings are at fault, every message waits and none is blamed."""

import random
from dataclasses import dataclass

from sqlalchemy import Connection, text

RELAY = "primary"
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
JITTER = 0.2

_READ = text("""
    SELECT faults, reason, greatest(extract(epoch FROM paused_until - now()), 0) AS left_s
    FROM relays WHERE name = :name
""")
# Several messages in hand meet the same fault: only the first of them lengthens the pause.
_PAUSE = text("""
    UPDATE relays
    SET faults = least(faults + 1, 1000), reason = :reason, updated_at = now(),
        paused_until = now() + make_interval(secs => :jitter * least(:longest, :first * 2 ^ least(faults, 30)))
    WHERE name = :name AND (paused_until IS NULL OR paused_until <= now())
    RETURNING faults
""")
_RESUME = text("""
    UPDATE relays SET faults = 0, reason = NULL, paused_until = NULL, updated_at = now()
    WHERE name = :name AND faults > 0
""")


@dataclass(frozen=True, slots=True)
class Pause:
    """How the relay fares: faults in a row, the last one's reason, and seconds until the next try."""

    faults: int
    reason: str | None
    left_s: float


def current(connection: Connection) -> Pause:
    """Read it as all processes see it."""
    row = connection.execute(_READ, {"name": RELAY}).one()
    return Pause(row.faults, row.reason, float(row.left_s or 0))


def pause(connection: Connection, reason: str, dice: random.Random) -> int | None:
    """Hold the queue, longer with each fault in a row; return how many there were, None when it is held already."""
    values = {
        "name": RELAY,
        "reason": reason,
        "first": FIRST_PAUSE_S,
        "longest": LONGEST_PAUSE_S,
        "jitter": dice.uniform(1 - JITTER, 1 + JITTER),
    }
    faults: int | None = connection.scalar(_PAUSE, values)
    return faults


def resume(connection: Connection) -> bool:
    """Let the queue flow; return whether it had been held."""
    return connection.execute(_RESUME, {"name": RELAY}).rowcount == 1
