import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from mercadito_events.envelope import new_event
from mercadito_events.service.identity import KeySet
from prometheus_client import CollectorRegistry
from realtime import hub as hub_module
from realtime import newsdesk as module
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.newsdesk import NewsDesk
from realtime.protocol import Position, Wish
from realtime.tickets import Tickets
from stand_ins import Clock, Issuer, Recorder

CYCLE = "cycle:c1"


@dataclass
class Message:
    subject: str
    data: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


def offers(remaining: int, version: int, offer_id: str = "a") -> Message:
    offer = {"offer_id": offer_id, "version": version, "remaining": remaining, "available": 9, "unit_price_cents": 1}
    event = new_event("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [offer]}, source="/mercadito/orders")
    return Message(event.type, event.body(), event.headers())


def cycle(state: str) -> Message:
    body = {"cycle_id": "c1", "name": "Monday", "cutoff_at": "2026-11-22T04:00:00Z"}
    event = new_event(f"orders.cycle.{state}.v1", body, source="/mercadito/orders")
    return Message(event.type, event.body(), event.headers())


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def desk(hub: Hub, issuer: Issuer, registry: CollectorRegistry) -> NewsDesk:
    return NewsDesk(hub, Tickets(KeySet(issuer.jwks_file)), Metrics(registry), lambda _: [])


async def told(recorder: Recorder, offsets: list[int]) -> None:
    async with asyncio.timeout(2):
        while recorder.offsets != offsets:  # noqa: ASYNC110 - polled with a deadline
            await asyncio.sleep(0.001)


async def test_the_first_offers_go_out_with_all_that_is_read_with_them_and_what_follows_waits_for_the_tick(
    desk: NewsDesk, hub: Hub, recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.2)
    hub.subscribe(recorder, Wish(CYCLE))
    began = time.monotonic()
    for offset in (101, 102):
        desk.take("ORDERS", offset, clock.now, offers(9 - offset % 10, offset), is_live=True)
    await told(recorder, [102])
    for offset in (103, 104, 105):
        desk.take("ORDERS", offset, clock.now, offers(9 - offset % 10, offset), is_live=True)
        await asyncio.sleep(0)
    assert recorder.offsets == [102]
    await told(recorder, [102, 105])
    assert time.monotonic() - began >= 0.2


async def test_ticks_go_on_until_the_watchers_of_an_overrun_channel_are_told_to_fetch(
    desk: NewsDesk, hub: Hub, recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.01)
    monkeypatch.setattr(hub_module, "MAX_PENDING", 2)
    monkeypatch.setattr(hub_module, "OVERRUN_TICKS", 3)
    hub.subscribe(recorder, Wish(CYCLE))
    for offset in (101, 102, 103):
        desk.take("ORDERS", offset, clock.now, offers(1, 1, f"o{offset}"), is_live=True)
    async with asyncio.timeout(2):
        while not recorder.frames:  # noqa: ASYNC110 - polled with a deadline
            await asyncio.sleep(0.001)
    assert recorder.frames == [{"sub": {"c": CYCLE, "recovered": False, "pos": {"e": "ORDERS.e1", "o": 103}}}]


async def test_orders_do_not_wait_for_the_tick(
    desk: NewsDesk, hub: Hub, recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 3_600)
    hub.subscribe(recorder, Wish(CYCLE))
    for offset in (101, 102, 103):
        desk.take("ORDERS", offset, clock.now, cycle("closed"), is_live=True)
        await told(recorder, list(range(101, offset + 1)))


async def test_the_age_of_events_is_measured_once_their_news_is_written(
    desk: NewsDesk, hub: Hub, recorder: Recorder, clock: Clock, registry: CollectorRegistry
) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    desk.take("ORDERS", 101, clock.now, offers(3, 1), is_live=False)
    desk.take("ORDERS", 102, clock.now, offers(2, 2), is_live=True)
    assert registry.get_sample_value("realtime_event_age_seconds_count") == 0
    await told(recorder, [102])
    assert registry.get_sample_value("realtime_event_age_seconds_count") == 1


async def test_a_fault_of_ours_with_one_event_does_not_stop_the_stream(
    desk: NewsDesk, hub: Hub, recorder: Recorder, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.subscribe(recorder, Wish(CYCLE))

    def fail(_event: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(module, "news_of", fail)
        desk.take("ORDERS", 101, 0, offers(8, 1), is_live=True)
    desk.take("ORDERS", 102, 0, offers(7, 2), is_live=True)
    await told(recorder, [102])
    assert registry.get_sample_value("realtime_events_skipped_total", {"stream": "ORDERS"}) == 1


async def test_what_no_channel_shows_moves_the_place_in_the_stream_all_the_same(desk: NewsDesk, hub: Hub) -> None:
    desk.take("ORDERS", 150, 0, Message("orders.something.else.v1", b"not even JSON"), is_live=True)
    assert hub.subscribe(Recorder(), Wish(CYCLE, Position("ORDERS.e1", 150))).recovered
