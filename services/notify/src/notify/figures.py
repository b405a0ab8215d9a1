"""What Prometheus is told."""

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Connection, text

from notify import pause

OUTCOMES = Counter("notify_outcomes", "Attempts by what they led to", ["kind", "state"])
RELAY_FAULTS = Counter("notify_relay_faults", "Times the queue was paused because of the relay or our settings")
LEASES_LOST = Counter("notify_leases_lost", "Messages that another process took over while in hand")
ATTEMPT_S = Histogram(
    "notify_attempt_seconds",
    "From claiming a message to its recorded outcome",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 900),
)
QUEUED_S = Histogram(
    "notify_queued_seconds",
    "From a message's row to the relay's 250",
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 5, 30, 120, 900, 3_600, 86_400),
)
IN_STATE = Gauge("notify_messages", "Messages that are not settled", ["state"])
OLDEST_DUE_S = Gauge("notify_oldest_due_seconds", "How long the longest waiting due message has been due")
INTENTS_WAITING = Gauge("notify_intents_waiting", "Events whose people are not known yet")
PAUSED_S = Gauge("notify_queue_paused_seconds", "Seconds until the paused queue is tried again; 0 when it flows")

_STATES = text("""
    SELECT state, count(*) AS number, extract(epoch FROM now() - min(due_at)) AS age_s
    FROM messages WHERE state IN ('queued', 'deferred', 'sending') GROUP BY state
""")
_WAITING = text("SELECT count(*) FROM intents WHERE state = 'waiting'")
OPEN_STATES = ("queued", "deferred", "sending")


def measure(connection: Connection) -> None:
    """Bring the gauges up to date with the database."""
    found = {row.state: row for row in connection.execute(_STATES)}
    for state in OPEN_STATES:
        IN_STATE.labels(state).set(found[state].number if state in found else 0)
    OLDEST_DUE_S.set(max([0.0, *(float(row.age_s) for row in found.values())]))
    INTENTS_WAITING.set(connection.scalar(_WAITING) or 0)
    PAUSED_S.set(pause.current(connection).left_s)
