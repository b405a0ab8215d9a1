"""Look through the dead letters, have them told again, take them off; as an operator does.

A letter is not published again from here: it would take the right to speak for every service. The publisher's outbox
tells the event again, which also holds what DLQ does not keep of account events.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RawStreamMsg
from nats.js.errors import NotFoundError
from sqlalchemy import Engine

from mercadito_events import retelling
from mercadito_events.dead_letters import DEAD_LETTER_STREAM
from mercadito_events.relay import KEPT_DAYS
from mercadito_events.tail import printable

BATCH = 100
FETCH_TIMEOUT_S = 3.0
INACTIVE_THRESHOLD_S = 30.0

Show = Callable[[str], None]
Ranges = Sequence[range]


async def show_list(nc: NATS, durable: str | None, show: Show) -> None:
    """Show a line per letter, the oldest first: number, when, for whom, which event, what went wrong."""
    async for message in _letters(nc.jetstream(), f"dlq.{durable or '>'}"):
        headers = message.headers or {}
        words = (
            str(message.metadata.sequence.stream),
            message.metadata.timestamp.isoformat(timespec="seconds"),
            message.subject.removeprefix("dlq."),
            headers.get("x-subject", "-"),
            headers.get("ce-id", "-"),
            headers.get("x-error", "-"),
        )
        show(printable("  ".join(words)))


async def show_one(nc: NATS, number: int, show: Show) -> bool:
    """Show a letter whole; False when there is none of that number."""
    letter = await _letter(nc.jetstream(), number)
    if letter is None:
        return False
    for name, value in {"dead-letter": letter.subject or "", **(letter.headers or {})}.items():
        show(printable(f"{name}: {value}"))
    for line in _lines(letter.data or b""):
        show(printable(line))
    return True


async def discard(nc: NATS, numbers: Ranges, show: Show) -> bool:
    """Take letters off; False when there was none."""
    js, found = nc.jetstream(), False
    for number in await _existing(js, numbers):
        if await _letter(js, number) is not None:
            await js.delete_msg(DEAD_LETTER_STREAM, number)
            show(f"{number} discarded")
            found = True
    return found


async def replay(nc: NATS, engine: Engine, numbers: Ranges, show: Show) -> bool:
    """Have the events of letters told again that this outbox has told, and take those letters off.

    Those of other publishers are passed over. False when one of ours could not be told.
    """
    js, succeeded, others = nc.jetstream(), True, 0
    with engine.connect() as connection:
        source = retelling.source_of(connection)
    for number in await _existing(js, numbers):
        letter = await _letter(js, number)
        if letter is None:
            continue
        headers = letter.headers or {}
        if headers.get("ce-source", "") != source:
            others += 1
            continue
        with engine.begin() as connection:
            outcome = retelling.tell_one(connection, headers.get("ce-id", ""))
        if outcome == "told":
            await js.delete_msg(DEAD_LETTER_STREAM, number)
            show(f"{number} told again")
        else:
            show(f"{number} stays: {_REASONS[outcome]}")
            succeeded = False
    if others:
        show(f"{others} not of this service")
    return succeeded


_REASONS = {
    "over": "it was for a time that has passed",
    "gone": f"the outbox holds it no longer (it keeps them for {KEPT_DAYS} days)",
}


async def _letters(js: JetStreamContext, subject: str) -> AsyncIterator[Msg]:
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.ALL,
        filter_subject=subject,
        headers_only=True,
        inactive_threshold=INACTIVE_THRESHOLD_S,
    )
    made = await js.add_consumer(DEAD_LETTER_STREAM, config)
    waiting = made.num_pending or 0
    subscription = await js.pull_subscribe_bind(made.name, stream=DEAD_LETTER_STREAM)
    while waiting:
        for message in await subscription.fetch(min(BATCH, waiting), timeout=FETCH_TIMEOUT_S):
            waiting = message.metadata.num_pending
            yield message


async def _existing(js: JetStreamContext, numbers: Ranges) -> Iterable[int]:
    # A range may be longer than there ever were letters.
    state = (await js.stream_info(DEAD_LETTER_STREAM)).state
    first, end = state.first_seq, state.last_seq + 1
    kept = (range(max(wanted.start, first), min(wanted.stop, end)) for wanted in numbers)
    return sorted({number for each in kept for number in each})


async def _letter(js: JetStreamContext, number: int) -> RawStreamMsg | None:
    try:
        return await js.get_msg(DEAD_LETTER_STREAM, number)
    except NotFoundError:
        return None


def _lines(body: bytes) -> list[str]:
    if not body:
        return []
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2).splitlines()
    except (ValueError, RecursionError):
        return [repr(body)]
