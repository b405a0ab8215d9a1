"""Make the streams and durables of ``streams.yaml``, again and again with the same result."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from mercadito_events.topology import Durable, Stream

READY_DEADLINE_S = 30.0
_POLL_S = 0.2

Action = Literal["created", "updated", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done with one stream or durable; ``detail`` names what differed, or why the server refused."""

    name: str
    action: Action
    detail: str = ""


async def provision(nc: NATS, streams: Sequence[Stream]) -> list[Outcome]:
    """Create what is missing and update what differs; what the server refuses to change is told, not forced.

    Streams and durables that ``streams.yaml`` does not know are left alone.
    """
    js = nc.jetstream()
    await _wait_until_ready(js)
    outcomes = []
    for stream in streams:
        outcome = await _provision_stream(js, stream)
        outcomes.append(outcome)
        exists = outcome.action != "refused" or await _exists(js, stream.name)
        outcomes += [await _provision_durable(js, stream.name, durable) for durable in stream.durables if exists]
    return outcomes


async def _wait_until_ready(js: JetStreamContext) -> None:
    # A server that has just started answers connections before JetStream has recovered its streams.
    async with asyncio.timeout(READY_DEADLINE_S):
        while True:
            try:
                await js.account_info()
            except (ServiceUnavailableError, Error, TimeoutError):
                await asyncio.sleep(_POLL_S)
            else:
                return


async def _provision_stream(js: JetStreamContext, stream: Stream) -> Outcome:
    wanted = _stream_fields(stream)
    try:
        current = (await js.stream_info(stream.name)).config
    except NotFoundError:
        return await _tell(stream.name, "created", "", js.add_stream(StreamConfig(**wanted)))
    differences = _differences(current, wanted)
    if not differences:
        return Outcome(stream.name, "unchanged")
    return await _tell(stream.name, "updated", differences, js.update_stream(current.evolve(**wanted)))


async def _provision_durable(js: JetStreamContext, stream: str, durable: Durable) -> Outcome:
    name, wanted = f"{stream}/{durable.name}", _durable_fields(durable)
    try:
        current = (await js.consumer_info(stream, durable.name)).config
    except NotFoundError:
        return await _tell(name, "created", "", js.add_consumer(stream, ConsumerConfig(**wanted)))
    differences = _differences(current, wanted)
    if not differences:
        return Outcome(name, "unchanged")
    return await _tell(name, "updated", differences, js.add_consumer(stream, current.evolve(**wanted)))


async def _tell(name: str, action: Action, detail: str, request: Any) -> Outcome:
    try:
        await request
    except APIError as error:
        advice = "delete it by hand if it must change" if action == "updated" else "see the server's log"
        return Outcome(name, "refused", f"{detail or 'creation'}: {error.description} ({error.err_code}); {advice}")
    return Outcome(name, action, detail)


async def _exists(js: JetStreamContext, stream: str) -> bool:
    try:
        await js.stream_info(stream)
    except NotFoundError:
        return False
    return True


def _stream_fields(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "description": stream.description,
        "subjects": list(stream.subjects),
        "retention": RetentionPolicy.LIMITS,
        "storage": StorageType.FILE,
        "discard": DiscardPolicy(stream.discard),
        "max_bytes": stream.max_bytes,
        "max_age": stream.max_age_s,
        "max_msg_size": stream.max_message_bytes,
        "duplicate_window": stream.duplicate_window_s,
        "num_replicas": stream.replicas,
    }


def _durable_fields(durable: Durable) -> dict[str, Any]:
    return {
        "durable_name": durable.name,
        "filter_subject": durable.filter_subject,
        "ack_policy": AckPolicy.EXPLICIT,
        "ack_wait": durable.ack_wait_s,
        "max_deliver": durable.max_deliver,
        "max_ack_pending": durable.max_ack_pending,
    }


def _differences(current: StreamConfig | ConsumerConfig, wanted: dict[str, Any]) -> str:
    changes: Iterable[str] = (
        f"{name} {_shown(getattr(current, name))} -> {_shown(value)}"
        for name, value in wanted.items()
        if getattr(current, name) != value
    )
    return ", ".join(changes)


def _shown(value: Any) -> str:
    return str(getattr(value, "value", value))
