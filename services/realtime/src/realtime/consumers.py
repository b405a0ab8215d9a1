"""Ephemeral pull consumers that nobody acknowledges, and the questions to JetStream that go with them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription

BATCH = 250
"""So many messages a pull brings, all of which may wait in memory: a full event of prices has 60 kB."""

EXPIRES_S = 30
HEARTBEAT_S = 2
API_TIMEOUT_S = 5.0
INACTIVE_S = 30
"""The server removes a consumer that nobody pulled from for so long."""

PENDING_MESSAGES = 4 * BATCH
PENDING_BYTES = 64 * 1024 * 1024
_NANOS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Broken(Exception):
    """The consumer can't be trusted any more."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a stream holds: the name of its incarnation, its first and its last sequence."""

    epoch: str
    first: int
    last: int


async def ask(nc: Client, what: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Ask the JetStream API.

    Raises:
        Broken: the server refuses.

    """
    body = b"" if request is None else json.dumps(request).encode()
    message = await nc.request(f"$JS.API.{what}", body, timeout=API_TIMEOUT_S)
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise Broken(answer["error"].get("description", "refused"))
    return answer


async def extent(nc: Client, stream: str) -> Extent:
    """Ask what a stream holds."""
    info = await ask(nc, f"STREAM.INFO.{stream}")
    return Extent(_epoch_of(stream, info), info["state"]["first_seq"], info["state"]["last_seq"])


async def create(nc: Client, stream: str, start: Mapping[str, Any]) -> tuple[str, int]:
    """Make a consumer that begins there; return its name and how many messages wait for it."""
    config = {"ack_policy": "none", "mem_storage": True, "inactive_threshold": INACTIVE_S * _NANOS, **start}
    made = await ask(nc, f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
    return made["name"], made["num_pending"]


def after(offset: int) -> dict[str, Any]:
    """Begin with the message after that sequence."""
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": offset + 1}


def since(moment: datetime) -> dict[str, Any]:
    """Begin with the first message stored at that time or later."""
    return {"deliver_policy": "by_start_time", "opt_start_time": moment.isoformat()}


async def pull(nc: Client, stream: str, consumer: str, inbox: str) -> None:
    """Ask for the next ``BATCH`` messages."""
    wish = {"batch": BATCH, "expires": EXPIRES_S * _NANOS, "idle_heartbeat": HEARTBEAT_S * _NANOS}
    await nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", json.dumps(wish).encode(), reply=inbox)


async def delete(nc: Client, stream: str, consumer: str) -> None:
    """Have a consumer removed; unanswered on purpose: the server also removes it by itself, only later."""
    await nc.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{consumer}")


@asynccontextmanager
async def listening(nc: Client) -> AsyncIterator[Subscription]:
    """Listen where a consumer's messages are to go."""
    subscription = await nc.subscribe(
        nc.new_inbox(), pending_msgs_limit=PENDING_MESSAGES, pending_bytes_limit=PENDING_BYTES
    )
    try:
        yield subscription
    finally:
        await subscription.unsubscribe()


def unix_ms(moment: datetime) -> int:
    """Return a time as milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _epoch_of(stream: str, info: Mapping[str, Any]) -> str:
    """Name the stream's incarnation: made again, it counts from one again, and no old position holds."""
    moment, _, fraction = str(info["created"]).rstrip("Z").partition(".")
    seconds = int((datetime.fromisoformat(moment).replace(tzinfo=UTC) - _EPOCH).total_seconds())
    return f"{stream}.{_base36(seconds * _NANOS + int(fraction.ljust(9, '0') or 0))}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
