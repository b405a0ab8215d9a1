"""Who is let in, who is not, and what happens to those who misbehave."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Clients, Eventually, Process, Publisher, order
from stand_ins import Issuer
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode


@pytest.fixture(scope="module")
def narrow(
    realtime_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory, eventually: Eventually
) -> Iterator[Process]:
    """Return a process with tight settings."""
    settings = {"WS_MAX_PER_ADDRESS": "2", "WS_MAX_CONNECTIONS": "4", "WS_PING_S": "1"}
    settings["ALLOWED_ORIGINS"] = "https://shop.example"
    process = Process(realtime_env | settings, tmp_path_factory.mktemp("narrow") / "log")
    eventually(process.is_ready, timeout_s=20)
    yield process
    assert process.stop() == 0


async def refused(clients: Clients, process: Process, ticket: str) -> int | None:
    socket = await clients.open(process)
    await socket.say(auth=ticket)
    code = await socket.code()
    assert socket.frames == [{"err": {"code": "unauthenticated"}}]
    return code


async def test_a_ticket_lets_in_and_names_the_session_and_the_ping_interval(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    assert socket.connection.subprotocol == "mercadito.v1"
    assert socket.frames[0]["welcome"]["ping_s"] == 25
    assert len(socket.frames[0]["welcome"]["session"]) == 16


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1_700_000_000},
        {"exp": int(time.time()) - 1},
        {"aud": "web"},
        {"aud": "api"},
        {"iss": "someone"},
        {"role": "king"},
        {"stores": "all"},
        {"iat": int(time.time()) + 3_600},
    ],
    ids="-".join,
)
async def test_a_ticket_that_is_not_for_here_and_now_closes_4001(
    shared: Process, clients: Clients, issuer: Issuer, changed: dict[str, Any]
) -> None:
    assert await refused(clients, shared, issuer.ticket(**changed)) == 4001


@pytest.mark.parametrize("ticket", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é" * 100, "x" * 3_900])
async def test_what_is_no_ticket_closes_4001(shared: Process, clients: Clients, ticket: str) -> None:
    assert await refused(clients, shared, ticket) == 4001


async def test_a_ticket_of_a_foreign_key_closes_4001(
    shared: Process, clients: Clients, tmp_path: Path, issuer: Issuer
) -> None:
    assert await refused(clients, shared, type(issuer)(tmp_path).ticket()) == 4001


async def test_who_says_something_else_first_is_closed_4001(shared: Process, clients: Clients) -> None:
    for first in ({"sub": [{"c": "prices"}]}, {"pong": 1}, {"what": 1}):
        socket = await clients.open(shared)
        await socket.say(**first)
        assert await socket.code() == 4001


async def test_who_says_nothing_is_closed_4001_after_five_seconds(shared: Process, clients: Clients) -> None:
    socket = await clients.open(shared)
    began = time.monotonic()
    assert await socket.code(timeout_s=8) == 4001
    assert 4.5 < time.monotonic() - began < 6.5


async def test_a_ticket_that_runs_out_closes_4001_and_a_renewed_one_does_not(
    shared: Process, clients: Clients, issuer: Issuer
) -> None:
    short, renewed = [await clients.signed_in(shared, f"p{n}", exp=int(time.time()) + 2) for n in (1, 2)]
    await renewed.say(auth=issuer.ticket("p2"))
    assert await short.code() == 4001
    await renewed.subscribe("prices")
    assert len([frame for frame in renewed.frames if "welcome" in frame]) == 2


async def test_a_renewal_for_someone_else_closes_4003(shared: Process, clients: Clients, issuer: Issuer) -> None:
    socket = await clients.signed_in(shared, "p1")
    await socket.say(auth=issuer.ticket("p2"))
    assert await socket.code() == 4003


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("store:foreign", "forbidden"),
        ("person:p2", "forbidden"),
        ("staff", "forbidden"),
        ("crawls", "forbidden"),
        ("orders.>", "unknown-channel"),
        ("", "unknown-channel"),
        ("cycle:*", "unknown-channel"),
    ],
)
async def test_a_channel_one_may_not_watch_is_an_error_and_gives_nothing(
    shared: Process, clients: Clients, publish: Publisher, channel: str, code: str
) -> None:
    socket = await clients.signed_in(shared, "p1", stores=["mine"])
    await socket.say(sub=[{"c": channel, "since": time.time_ns() // 1_000_000 - 60_000}])
    await socket.until(lambda f: f == {"err": {"code": code, "c": channel}})
    await publish("orders.order.placed.v1", order("x", "foreign"))
    await publish("orders.order.placed.v1", order("y", "mine"))
    await socket.subscribe("store:mine", since=time.time_ns() // 1_000_000)
    await socket.message(lambda m: m["d"]["order_id"] == "y")
    assert {m["c"] for frame in socket.frames for m in frame.get("b", [])} == {"store:mine"}


async def test_garbage_is_answered_and_the_socket_goes_on(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    for text in ("{", "[]", "nul", "[" * 3_000, '{"sub":' * 400 + "1" + "}" * 400, '{"sub": [{"c": 7}]}'):
        await socket.connection.send(text)
    await socket.subscribe("prices")
    assert [f for f in socket.frames if "err" in f] == [{"err": {"code": "malformed"}}] * 6


async def test_a_frame_over_4_kb_closes_1009(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    await socket.connection.send(json.dumps({"auth": "x" * 4_096}))
    assert await socket.code() == 1009


async def test_a_frame_over_4_kb_in_pieces_closes_1009(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    await socket.connection.send(iter(["x" * 1_000] * 5))
    assert await socket.code() == 1009


async def test_a_binary_frame_closes_1003(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    await socket.connection.send(b'{"pong": 1}')
    assert await socket.code() == 1003


async def test_text_that_is_not_utf_8_closes_1007(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    await socket.connection.send(b"\xff\xfe", text=True)
    assert await socket.code() == 1007


async def test_bytes_that_are_no_frame_close_1002_and_harm_nobody(shared: Process, clients: Clients) -> None:
    socket, other = await clients.signed_in(shared, "p1"), await clients.signed_in(shared, "p2")
    socket.connection.transport.write(bytes([0x80 | Opcode.TEXT, 0x05]) + b"plain")  # not masked
    assert await socket.code() == 1002
    await other.subscribe("prices")


async def test_a_flood_of_commands_closes_4029(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    for _ in range(80):
        await socket.say(pong=1)
    assert await socket.code() == 4029


async def test_the_33rd_channel_is_refused(shared: Process, clients: Clients) -> None:
    socket = await clients.signed_in(shared)
    await socket.say(sub=[{"c": f"cycle:{n}"} for n in range(32)])
    await socket.say(sub=[{"c": "prices"}])
    await socket.until(lambda f: f == {"err": {"code": "too-many-channels", "c": "prices"}})


async def test_a_person_may_have_so_many_sockets_and_no_more(shared: Process, clients: Clients) -> None:
    for _ in range(5):
        await clients.signed_in(shared, "p-many")
    sixth = await clients.open(shared)
    await sixth.say(auth=clients.issuer.ticket("p-many"))
    assert await sixth.code() == 4029
    await clients.signed_in(shared, "p-other")


async def test_an_address_may_have_so_many_sockets_and_no_more(
    narrow: Process, clients: Clients, eventually: Eventually
) -> None:
    process = narrow
    first, second = [await clients.open(process, additional_headers={"X-Real-IP": "203.0.113.7"}) for _ in range(2)]
    third = await clients.open(process, additional_headers={"X-Real-IP": "203.0.113.7"})
    assert await third.code() == 4029
    others = [await clients.open(process, additional_headers={"X-Real-IP": f"203.0.113.{n}"}) for n in (8, 9)]
    with pytest.raises(InvalidStatus) as caught:
        await clients.open(process, additional_headers={"X-Real-IP": "203.0.113.10"})
    assert caught.value.response.status_code == 503
    assert caught.value.response.headers["X-Gateway-Not-Processed"] == "1"
    for socket in (first, second, *others):
        await socket.close()
    await asyncio.to_thread(eventually, lambda: process.metric('realtime_connections{transport="ws"}') == 0)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1"])
async def test_a_page_of_another_site_is_refused_before_the_upgrade(
    shared: Process, clients: Clients, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await clients.open(shared, origin=origin)
    assert caught.value.response.status_code == 403


async def test_what_is_no_browser_needs_no_origin_but_a_ticket(shared: Process, clients: Clients) -> None:
    socket = await clients.open(shared, origin=None)
    await socket.say(pong=1)
    assert await socket.code() == 4001


async def test_an_origin_on_the_list_may_come_from_elsewhere(narrow: Process, clients: Clients) -> None:
    await clients.open(narrow, origin="https://shop.example")


async def test_another_path_is_not_found_and_another_protocol_not_spoken(shared: Process, clients: Clients) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await clients.open(shared, path="/other")
    assert caught.value.response.status_code == 404
    socket = await clients.open(shared, subprotocols=["mercadito.v1", "other"])
    assert socket.connection.subprotocol == "mercadito.v1"
    for others in (["mercadito.v9"], None):
        with pytest.raises(InvalidStatus) as caught:
            await clients.open(shared, subprotocols=others)
        assert caught.value.response.status_code == 400


@pytest.mark.parametrize(
    "what", [{}, {"session_id": "s-1"}, {"token_id": "t-1"}], ids=["everywhere", "a session", "a token"]
)
async def test_who_signs_out_is_cut_within_a_second_and_not_let_in_again(
    shared: Process, clients: Clients, publish: Publisher, issuer: Issuer, what: dict[str, str]
) -> None:
    person = f"p-{''.join(what) or 'all'}"
    old = issuer.ticket(person, iat=int(time.time()) - 5, sid="s-1", tid="t-1")
    socket = await clients.signed_in(shared, person, iat=int(time.time()) - 5, sid="s-1", tid="t-1")
    stays = await clients.signed_in(shared, f"{person}-2")
    await socket.subscribe(f"person:{person}")
    sent = time.monotonic()
    await publish.signed_out(person, **what)
    assert await socket.code() == 4001
    assert time.monotonic() - sent < 1
    assert [m["k"] for m in socket.news(f"person:{person}")] == ["signed_out"]
    assert await refused(clients, shared, old) == 4001
    await stays.subscribe("prices")


async def test_other_sessions_of_a_person_stay_when_one_signs_out(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    here, there = [await clients.signed_in(shared, "p-two", sid=sid) for sid in ("here", "there")]
    await publish.signed_out("p-two", session_id="here")
    assert await here.code() == 4001
    await there.subscribe("prices")


async def test_pings_come_at_the_interval_that_was_told(narrow: Process, clients: Clients) -> None:
    socket = await clients.signed_in(narrow)
    assert socket.frames[0]["welcome"]["ping_s"] == 1
    await socket.until(lambda f: f.get("ping") == 2)
