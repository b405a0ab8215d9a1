import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from mercadito_events.envelope import new_event
from mercadito_events.service.identity import KeySet
from prometheus_client import CollectorRegistry
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


def offers(remaining: int, version: int) -> Message:
    offer = {"offer_id": "a", "version": version, "remaining": remaining, "available": 9, "unit_price_cents": 1}
    event = new_event("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [offer]}, source="/mercadito/orders")
    return Message(event.type, event.body(), event.headers())


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def desk(hub: Hub, issuer: Issuer, registry: CollectorRegistry) -> NewsDesk:
    return NewsDesk(hub, Tickets(KeySet(issuer.jwks_file)), Metrics(registry), lambda _: [])


async def test_what_waits_for_the_tick_is_sent_by_it(
    desk: NewsDesk, hub: Hub, recorder: Recorder, clock: Clock
) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    for offset in (101, 102, 103):
        desk.take("ORDERS", offset, clock.now, offers(9 - offset % 10, offset), is_live=True)
    assert recorder.offsets == [101]
    async with asyncio.timeout(2):
        while recorder.offsets != [101, 103]:  # noqa: ASYNC110 - polled with a deadline
            await asyncio.sleep(0.005)


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
    assert recorder.offsets == [102]
    assert registry.get_sample_value("realtime_events_skipped_total", {"stream": "ORDERS"}) == 1


async def test_what_no_channel_shows_moves_the_place_in_the_stream_all_the_same(desk: NewsDesk, hub: Hub) -> None:
    desk.take("ORDERS", 150, 0, Message("orders.something.else.v1", b"not even JSON"), is_live=True)
    assert hub.subscribe(Recorder(), Wish(CYCLE, Position("ORDERS.e1", 150))).recovered
