"""How much of the stream our events take: a full one takes no more, today's prices included, until the oldest go."""

from mercadito_events.topology import load, stream_of
from sqlalchemy import Connection, text

# What a message takes beside its body: headers, subject, the store's own.
BESIDE_BYTES = 700
# The rest of the stream is left to what comes by itself: 2 MB a day from all cities.
MOST_PERCENT = 75
_MEGA = 1024 * 1024

_STREAM = next(stream for stream in load() if stream.name == stream_of("usda.price.recorded.v1"))
MOST_BYTES = _STREAM.max_bytes * MOST_PERCENT // 100
_TOLD = text("""
    SELECT coalesce(sum(octet_length(body) + :beside), 0) FROM outbox
    WHERE published_at IS NULL OR published_at > clock_timestamp() - make_interval(secs => :kept)
""")


def too_full(connection: Connection) -> str | None:
    """Say why no events should be made that can wait; None while there is room for them."""
    told = int(connection.scalar(_TOLD, {"beside": BESIDE_BYTES, "kept": _STREAM.max_age_s}) or 0)
    if told <= MOST_BYTES:
        return None
    return (
        f"the events of the last {_STREAM.max_age_s // 86_400} days, or still waiting, take {told // _MEGA} MB of the"
        f" {_STREAM.max_bytes // _MEGA} that the stream {_STREAM.name} holds; the rest is left to the prices of today."
        " They make room as they grow old: try again tomorrow"
    )
