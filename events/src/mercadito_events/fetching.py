"""Asking a durable for its next message.

nats-py's own ``fetch`` takes whatever has a header ``Status`` for the server's answer to the request, and drops it
unacknowledged: anybody's message could stop a durable. A message of a stream is known by where it is acknowledged.
"""

import json
import time
from typing import Self

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

_ACKNOWLEDGED_AT = "$JS.ACK."
_NANOS = 1_000_000_000
# So much sooner than we stop listening does the server drop the request, or it might answer nobody.
_SOONER_NANOS = 100_000
_HEARTBEAT = "100"
# Of ADR-13 of nats-architecture-and-design: no messages, the request's time is over, a conflict that passes.
_NOTHING = ("404", "408", "409")


class Unfetched(Error):
    """The server refuses the request, or nobody answers it; the text says with which status."""


class Fetching:
    """One subscription to which a durable's messages are delivered, as they are asked for."""

    def __init__(self, nc: NATS, subscription: Subscription, *, stream: str, durable: str) -> None:
        self._nc, self._subscription = nc, subscription
        self._ask_at = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"

    @classmethod
    async def bind(cls, nc: NATS, *, stream: str, durable: str) -> Self:
        """Subscribe; nothing is asked of the server yet."""
        return cls(nc, await nc.subscribe(nc.new_inbox()), stream=stream, durable=durable)

    async def fetch(self, *, timeout_s: float) -> Msg:
        """Return the next message: one that is here already, else what the server sends within that time.

        Raises:
            TimeoutError: there is none.
            Unfetched: the server says something else.

        """
        deadline = time.monotonic() + timeout_s
        if (here := await self.left_over()) is not None:
            return here
        wish = {"batch": 1, "expires": int(timeout_s * _NANOS) - _SOONER_NANOS}
        await self._nc.publish(self._ask_at, json.dumps(wish).encode(), reply=self._subscription.subject)
        while (left_s := deadline - time.monotonic()) > 0:
            message = await self._subscription.next_msg(timeout=left_s)
            if _is_message(message):
                return message
            _heed((message.headers or {}).get("Status", ""))
        raise TimeoutError

    async def left_over(self) -> Msg | None:
        """Return a message that came after the request before had ended; what else came was meant for that one."""
        while self._subscription.pending_msgs:
            message = await self._subscription.next_msg()
            if _is_message(message):
                return message
        return None

    async def unsubscribe(self) -> None:
        """Have nothing delivered any more."""
        await self._subscription.unsubscribe()


def _is_message(message: Msg) -> bool:
    return message.reply.startswith(_ACKNOWLEDGED_AT)


def _heed(status: str) -> None:
    if status in _NOTHING:
        raise TimeoutError
    if status != _HEARTBEAT:
        raise Unfetched(f"status {status or 'unknown'}")
