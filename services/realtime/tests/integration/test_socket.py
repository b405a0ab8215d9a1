"""News over real sockets, from events over a real nats-server."""

import asyncio
import time
import uuid
from typing import Any

from harness import Clients, Eventually, Process, Publisher, order

STAFF = {"role": "staff"}


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


async def test_an_offer_reaches_whoever_watches_the_cycle_and_the_staff(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    buyer, staff = await clients.signed_in(shared, "p1"), await clients.signed_in(shared, "s1", **STAFF)
    answer = await buyer.subscribe(f"cycle:{cycle}")
    await staff.subscribe("staff")
    offset = await publish.offers(cycle, ("o1", 7, 3))
    for socket, channel in ((buyer, f"cycle:{cycle}"), (staff, "staff")):
        message = await socket.message(lambda m: m["k"] == "offer" and m["o"] == offset)
        assert message["c"] == channel
        assert message["v"] == 3
        assert message["d"] == {"offer_id": "o1", "remaining": 7, "available": 40, "unit_price_cents": 3400}
    assert buyer.news(f"cycle:{cycle}")[0]["p"] == answer["sub"]["pos"]["o"]
    assert answer["sub"]["pos"]["e"].startswith("ORDERS.")


async def test_from_the_stream_to_the_screen_takes_less_than_300_ms(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{cycle}")
    slowest = 0.0
    for version in range(1, 21):
        sent = time.monotonic()
        await publish.offers(cycle, ("o1", 40 - version, version))
        await buyer.message(lambda m, version=version: m["v"] == version)
        slowest = max(slowest, time.monotonic() - sent)
    assert slowest < 0.3


async def test_an_order_reaches_its_store_and_the_staff_and_nobody_else(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    mine, other = fresh("store"), fresh("store")
    owner = await clients.signed_in(shared, "p1", stores=[mine])
    neighbour = await clients.signed_in(shared, "p2", stores=[other])
    staff = await clients.signed_in(shared, "s1", **STAFF)
    await owner.subscribe(f"store:{mine}")
    await neighbour.subscribe(f"store:{other}")
    await staff.subscribe("staff")
    order_id = fresh("order")
    await publish("orders.order.placed.v1", order(order_id, mine))
    await publish("orders.order.placed.v1", order(fresh("order"), other))
    for socket in (owner, staff):
        message = await socket.message(lambda m: m["d"].get("order_id") == order_id)
        assert message["k"] == "order"
        assert message["d"] == {
            "order_id": order_id,
            "number": 17,
            "store_id": mine,
            "store_name": "Tienda Lupita",
            "state": "placed",
            "version": 1,
            "total_cents": 6800,
        }
    await neighbour.message(lambda m: m["k"] == "order")
    assert len(neighbour.news(f"store:{other}")) == 1


async def test_prices_and_crawls_come_from_the_other_stream(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    staff = await clients.signed_in(shared, "s1", **STAFF)
    await staff.subscribe("prices")
    answer = await staff.subscribe("crawls")
    assert answer["sub"]["pos"]["e"].startswith("USDA.")
    series, crawl = fresh("series"), fresh("crawl")
    quote = {"series_id": series, "date": "2026-11-20", "low": "20.00", "high": "22.00", "reference": "21.00"}
    await publish("usda.price.recorded.v1", {"quotes": [{**quote, "commodity": "Avocados"}]})
    await publish(
        "usda.crawl.progressed.v1",
        {"crawl_id": crawl, "state": "running", "files": 3, "files_total": 4, "rows": 9, "problems": 0},
    )
    assert (await staff.message(lambda m: m["k"] == "price" and m["d"]["series_id"] == series))["d"] == quote
    news = await staff.message(lambda m: m["k"] == "crawl" and m["d"]["crawl_id"] == crawl)
    counts = {"files": 3, "files_total": 4, "rows": 9, "problems": 0}
    assert news["d"] == {"crawl_id": crawl, "state": "running", **counts}


async def test_a_cycle_tells_when_it_closes(shared: Process, clients: Clients, publish: Publisher) -> None:
    cycle = fresh("cycle")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{cycle}")
    await publish("orders.cycle.closed.v1", {"cycle_id": cycle, "name": "Monday", "cutoff_at": "2026-11-22T04:00:00Z"})
    message = await buyer.message(lambda m: m["k"] == "cycle")
    assert message["d"] == {"cycle_id": cycle, "state": "closed", "cutoff_at": "2026-11-22T04:00:00Z"}
    assert "v" not in message


async def test_200_offers_of_one_event_come_in_one_frame(shared: Process, clients: Clients, publish: Publisher) -> None:
    cycle = fresh("cycle")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, *((f"o{n}", n, 1) for n in range(200)))
    await buyer.message(lambda m: m["d"]["offer_id"] == "o199")
    assert [len(frame["b"]) for frame in buyer.frames if "b" in frame] == [200]


async def test_who_was_away_gets_what_was_missed_once_and_in_order(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    channel = fresh("cycle")
    first = await clients.signed_in(shared)
    await first.subscribe(f"cycle:{channel}")
    await publish.offers(channel, ("a", 9, 1))
    seen = await first.message(lambda m: m["v"] == 1)
    epoch = first.frames[1]["sub"]["pos"]["e"]
    first.drop()
    for version in (2, 3, 4):
        await publish.offers(channel, ("a", 9 - version, version), (f"other-{version}", 1, 1))
    back = await clients.signed_in(shared)
    answer = await back.subscribe(f"cycle:{channel}", pos={"e": epoch, "o": seen["o"]})
    assert answer["sub"]["recovered"] is True
    assert answer["sub"]["pos"]["o"] == seen["o"]
    await back.message(lambda m: m["d"]["offer_id"] == "a" and m["v"] == 4)
    news = back.news(f"cycle:{channel}")
    assert sorted(m["d"]["offer_id"] for m in news) == ["a", "other-2", "other-3", "other-4"]
    assert [m["p"] for m in news] == [seen["o"], *[m["o"] for m in news[:-1]]]
    await publish.offers(channel, ("a", 0, 5))
    assert (await back.message(lambda m: m["v"] == 5))["p"] == news[-1]["o"]


async def test_a_session_that_saw_no_event_recovers(shared: Process, clients: Clients, publish: Publisher) -> None:
    channel = f"cycle:{fresh('cycle')}"
    first = await clients.signed_in(shared)
    position = (await first.subscribe(channel))["sub"]["pos"]
    first.drop()
    await publish.offers(channel.removeprefix("cycle:"), ("a", 1, 1))
    back = await clients.signed_in(shared)
    assert (await back.subscribe(channel, pos=position))["sub"]["recovered"] is True
    await back.message(lambda m: m["d"]["offer_id"] == "a")


async def test_a_page_rendered_a_moment_ago_is_caught_up_by_time(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    rendered_ms = time.time_ns() // 1_000_000
    await publish.offers(cycle, ("a", 1, 1))
    buyer = await clients.signed_in(shared)
    answer = await buyer.subscribe(f"cycle:{cycle}", since=rendered_ms)
    assert answer["sub"]["recovered"] is True
    await buyer.message(lambda m: m["d"]["offer_id"] == "a")


async def test_without_a_position_nothing_is_replayed(shared: Process, clients: Clients, publish: Publisher) -> None:
    cycle = fresh("cycle")
    watcher = await clients.signed_in(shared)
    await watcher.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 1, 1))
    await watcher.message(lambda m: m["v"] == 1)
    late = await clients.signed_in(shared)
    await late.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 0, 2))
    await late.message(lambda m: m["v"] == 2)
    assert [m["v"] for m in late.news(f"cycle:{cycle}")] == [2]


async def test_a_position_of_another_incarnation_or_of_the_future_is_not_recovered(
    shared: Process, clients: Clients
) -> None:
    buyer = await clients.signed_in(shared)
    position = (await buyer.subscribe("prices"))["sub"]["pos"]
    for wrong in ({"e": "USDA.0", "o": position["o"]}, {"e": position["e"], "o": position["o"] + 10**9}):
        assert (await buyer.subscribe("prices", pos=wrong))["sub"]["recovered"] is False
    assert (await buyer.subscribe("prices", since=1))["sub"]["recovered"] is False


async def test_who_unsubscribed_hears_no_more(shared: Process, clients: Clients, publish: Publisher) -> None:
    quiet, loud = fresh("cycle"), fresh("cycle")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{quiet}")
    await buyer.subscribe(f"cycle:{loud}")
    await buyer.say(unsub=[f"cycle:{quiet}"])
    await buyer.subscribe(f"cycle:{loud}")
    await publish.offers(quiet, ("a", 1, 1))
    await publish.offers(loud, ("b", 1, 1))
    await buyer.message(lambda m: m["d"]["offer_id"] == "b")
    assert buyer.news(f"cycle:{quiet}") == []


async def test_events_that_make_no_sense_are_passed_over_and_the_stream_goes_on(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{cycle}")
    before = shared.metric('realtime_events_skipped_total{stream="ORDERS"}')
    await publish.raw("orders.offers.changed.v1", b"{", {"ce-type": "orders.offers.changed.v1"})
    await publish.raw("orders.offers.changed.v1", b"\xff\x00")
    await publish.raw("orders.offers.changed.v1", b"{}", {"Status": "409", "Description": "Consumer Deleted"})
    await publish("orders.offers.changed.v1", {"cycle_id": cycle, "offers": [{"offer_id": "a"}]})
    await publish("orders.something.new.v1", {"anything": 1})
    await publish.offers(cycle, ("b", 1, 1))
    await buyer.message(lambda m: m["d"]["offer_id"] == "b")
    assert len(buyer.news(f"cycle:{cycle}")) == 1
    assert shared.metric('realtime_events_skipped_total{stream="ORDERS"}') == before + 4


async def test_each_socket_is_one_line_in_the_log_and_names_no_address_and_no_ticket(
    shared: Process, clients: Clients, publish: Publisher, eventually: Eventually
) -> None:
    cycle = fresh("cycle")
    buyer = await clients.signed_in(shared, "p-log")
    await buyer.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 1, 1))
    await buyer.message(lambda m: m["v"] == 1)
    session = buyer.frames[0]["welcome"]["session"]
    await buyer.close()

    def of_session() -> list[dict[str, Any]]:
        return [line for line in shared.lines("socket_closed") if line["session"] == session]

    await asyncio.to_thread(eventually, of_session)
    (closed,) = of_session()
    assert (closed["code"], closed["person_id"]) == (1000, "p-log")
    assert not any(word in shared.log.read_text() for word in ("203.0.113.", "eyJ"))


async def test_the_numbers_follow_the_sockets(shared: Process, clients: Clients, publish: Publisher) -> None:
    cycle = fresh("cycle")
    before = shared.metric("realtime_deliveries_total")
    buyer = await clients.signed_in(shared)
    await buyer.subscribe(f"cycle:{cycle}")
    await publish.offers(cycle, ("a", 1, 1), ("b", 1, 1))
    await buyer.message(lambda m: m["d"]["offer_id"] == "b")
    assert shared.metric("realtime_deliveries_total") == before + 2
    assert shared.metric('realtime_connections{transport="ws"}') >= 1
    assert shared.metric("realtime_subscriptions") >= 1
    assert shared.metric("realtime_event_age_seconds_count") >= 1


async def test_it_says_that_it_is_alive_and_ready_and_who_it_is(shared: Process) -> None:
    assert shared.get("/healthz") == (200, "ok\n")
    assert shared.get("/readyz") == (200, '{"service": "realtime", "ready": true, "problems": []}')
    assert shared.get("/nothing")[0] == 404
