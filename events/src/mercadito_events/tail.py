"""Watch events go by, as an operator does: read only, without a trace on the server once it ends."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from mercadito_events.connection import ensure_open
from mercadito_events.topology import CONFIDENTIAL_STREAM, load

BATCH = 50
FETCH_TIMEOUT_S = 1.0
INACTIVE_THRESHOLD_S = 30.0
RETRY_S = 1.0
MAX_RAW_CHARS = 2_000


class NotReadable(Exception):
    """Nobody can watch that subject; the text says why."""


class Tail:
    """Follow one subject, from now or a moment in the past, over restarts of the server."""

    def __init__(self, nc: NATS, subject: str, *, since: datetime | None) -> None:
        self._nc, self._subject, self._since = nc, subject, since
        self._js = nc.jetstream()
        self._stream = stream_for(subject)
        self._last_seq = 0
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def run(self, stop: asyncio.Event, show: Callable[[str], None], *, limit: int, follow: bool) -> int:
        """Show a line per event until ``stop``, the limit or, unless following, the end; return how many there were."""
        shown = 0
        while shown < limit and not stop.is_set():
            ensure_open(self._nc)
            messages = await self._fetch(min(BATCH, limit - shown))
            for message in messages:
                self._last_seq = message.metadata.sequence.stream
                show(line(message))
            shown += len(messages)
            if not follow and (not messages or messages[-1].metadata.num_pending == 0):
                break
        return shown

    async def _fetch(self, count: int) -> list[Msg]:
        try:
            if self._subscription is None:
                self._subscription = await self._subscribe()
            return await self._subscription.fetch(count, timeout=FETCH_TIMEOUT_S)
        except TimeoutError:
            return []
        except APIError as error:
            if error.code and error.code < 500 and error.code != 404:  # noqa: PLR2004 - as HTTP's: what we asked is wrong
                raise
            self._subscription = None  # the server restarted and forgot this consumer; go on after the last one shown
        except Error:
            self._subscription = None
        await asyncio.sleep(RETRY_S)
        return []

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.NEW,
            filter_subject=self._subject,
            inactive_threshold=INACTIVE_THRESHOLD_S,
        )
        if self._last_seq:
            config = config.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._last_seq + 1)
        elif self._since:
            config = config.evolve(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=self._since)
        info = await self._js.add_consumer(self._stream, config)
        return await self._js.pull_subscribe_bind(info.name, stream=self._stream)


def stream_for(subject: str) -> str:
    """Return the one stream that the subject, wildcards or not, lies in."""
    contexts = {stream.subjects[0].split(".")[0]: stream.name for stream in load()}
    stream = contexts.get(subject.split(".", maxsplit=1)[0])
    if stream is None or "." not in subject:
        known = ", ".join(f"{context}.>" for context in contexts if contexts[context] != CONFIDENTIAL_STREAM)
        raise NotReadable(f"{subject!r} lies in no stream; there are {known}, and narrower ones")
    if stream == CONFIDENTIAL_STREAM:
        raise NotReadable("accounts.> carries addresses and one-time links; only notify reads it")
    return stream


def line(message: Msg) -> str:
    """Return id, time, type and body; of a dead letter also what went wrong, where its type stood."""
    headers = message.headers or {}
    time = headers.get("ce-time") or message.metadata.timestamp.astimezone(UTC).isoformat(timespec="milliseconds")
    about = [f"{name}={value}" for name, value in headers.items() if name.startswith("x-")]
    return printable(" ".join([headers.get("ce-id", "-"), time, message.subject, *about, _body(message.data)]))


def _body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return repr(body)[:MAX_RAW_CHARS]


def printable(text: str) -> str:
    """Return the text for a terminal, which must not take for commands what an event may hold."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
