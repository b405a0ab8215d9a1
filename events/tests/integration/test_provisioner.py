from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.provisioner import provision
from mercadito_events.topology import Stream, load, stream_of
from nats.js.api import DiscardPolicy, StorageType


async def test_streams_and_durables_are_bounded_as_the_file_says(connected: Callable[..., Any]) -> None:
    js = (await connected("provisioner")).jetstream()
    for stream in load():
        config = (await js.stream_info(stream.name)).config
        assert config.storage == StorageType.FILE
        assert config.discard == (DiscardPolicy.OLD if stream.name == "DLQ" else DiscardPolicy.NEW)
        assert config.duplicate_window == 600
        assert 0 < config.max_bytes == stream.max_bytes
        assert config.max_age == (30 if stream.name == "DLQ" else 7) * 86_400
        for durable in stream.durables:
            consumer = (await js.consumer_info(stream.name, durable.name)).config
            assert (consumer.ack_wait, consumer.max_deliver, consumer.max_ack_pending) == (10, 20, 1)
            assert consumer.filter_subject == durable.filter_subject


def changed(streams: tuple[Stream, ...], name: str, **fields: Any) -> list[Stream]:
    return [replace(stream, **fields) if stream.name == name else stream for stream in streams]


async def test_what_may_be_updated_is_and_what_was_not_touched_stays(connected: Callable[..., Any]) -> None:
    nc = await connected("provisioner")
    streams = changed(load(), "NOTIFY", max_bytes=10 * 1024 * 1024, max_age_s=3_600.0)
    (durable,) = streams[3].durables
    streams[3] = replace(streams[3], durables=(replace(durable, ack_wait_s=20),))
    outcomes = {outcome.name: outcome for outcome in await provision(nc, streams)}
    assert outcomes["NOTIFY"].action == "updated"
    assert "max_bytes 67108864 -> 10485760" in outcomes["NOTIFY"].detail
    assert outcomes["NOTIFY/orders__mails"].action == "updated"
    assert outcomes["ORDERS"].action == "unchanged"
    assert (await nc.jetstream().stream_info("NOTIFY")).config.max_age == 3_600
    assert (await nc.jetstream().consumer_info("NOTIFY", "orders__mails")).config.ack_wait == 20


async def test_what_the_server_refuses_is_told_and_the_rest_is_done(connected: Callable[..., Any]) -> None:
    nc = await connected("provisioner")
    streams = changed(load(), "USDA", subjects=("usda.>", "orders.>"))
    streams = changed(tuple(streams), "DLQ", max_age_s=86_400.0)
    outcomes = {outcome.name: outcome for outcome in await provision(nc, streams)}
    assert outcomes["USDA"].action == "refused"
    assert "overlap" in outcomes["USDA"].detail
    assert outcomes["USDA/orders__usda"].action == "unchanged"
    assert outcomes["DLQ"].action == "updated"


async def test_a_dlq_that_refused_when_full_drops_its_oldest_from_now_on(connected: Callable[..., Any]) -> None:
    nc = await connected("provisioner")
    await provision(nc, changed(load(), "DLQ", discard="new"))
    outcomes = {outcome.name: outcome for outcome in await provision(nc, load())}
    assert (outcomes["DLQ"].action, outcomes["DLQ"].detail) == ("updated", "discard new -> old")


async def test_messages_survive_an_update(connected: Callable[..., Any]) -> None:
    orders, provisioner = await connected("orders"), await connected("provisioner")
    await orders.jetstream().publish("orders.order.placed.v1", b"{}")
    await provision(provisioner, changed(load(), "ORDERS", max_bytes=128 * 1024 * 1024))
    assert (await provisioner.jetstream().stream_info("ORDERS")).state.messages == 1


def test_an_unknown_field_of_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "streams.yaml"
    file.write_text(
        "defaults: {stream: {max_mb: 1, max_age_days: 1, max_message_kb: 1, duplicate_window_s: 1, discard: new},"
        " durable: {}}\nstreams: {X: {subjects: [x.>], description: x, max_megabytes: 3}}"
    )
    with pytest.raises(ValueError, match="max_megabytes"):
        load(file)


def test_every_context_has_its_stream() -> None:
    assert stream_of("orders.order.placed.v1") == "ORDERS"
    assert stream_of("accounts.contact.changed.v1") == "ACCOUNTS"
    assert stream_of("usda.price.recorded.v1") == "USDA"
    assert stream_of("notify.email.sent.v1") == "NOTIFY"
    with pytest.raises(LookupError):
        stream_of("ordersx.order.placed.v1")
