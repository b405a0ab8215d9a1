"""How far behind each durable is. What counts is the age of the oldest event, not how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import APIError

from mercadito_events.topology import CONFIDENTIAL_STREAM, load

ANSWER_TIMEOUT_S = 3.0

_HEAD = ("durable", "stream", "pending", "ack pending", "redelivered", "oldest")
_NAMES = 2  # so many columns are names, to the left; the rest are numbers, to the right


@dataclass(frozen=True, slots=True)
class Lag:
    """One durable: what waits for it, what it works on, what it was given more than once, and the oldest of these."""

    durable: str
    stream: str
    pending: int
    ack_pending: int
    redelivered: int
    oldest_s: float | None
    """None: nothing waits, or (ACCOUNTS) nobody may look at the message that would tell."""


async def measure(nc: NATS) -> list[Lag]:
    """Ask for every durable, those that streams.yaml does not know too."""
    js = nc.jetstream(timeout=ANSWER_TIMEOUT_S)
    found: list[Lag] = []
    for stream in load():
        durables = [info for info in await js.consumers_info(stream.name) if info.config.durable_name]
        found += [await _lag(js, stream.name, info) for info in durables]
    return found


def table(lags: Sequence[Lag]) -> str:
    """Return the measurements as columns."""
    rows = [_HEAD, *(_row(lag) for lag in lags)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join("  ".join(_aligned(row, widths)).rstrip() for row in rows)


async def _lag(js: JetStreamContext, stream: str, info: ConsumerInfo) -> Lag:
    pending, ack_pending = info.num_pending or 0, info.num_ack_pending or 0
    waits = pending + ack_pending > 0 and stream != CONFIDENTIAL_STREAM
    oldest_s = await _oldest_s(js, stream, info) if waits else None
    return Lag(info.name, stream, pending, ack_pending, info.num_redelivered or 0, oldest_s)


async def _oldest_s(js: JetStreamContext, stream: str, info: ConsumerInfo) -> float | None:
    after = (info.ack_floor.stream_seq if info.ack_floor else 0) + 1
    try:
        message = await js.get_msg(stream, after, subject=info.config.filter_subject or ">", next=True)
    except APIError:
        return None  # it was handled or removed since
    return None if message.time is None else max(0.0, (datetime.now(UTC) - message.time).total_seconds())


def _row(lag: Lag) -> tuple[str, ...]:
    return (lag.durable, lag.stream, str(lag.pending), str(lag.ack_pending), str(lag.redelivered), _age(lag))


def _age(lag: Lag) -> str:
    if lag.pending + lag.ack_pending == 0:
        return "-"
    if lag.oldest_s is None:
        return "not shown"
    minutes, seconds = divmod(int(lag.oldest_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    names = [cell.ljust(width) for cell, width in zip(row[:_NAMES], widths[:_NAMES], strict=True)]
    return names + [cell.rjust(width) for cell, width in zip(row[_NAMES:], widths[_NAMES:], strict=True)]
