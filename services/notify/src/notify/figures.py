"""What Prometheus is told."""

from collections import Counter as Counted

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Connection, text

from notify.kinds import kinds
from notify.queueing import pause, switch
from notify.queueing.policy import State

OUTCOMES = Counter(
    "notify_outcomes", "Attempts, and mails that waited too long, by what came of them", ["kind", "state"]
)
RELAY_FAULTS = Counter("notify_relay_faults", "Times a relay was paused because of itself or our settings", ["relay"])
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
PHASE_S = Histogram(
    "notify_phase_seconds",
    "Parts of the conversations with relays: connect, greeting, tls, sign_in, envelope, body, dot",
    ["phase"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600),
)
# Labels are bounded: kinds that this version does not know count as one, states and relays are few.
OTHER = "other"
IN_STATE = Gauge("notify_messages", "Messages that are not settled", ["state", "kind"])
OLDEST_DUE_S = Gauge("notify_oldest_due_seconds", "How long the longest waiting due message has been due", ["kind"])
INTENTS_WAITING = Gauge("notify_intents_waiting", "Events whose people are not known yet")
PAUSED_S = Gauge("notify_relay_paused_seconds", "Seconds until a paused relay is tried again; 0: it is used", ["relay"])
HELD = Gauge("notify_queue_held", "1 while staff, or MAIL_MODE, hold the queue")
DEAD_LETTERS = Gauge("notify_dead_letters", "Events that could not be handled, and were not handled since")

UNSETTLED = ("queued", "sending", "deferred")
UNKNOWN = Gauge("notify_unknown_messages", "Mails of the last 7 days of which nobody knows whether they arrived")

_STATES = text("""
    SELECT state, kind, count(*) AS number, extract(epoch FROM now() - min(due_at)) AS age_s
    FROM messages WHERE state IN ('queued', 'deferred', 'sending') GROUP BY state, kind
""")
_WAITING = text("SELECT count(*) FROM intents WHERE state = 'waiting'")
# The first condition is that of the index ``messages_undelivered``.
_UNKNOWN = text("""
    SELECT count(*) FROM messages
    WHERE state NOT IN ('queued', 'sending', 'deferred', 'sent') AND state = 'unknown'
        AND updated_at > now() - interval '7 days'
""")
_DEAD = text("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL")


def phase_took(phase: str, seconds: float) -> None:
    """Note a part of a conversation with a relay."""
    PHASE_S.labels(phase).observe(seconds)


def begin() -> None:
    """Have every outcome there from the beginning: of a series that starts with 1 nobody could see that it grew."""
    for kind in (*kinds(), OTHER):
        for state in State:
            if state not in (State.QUEUED, State.SENDING):
                OUTCOMES.labels(kind, state.value)


def ended(kind: str, state: str) -> None:
    """Note what became of a mail: by an attempt, or since it waited too long."""
    OUTCOMES.labels(_label(kind), state).inc()


def measure(connection: Connection, mode: str = "send") -> None:
    """Bring the gauges up to date with the database, and with what the settings say of mail."""
    _measure_messages(connection)
    INTENTS_WAITING.set(connection.scalar(_WAITING) or 0)
    UNKNOWN.set(connection.scalar(_UNKNOWN) or 0)
    DEAD_LETTERS.set(connection.scalar(_DEAD) or 0)
    HELD.set(int(mode == "hold" or switch.current(connection).held))
    for relay, state in pause.current(connection).items():
        PAUSED_S.labels(relay).set(state.left_s)


def _measure_messages(connection: Connection) -> None:
    # Where nothing waits, that is told: a figure that is not there looks like a process that is not.
    numbers: Counted[tuple[str, str]] = Counted(dict.fromkeys(((state, OTHER) for state in UNSETTLED), 0))
    # A kind of which nothing is due says so, and does not just fall silent.
    oldest = dict.fromkeys((*kinds(), OTHER), 0.0)
    for row in connection.execute(_STATES):
        kind = _label(row.kind)
        numbers[row.state, kind] += row.number
        oldest[kind] = max(oldest[kind], float(row.age_s))
    IN_STATE.clear()
    for (state, kind), number in numbers.items():
        IN_STATE.labels(state, kind).set(number)
    for kind, age_s in oldest.items():
        OLDEST_DUE_S.labels(kind).set(age_s)


def _label(kind: str) -> str:
    return kind if kind in kinds() else OTHER
