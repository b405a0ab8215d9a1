"""Server-sent events from a running process: the same news as on sockets, and what a stream has of its own."""

import asyncio
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from harness import Clients, Process, Publisher, Start, order
from published import check_told
from stand_ins import Issuer

Eventually = Callable[..., Any]
Open = Callable[..., Any]


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


async def test_a_stream_tells_what_a_socket_tells(
    shared: Process, clients: Clients, sources: Open, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    socket = await clients.signed_in(shared)
    await socket.subscribe(f"cycle:{cycle}")
    source = await sources(shared, f"cycle:{cycle}")
    assert source.status == 200
    assert source.headers["content-type"].startswith("text/event-stream")
    assert source.headers["cache-control"] == "no-store"
    assert source.headers["x-accel-buffering"] == "no"
    await source.answers(f"cycle:{cycle}")
    for version in range(1, 4):
        await publish.offers(cycle, ("o1", 9, version), ("o2", 8, version))
    await publish("orders.cycle.closed.v1", {"cycle_id": cycle, "cutoff_at": "2026-11-22T04:00:00Z"})
    await source.message(lambda m: m["k"] == "cycle")
    await socket.message(lambda m: m["k"] == "cycle")
    assert source.news(f"cycle:{cycle}") == socket.news(f"cycle:{cycle}")
    for frame in source.frames:
        check_told(frame)


async def test_retry_comes_first_and_differs_between_clients(shared: Process, sources: Open) -> None:
    retries = set()
    for _ in range(4):
        source = await sources(shared, "prices")
        await source.answers("prices")
        assert source.events[0].data["welcome"]["ping_s"] == 25
        assert 1_000 <= source.events[0].retry <= 4_000
        retries.add(source.events[0].retry)
    assert len(retries) > 1


async def test_an_id_is_the_position_of_each_channel_in_the_order_of_c_and_recovers_exactly(
    shared: Process, sources: Open, publish: Publisher
) -> None:
    cycle, store = fresh("cycle"), fresh("store")
    names = (f"store:{store}", "prices", f"cycle:{cycle}")
    source = await sources(shared, *names, claims={"stores": [store]})
    answers = await source.answers(*names)
    places = source.last_id.split(",")
    assert places == [f"{answers[name]['pos']['e']}:{answers[name]['pos']['o']}" for name in names]
    offset = await publish.offers(cycle, ("o1", 9, 1))
    await source.message(lambda m: m["k"] == "offer")
    assert source.last_id.split(",") == [*places[:2], f"{places[2].partition(':')[0]}:{offset}"]
    await source.close()
    missed = [
        await publish.offers(cycle, ("o1", 8, 2)),
        await publish("orders.order.placed.v1", order("x", store)),
        await publish.offers(cycle, ("o2", 3, 1)),
    ]
    back = await sources(shared, *names, claims={"stores": [store]}, Last_Event_ID=source.last_id)
    assert [answer["recovered"] for answer in (await back.answers(*names)).values()] == [True] * 3
    await back.message(lambda m: m["d"].get("offer_id") == "o2")
    assert [m["o"] for m in back.news(names[2])] == [missed[0], missed[2]]
    assert [m["p"] for m in back.news(names[2])] == [offset, missed[0]]
    assert [m["o"] for m in back.news(names[0])] == [missed[1]]
    again = await sources(shared, *names, claims={"stores": [store]}, Last_Event_ID=back.last_id)
    await again.answers(*names)
    await publish.offers(cycle, ("end", 1, 1))
    await again.message(lambda m: m["d"].get("offer_id") == "end")
    assert [m["d"]["offer_id"] for m in again.news(names[2])] == ["end"]


@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        ":",
        ",",
        "USDA.e1:5",
        "USDA.e1:x,USDA.e1:1",
        "a:1,b:2,c:3",
        "ORDERS.zzz:1,USDA.zzz:1",
        "a:99999999999999999999,b:1",
        f"a:{2**63},b:{2**63}",
        "a:-1,b:-1",
        "a:\u0661,b:\u0662".encode().decode("latin-1"),
        "," * 3_000,
        "a:1," * 1_500,
        "x" * 8_000,
        "\x0b\x7f",
    ],
)
async def test_an_id_that_is_none_is_answered_with_fetch_the_state_and_no_error(
    shared: Process, sources: Open, publish: Publisher, wrong: str
) -> None:
    cycle = fresh("cycle")
    source = await sources(shared, f"cycle:{cycle}", "prices", Last_Event_ID=wrong)
    if source.status == 400:  # not even a header field
        assert "\x7f" in wrong
        return
    answers = await source.answers(f"cycle:{cycle}", "prices")
    expected = wrong == ","  # two empty places: nothing was asked for
    assert [answer["recovered"] for answer in answers.values()] == [expected, expected]
    await publish.offers(cycle, ("o1", 9, 1))
    await source.message(lambda m: m["k"] == "offer")
    right = await sources(shared, f"cycle:{cycle}", "prices", Last_Event_ID=source.last_id)
    answers = await right.answers(f"cycle:{cycle}", "prices")
    assert all(answer["recovered"] for answer in answers.values())


async def test_since_shows_what_happened_after_the_page_was_made_and_an_id_goes_before_it(
    shared: Process, sources: Open, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    made_ms = int(time.time() * 1_000)
    await publish.offers(cycle, ("o1", 9, 1))
    source = await sources(shared, f"cycle:{cycle}", query=f"&since={made_ms}")
    assert (await source.message(lambda m: m["k"] == "offer"))["v"] == 1
    later = await sources(shared, f"cycle:{cycle}", query=f"&since={made_ms}", Last_Event_ID=source.last_id)
    await later.answers(f"cycle:{cycle}")
    await publish.offers(cycle, ("o1", 8, 2))
    await later.message(lambda m: m["v"] == 2)
    assert [m["v"] for m in later.news(f"cycle:{cycle}")] == [2]
    for wrong in ("-1", "x", "1.5", "9" * 30, "%00"):
        assert (await sources(shared, "prices", query=f"&since={wrong}")).status == 422


async def test_prices_alone_are_for_everyone(
    shared: Process, sources: Open, publish: Publisher, issuer: Issuer
) -> None:
    expired = issuer.ticket(aud="web", exp=int(time.time()) - 100)
    streams = [
        await sources(shared, "prices", person=None),
        await sources(shared, "prices", "prices", person=None),
        await sources(shared, "prices", person=None, Cookie=f"mercadito_id={expired}"),
        await sources(shared, "prices", person=None, Cookie="mercadito_id=x; other=1"),
    ]
    for source in streams:
        await source.answers("prices")
    quote_ = {"series_id": fresh("q"), "date": "2026-11-20", "low": "20.00", "high": "22.00", "reference": "21.00"}
    await publish("usda.price.recorded.v1", {"quotes": [quote_]})
    for source in streams:
        assert (await source.message(lambda m: m["d"]["series_id"] == quote_["series_id"]))["d"] == quote_


async def test_the_identity_cookie_signs_in(shared: Process, sources: Open, issuer: Issuer) -> None:
    cookie = f"theme=dark; mercadito_id={issuer.ticket('p7', aud='web')}"
    source = await sources(shared, "person:p7", person=None, Cookie=cookie)
    await source.answers("person:p7")


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"Cookie": "mercadito_id="},
        {"Cookie": "mercadito_id=x"},
        {"Cookie": "mercadito_id={realtime}"},
        {"Authorization": "Bearer {web}"},
        {"Authorization": "Bearer {expired}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic cDpw"},
        {"Authorization": "{realtime}"},
        {"Authorization": "Bearer " + "x" * 9_000},
        {"query": "&ticket={realtime}&access_token={realtime}&authorization=Bearer%20{realtime}"},
        {"Authorization": "Bearer {expired}", "Cookie": "mercadito_id={web}"},
    ],
)
@pytest.mark.parametrize("names", [("cycle:a",), ("prices", "cycle:a"), ("cycle:a", "prices")])
async def test_anything_else_needs_a_good_identity(
    shared: Process, sources: Open, issuer: Issuer, names: tuple[str, ...], how: dict[str, str]
) -> None:
    tokens = {
        "realtime": issuer.ticket(),
        "web": issuer.ticket(aud="web"),
        "expired": issuer.ticket(exp=int(time.time()) - 1),
    }
    how = {name: value.format(**tokens) for name, value in how.items()}
    source = await sources(shared, *names, person=None, **how)
    assert (source.status, source.problem["type"]) == (401, "https://mercadito.example/problems/unauthenticated")
    assert source.headers["content-type"] == "application/problem+json"
    assert source.headers["www-authenticate"].startswith("Bearer")
    assert not any(token in source.body.decode() for token in tokens.values())


async def test_a_wrong_ticket_is_refused_even_for_prices(shared: Process, sources: Open) -> None:
    assert (await sources(shared, "prices", person=None, Authorization="Bearer x")).status == 401


@pytest.mark.parametrize("name", ["staff", "crawls", "store:other", "person:other"])
async def test_what_somebody_may_not_watch_is_a_403_problem(shared: Process, sources: Open, name: str) -> None:
    source = await sources(shared, "cycle:a", name)
    assert (source.status, source.problem["type"]) == (403, "https://mercadito.example/problems/forbidden")
    assert source.problem["c"] == name


@pytest.mark.parametrize(
    "name",
    ["none", "", "cycle:", "cycle:a b", "cycle:\x00", "cycle:\n", "cycle:ñ", "CYCLE:a", "x" * 5_000, "cycle:a,b"],
)
async def test_a_channel_that_can_not_be_is_a_400_problem(shared: Process, sources: Open, name: str) -> None:
    source = await sources(shared, "cycle:a", name)
    assert (source.status, source.problem["type"]) == (400, "https://mercadito.example/problems/bad-request")
    assert len(source.body) < 1_000


async def test_channels_are_counted(shared: Process, sources: Open) -> None:
    many = [f"cycle:{number}" for number in range(33)]
    assert (await sources(shared, *many)).status == 400
    assert (await sources(shared)).status == 422
    source = await sources(shared, *many[:32], *many[:32])  # named twice is watched once
    await source.answers(*many[:32])
    assert len(source.last_id.split(",")) == 32


async def test_pages_of_other_origins_are_refused(start: Start, sources: Open) -> None:
    process = start(ALLOWED_ORIGINS="https://shop.example")
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{process.http_port}.evil.example"):
        source = await sources(process, "prices", Origin=origin)
        assert (source.status, source.problem["type"]) == (403, "https://mercadito.example/problems/forbidden")
    for origin in ("https://shop.example", f"http://127.0.0.1:{process.http_port}"):
        await (await sources(process, "prices", Origin=origin)).answers("prices")


async def test_a_quiet_stream_shows_that_it_lives(start: Start, sources: Open) -> None:
    source = await sources(start(WS_PING_S="1"), "prices")
    await source.until(lambda e: (e.data or {}).get("ping") == 2, timeout_s=4)


async def test_a_quiet_stream_moves_its_id_on_so_that_who_was_quiet_asks_from_a_moment_ago(
    start: Start, sources: Open, publish: Publisher
) -> None:
    process, cycle = start(WS_PING_S="1"), fresh("cycle")
    source = await sources(process, f"cycle:{cycle}", "prices")
    await source.answers(f"cycle:{cycle}", "prices")
    offset = await publish.offers(fresh("other"), ("o1", 9, 1))
    epoch = source.last_id.partition(":")[0]
    await source.until(
        lambda e: "ping" in (e.data or {}) and (e.id or "").startswith(f"{epoch}:{offset},"), timeout_s=6
    )
    back = await sources(process, f"cycle:{cycle}", "prices", Last_Event_ID=source.last_id)
    assert all(answer["recovered"] for answer in (await back.answers(f"cycle:{cycle}", "prices")).values())
    assert source.news(f"cycle:{cycle}") == []


async def test_a_stream_ends_with_the_identity_and_a_fresh_one_goes_on(
    shared: Process, sources: Open, publish: Publisher
) -> None:
    cycle = fresh("cycle")
    before = await asyncio.to_thread(shared.metric, 'realtime_closes_total{code="4001"}')
    source = await sources(shared, f"cycle:{cycle}", claims={"exp": int(time.time()) + 2})
    await source.answers(f"cycle:{cycle}")
    await source.ended(timeout_s=6)
    await publish.offers(cycle, ("o1", 9, 1))
    back = await sources(shared, f"cycle:{cycle}", Last_Event_ID=source.last_id)
    assert (await back.message(lambda m: m["k"] == "offer"))["v"] == 1
    assert await asyncio.to_thread(shared.metric, 'realtime_closes_total{code="4001"}') == before + 1


async def test_who_signs_out_is_told_and_cut_within_5_s(shared: Process, sources: Open, publish: Publisher) -> None:
    person = fresh("p")
    source = await sources(shared, f"person:{person}", person=person)
    other = await sources(shared, "cycle:a")
    await source.answers(f"person:{person}")
    began = time.monotonic()
    await publish.signed_out(person)
    await source.ended()
    assert time.monotonic() - began < 5
    assert source.frames[-1] == {"err": {"code": "unauthenticated"}}
    assert [m["k"] for m in source.news(f"person:{person}")] == ["signed_out"]
    assert other.task is not None
    assert not other.task.done()


async def test_sigterm_drains_streams_and_sockets_alike(start: Start, clients: Clients, sources: Open) -> None:
    process = start(WS_DRAIN_S="5")
    socket = await clients.signed_in(process)
    streams = [await sources(process, "prices", person=f"p{number}") for number in range(5)]
    for source in streams:
        await source.answers("prices")
    process.process.send_signal(signal.SIGTERM)
    for source in streams:
        await source.ended(timeout_s=8)
        last = source.events[-1]
        assert last.data == {"drain": {"retry_ms": last.retry}}
    assert await socket.code() == 1012
    assert await asyncio.to_thread(process.process.wait, 15) == 0


async def test_bounds_are_shared_with_sockets(start: Start, clients: Clients, sources: Open) -> None:
    process = start(WS_MAX_PER_PERSON="2", WS_MAX_PER_ADDRESS="4", WS_MAX_CONNECTIONS="6")
    await clients.signed_in(process, "p1")
    await (await sources(process, "prices", person="p1")).answers("prices")
    full = await sources(process, "prices", person="p1")
    assert (full.status, full.problem["type"]) == (429, "https://mercadito.example/problems/too-many-requests")
    assert int(full.headers["retry-after"]) >= 1
    for _ in range(2):
        await (await sources(process, "prices", person=None)).answers("prices")
    assert (await sources(process, "prices", person=None)).status == 429
    for number in range(2):
        await (await sources(process, "prices", person=f"q{number}", X_Real_IP=f"10.0.0.{number}")).answers("prices")
    full = await sources(process, "prices", person="q", X_Real_IP="10.0.0.9")
    assert (full.status, full.problem["type"]) == (503, "https://mercadito.example/problems/unavailable")
    assert full.headers["x-gateway-not-processed"] == "1"
    assert "retry-after" in full.headers


async def test_a_client_that_leaves_makes_room(start: Start, sources: Open, eventually: Eventually) -> None:
    process = start(WS_MAX_PER_PERSON="1")
    for _ in range(3):
        source = await sources(process, "prices")
        await source.answers("prices")
        await source.close()
        await asyncio.to_thread(
            eventually, lambda: process.metric('realtime_connections{transport="sse"}') == 0, timeout_s=5
        )
    assert await asyncio.to_thread(process.metric, "realtime_subscriptions") == 0


async def test_before_it_is_ready_a_process_sends_streams_to_the_next(
    launch: Start, sources: Open, eventually: Eventually
) -> None:
    process = launch(NATS_URL="nats://127.0.0.1:1")
    await asyncio.to_thread(eventually, lambda: process.get_or_nothing("/healthz"), timeout_s=15)
    source = await sources(process, "prices")
    assert source.status == 503
    assert source.headers["x-gateway-not-processed"] == "1"


async def test_people_on_streams_are_counted_among_the_viewers(start: Start, clients: Clients, sources: Open) -> None:
    process, cycle = start(VIEWERS_S="0.5"), fresh("cycle")
    source = await sources(process, f"cycle:{cycle}", person="p1")
    socket = await clients.signed_in(process, "p2")
    await socket.subscribe(f"cycle:{cycle}")
    both = {"c": f"cycle:{cycle}", "k": "viewers", "d": {"n": 2}}
    await source.until(lambda e: both in (e.data or {}).get("b", []))
    told = [event for event in source.events if event.data and event.data.get("b", [{}])[0].get("k") == "viewers"]
    assert all(event.id is None for event in told)
