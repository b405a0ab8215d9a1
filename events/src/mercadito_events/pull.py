"""Fetching from a durable, and noticing when nothing comes although something should.

nats-py's pull subscriptions have been seen to stall for ever after a reconnect, silently (nats.py#504, #933). So the
server is asked, at most every 10 s and only when idle, whether messages wait; if they do, none arrives and nobody else
settles any, the subscription is made anew, and if that does not help, the process must go.
"""

import asyncio
import time

import structlog
from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from mercadito_events.connection import ensure_open
from mercadito_events.fetching import Fetching
from mercadito_events.waiting import pause

FETCH_TIMEOUT_S = 1.0
STALL_S = 10.0
MISSING_DEADLINE_S = 30.0
RETRY_S = 0.5
INFO_TIMEOUT_S = 5.0
# So many deliveries that went elsewhere while this one was asking all the time, and of which none was settled, went to
# a dead subscription. Times the suspicions they are more than those of an event that another instance fails at.
MISSED_DELIVERIES = 4
SUSPICIONS = 3

_log = structlog.get_logger(__name__)


class ConsumerStuck(Exception):
    """Messages wait and none arrives: the process must end with an error and be started anew."""


class ConsumerMissing(ConsumerStuck):
    """The durable or its stream does not exist; ``mercadito-events provision`` makes it."""


class Pull:
    """One subscription to one durable that exists already; it never creates one."""

    def __init__(self, nc: NATS, *, stream: str, durable: str) -> None:
        self._nc, self._stream, self._durable = nc, stream, durable
        self._js = nc.jetstream(timeout=INFO_TIMEOUT_S)
        self._subscription: Fetching | None = None
        self._quiet_since = time.monotonic()
        self._seen = 0
        self._settled = 0
        self._suspicions = 0

    async def open(self, stop: asyncio.Event) -> None:
        """Bind to the durable; wait for it to be made, and for NATS to be there, then give up.

        Raises:
            ConsumerMissing: NATS answers, and has no such durable for 30 s.

        """
        missing_since: float | None = None
        while not stop.is_set():
            ensure_open(self._nc)
            try:
                info = await self._js.consumer_info(self._stream, self._durable)
            except NotFoundError:
                missing_since = missing_since or time.monotonic()
                if time.monotonic() - missing_since > MISSING_DEADLINE_S:
                    raise ConsumerMissing(f"{self._stream} has no durable {self._durable}; run provision") from None
            except (Error, TimeoutError):
                missing_since = None  # NATS is away or starting, which says nothing about the durable
            else:
                await self._bind(info)
                return
            await pause(stop, RETRY_S)

    async def next(self) -> Msg | None:
        """Return the next message, or None when there was none for a second.

        Raises:
            ConsumerStuck: messages wait, and three subscriptions in a row got none of them.
            ConsumerMissing: the durable is gone.

        """
        if self._subscription is None:
            raise ConsumerMissing("not bound to a durable")
        try:
            message = await self._subscription.fetch(timeout_s=FETCH_TIMEOUT_S)
        except TimeoutError:
            await self._look_if_due()
            return None
        except Error:
            # No responders: JetStream is starting, or the durable is gone; the look will tell.
            await asyncio.sleep(RETRY_S)
            await self._look_if_due()
            return None
        self._arrived(message.metadata.sequence.consumer)
        return message

    async def close(self) -> None:
        """Unsubscribe; a message that came after the last fetch is handed back at once."""
        if self._subscription is None or self._nc.is_closed:
            return
        try:
            while (message := await self._subscription.left_over()) is not None:
                await message.nak()
            await self._subscription.unsubscribe()
        except (Error, TimeoutError):
            pass  # then it is redelivered after ack_wait
        self._subscription = None

    def _arrived(self, consumer_seq: int) -> None:
        self._quiet_since, self._suspicions = time.monotonic(), 0
        self._seen = self._settled = consumer_seq  # or soon to be: that it is settled says nothing about others

    async def _bind(self, info: ConsumerInfo) -> None:
        self._subscription = await Fetching.bind(self._nc, stream=self._stream, durable=self._durable)
        self._quiet_since = time.monotonic()
        self._seen, self._settled = _delivered(info), _settled(info)

    async def _look_if_due(self) -> None:
        if time.monotonic() - self._quiet_since < STALL_S or not self._nc.is_connected:
            return
        try:
            info = await self._js.consumer_info(self._stream, self._durable)
        except NotFoundError:
            raise ConsumerMissing(f"the durable {self._durable} of {self._stream} is gone; run provision") from None
        except (Error, TimeoutError) as error:
            _log.warning("consumer_info_unanswered", durable=self._durable, error=type(error).__name__)
            return
        self._quiet_since = time.monotonic()
        if self._others_work(info):
            self._seen, self._suspicions = _delivered(info), 0
        elif self._is_stalled(info):
            await self._suspect(info)

    def _others_work(self, info: ConsumerInfo) -> bool:
        """Whether messages that did not come here were settled since the last look: other instances get them."""
        known, self._settled = self._settled, _settled(info)
        return self._settled > known

    def _is_stalled(self, info: ConsumerInfo) -> bool:
        waiting, busy = info.num_pending or 0, info.num_ack_pending or 0
        may_deliver = busy < (info.config.max_ack_pending or 1)
        return (waiting > 0 and may_deliver) or _delivered(info) - self._seen >= MISSED_DELIVERIES

    async def _suspect(self, info: ConsumerInfo) -> None:
        self._suspicions += 1
        _log.error("consumer_stalled", durable=self._durable, pending=info.num_pending, suspicions=self._suspicions)
        if self._suspicions >= SUSPICIONS:
            raise ConsumerStuck(f"{info.num_pending} messages wait for {self._durable} and none arrives")
        await self.close()
        await self._bind(info)


def _delivered(info: ConsumerInfo) -> int:
    return info.delivered.consumer_seq if info.delivered else 0


def _settled(info: ConsumerInfo) -> int:
    return info.ack_floor.consumer_seq if info.ack_floor else 0
