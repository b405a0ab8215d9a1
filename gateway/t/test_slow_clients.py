"""Clients that dawdle, hoard connections or leave: they cost themselves time, and nobody else."""

import contextlib
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from client import eventually, fetch
from faulty import answer, finish, until
from gateway import Gateway
from wire import DEADLINE_S

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
UNFINISHED = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
BIG = bytes(20_000_000)
PAGE = bytes(200_000)
PACKET = 1460  # within a machine they are so large that the kernel takes megabytes of an answer
SHORT = {
    "GATEWAY_CLIENT_HEAD_S": "1",
    "GATEWAY_CLIENT_BODY_S": "1",
    "GATEWAY_CLIENT_READ_S": "1",
    "GATEWAY_CLIENT_IDLE_S": "1",
}
GAUGES = ("gateway_in_flight", "gateway_waiting", "gateway_held_bytes")
OTHERS_WAIT_S = 2


def _connect(gateway: Gateway, *parts: bytes, reads_little: bool = False, source: str = "127.0.0.1") -> socket.socket:
    connection = socket.socket()
    connection.bind((source, 0))
    if reads_little:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, PACKET)
    connection.settimeout(DEADLINE_S)
    connection.connect(("127.0.0.1", gateway.port))
    for part in parts:
        connection.sendall(part)
    return connection


def _ended_after(connection: socket.socket) -> float:
    """Return how long the gateway lets a connection be that says nothing more."""
    started = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - started


def _trickle(connection: socket.socket, text: bytes, stop: threading.Event) -> None:
    """Send a byte at a time, as slowly as a bound of a second allows."""
    try:
        for byte in text:
            connection.sendall(bytes([byte]))
            if stop.wait(0.2):
                return
    except OSError:
        return


def _is_idle(gateway: Gateway) -> bool:
    return [gateway.metric(gauge) for gauge in GAUGES] == [0, 0, 0]


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    """Connections that are closed in the end."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo", GET[:-2], UNFINISHED, GET])
def test_who_says_nothing_more_is_let_go(make_gateway: Callable[..., Gateway], said: bytes) -> None:
    gateway = make_gateway(**SHORT)
    with _connect(gateway, said) as connection:
        assert 0.5 < _ended_after(connection) < 5
    assert gateway.orders.executed("/x") == (said == GET)
    eventually(lambda: _is_idle(gateway))


def test_a_head_that_trickles_in_is_cut_off_however_busily(make_gateway: Callable[..., Gateway]) -> None:
    gateway, stop = make_gateway(**SHORT), threading.Event()
    with _connect(gateway) as connection, ThreadPoolExecutor() as pool:
        pool.submit(_trickle, connection, GET * 10, stop)
        assert _ended_after(connection) < 5
        stop.set()
    assert not gateway.orders.seen


def test_a_body_that_trickles_in_takes_no_place_and_arrives_whole(make_gateway: Callable[..., Gateway]) -> None:
    gateway, stop = make_gateway(ORDERS_CONCURRENCY="1", **SHORT), threading.Event()
    head = b"POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 12\r\n\r\n"
    with _connect(gateway, head) as connection, ThreadPoolExecutor() as pool:
        pool.submit(_trickle, connection, b"twelve bytes", stop)
        assert gateway.fetch("/others").held_ms is None
        assert gateway.metric("gateway_in_flight") == 0
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert [request.body for request in gateway.orders.seen] == [b"", b"twelve bytes"]


def test_slow_readers_take_no_place_from_others(make_gateway: Callable[..., Gateway], crowd: ExitStack) -> None:
    """The service has long sent its answer; what is left is between the gateway and the reader."""
    gateway = make_gateway(ORDERS_CONCURRENCY="2", GATEWAY_PLACE_S="1")
    gateway.orders.script.extend([answer(200, BIG)] * 2)
    for _ in range(2):
        reader = crowd.enter_context(_connect(gateway, GET, reads_little=True))
        assert reader.recv(100).startswith(b"HTTP/1.1 200")
    eventually(lambda: gateway.orders.idle >= 2)
    started = time.monotonic()
    assert gateway.fetch("/others").status == 200
    assert time.monotonic() - started < OTHERS_WAIT_S


def test_slow_readers_keep_nobody_waiting_for_a_service_that_comes_back(
    make_gateway: Callable[..., Gateway], crowd: ExitStack
) -> None:
    """In its ramp few may go at once: that it answers counts, not when its answer has been read."""
    gateway = make_gateway(away=("orders",), GATEWAY_PLACE_S="600")
    gateway.orders.script.extend([answer(200, BIG)] * 3)
    for number in range(3):
        crowd.enter_context(_connect(gateway, GET, reads_little=True))
        gateway.wait_for_waiting(number + 1)
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(gateway.fetch, "/others", "POST", b"1") for _ in range(4)]
        gateway.wait_for_waiting(7)
        gateway.orders.start()
        assert {one.result().status for one in others} == {200}
    assert gateway.orders.executed("/x") == 3


def test_an_answer_of_a_page_is_no_longer_under_way_however_slowly_it_is_read(
    make_gateway: Callable[..., Gateway], crowd: ExitStack
) -> None:
    """The kernel takes it: a pause before a restart would else wait for the reader."""
    gateway = make_gateway(GATEWAY_CLIENT_READ_S="600")
    gateway.orders.script.append(answer(200, PAGE))
    crowd.enter_context(_connect(gateway, GET, reads_little=True))
    eventually(lambda: gateway.orders.seen)
    assert gateway.pause(query="?drain_s=20").status == 200


def test_a_reader_that_stops_is_let_go_and_the_service_never_waited(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(**SHORT)
    gateway.orders.script.append(answer(200, BIG))
    with _connect(gateway, GET, reads_little=True) as reader:
        assert reader.recv(100).startswith(b"HTTP/1.1 200")
        eventually(lambda: gateway.orders.idle >= 1)
        eventually(lambda: _is_idle(gateway))
        assert len(reader.recv(len(BIG))) < len(BIG)


POST = b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
SMALL = POST + b"Content-Length: 10\r\n\r\n"
LARGE = POST + b"Content-Length: 10000000\r\n\r\n"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def _begin(gateway: Gateway, crowd: ExitStack, request: bytes, source: str = "127.0.0.1") -> socket.socket:
    """Send a head, and nothing of the body that is awaited and counted from then on."""
    connection = crowd.enter_context(_connect(gateway, request, source=source))
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    return connection


@pytest.mark.parametrize("large", [LARGE, CHUNKS])
def test_large_bodies_on_their_way_are_bounded_by_number(
    make_gateway: Callable[..., Gateway], crowd: ExitStack, large: bytes
) -> None:
    """Each lies on the disk for as long as its client likes: of one address a few, and of all not more than fit."""
    gateway = make_gateway(GATEWAY_ADDRESS_LARGE_REQUESTS="2", GATEWAY_LARGE_REQUESTS="3", GATEWAY_WORKERS="1")
    first = [_begin(gateway, crowd, large) for _ in range(2)]
    assert _of(gateway, "127.0.0.1") == 429
    _begin(gateway, crowd, large, "127.0.0.2")
    assert _of(gateway, "127.0.0.3") == 429
    assert gateway.fetch("/small", "POST", bytes(99_999)).status == gateway.fetch("/read").status == 200
    for connection in first:
        connection.close()
    eventually(lambda: _of(gateway, "127.0.0.1") == 200)


def test_workers_share_the_bound_of_large_requests(make_gateway: Callable[..., Gateway], crowd: ExitStack) -> None:
    """Together they have no more than the disk has room for. Which one gets a connection is the kernel's choice, so as
    many come as it takes to fill both."""
    gateway = make_gateway(GATEWAY_LARGE_REQUESTS="5", GATEWAY_WORKERS="2")
    let_in: list[socket.socket] = []

    def come() -> int:
        connection = _connect(gateway, LARGE)
        status = int(connection.recv(100).split()[1])
        if status == 100:
            let_in.append(crowd.enter_context(connection))
        else:
            connection.close()
        return status

    eventually(lambda: come() == 100 and len(let_in) == 4)
    assert {come() for _ in range(100)} == {429}


def _of(gateway: Gateway, source: str) -> int:
    return fetch(gateway.port, "/large", "POST", bytes(100_000), source=source).status


def test_downloads_of_prices_are_large(make_gateway: Callable[..., Gateway]) -> None:
    gateway, go = make_gateway(GATEWAY_ADDRESS_LARGE_REQUESTS="1", GATEWAY_WORKERS="1"), threading.Event()
    gateway.services["usda"].script.append(until(go, answer(200, b"csv")))
    with ThreadPoolExecutor() as pool:
        download = pool.submit(gateway.fetch, "/api/v1/prices.csv")
        eventually(lambda: gateway.services["usda"].seen)
        refused = gateway.fetch("/api/v1/prices.csv?x=1", Accept="application/json")
        assert (refused.status, refused.json["status"], refused.headers["Retry-After"]) == (429, 429, "1")
        assert gateway.fetch("/api/v1/prices").status == 200
        go.set()
        assert download.result().status == 200


def test_one_address_takes_so_many_connections_and_no_more(
    make_gateway: Callable[..., Gateway], crowd: ExitStack
) -> None:
    """Else a few bytes a second would keep all of them from everybody, and for ever."""
    gateway = make_gateway(GATEWAY_ADDRESS_REQUESTS="3", GATEWAY_WORKERS="1")
    for _ in range(3):
        _begin(gateway, crowd, SMALL)
    assert gateway.fetch("/one-more").status == 429
    assert fetch(gateway.port, "/", source="127.0.0.2").status == 200
    assert gateway.fetch("/healthz").status == 200


def test_a_killed_worker_leaves_nothing_that_counts(make_gateway: Callable[..., Gateway], crowd: ExitStack) -> None:
    """nginx itself would count its requests against the address, and the large ones against all, for ever."""
    bounds = {"GATEWAY_ADDRESS_REQUESTS": "3", "GATEWAY_ADDRESS_LARGE_REQUESTS": "2", "GATEWAY_LARGE_REQUESTS": "2"}
    gateway = make_gateway(GATEWAY_WORKERS="1", **bounds)
    for _ in range(2):
        _begin(gateway, crowd, LARGE)
    _begin(gateway, crowd, SMALL)
    assert gateway.fetch("/one-more").status == _of(gateway, "127.0.0.2") == 429
    for worker in gateway.workers():
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: _answers(gateway))
    assert _of(gateway, "127.0.0.1") == _of(gateway, "127.0.0.2") == 200


def test_thousands_of_idle_connections_keep_nobody_waiting(
    make_gateway: Callable[..., Gateway], crowd: ExitStack
) -> None:
    gateway = make_gateway()
    for number in range(3000):
        crowd.enter_context(_connect(gateway, (b"", b"GET / HTTP/1.1\r\nHos", UNFINISHED)[number % 3]))
    started = time.monotonic()
    assert gateway.fetch("/", "POST", b"1").status == 200
    assert gateway.fetch("/static/site.css").status == 200
    assert time.monotonic() - started < OTHERS_WAIT_S
    eventually(lambda: gateway.metric("gateway_in_flight") == 0)  # nginx counts it back after the answer has gone


def test_idle_connections_make_room_when_none_is_left(make_gateway: Callable[..., Gateway], crowd: ExitStack) -> None:
    """At the bound nginx closes connections that wait for a request; a request under way is never among them."""
    gateway = make_gateway(GATEWAY_CONNECTIONS="64", GATEWAY_WORKERS="1")
    go = threading.Event()
    gateway.orders.script.append(until(go, answer(200, b"slow")))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(gateway.fetch, "/slow", "POST", b"1")
        eventually(lambda: gateway.orders.seen)
        for _ in range(200):
            crowd.enter_context(_connect(gateway))
        assert gateway.fetch("/others").status == 200
        go.set()
        assert slow.result().body == b"slow"


def test_connections_that_dawdle_at_the_bound_are_outlived(
    make_gateway: Callable[..., Gateway], crowd: ExitStack
) -> None:
    """Those within a head are not closed for others: who comes meanwhile is closed, at once, until they time out."""
    gateway = make_gateway(GATEWAY_CONNECTIONS="64", GATEWAY_WORKERS="1", **SHORT)
    for _ in range(100):
        dawdler = crowd.enter_context(_connect(gateway))
        with contextlib.suppress(ConnectionError):
            dawdler.sendall(b"GET / HTTP/1.1\r\nHos")
    assert eventually(lambda: _answers(gateway))


def _answers(gateway: Gateway) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return gateway.fetch("/others").status == 200
    return False


@pytest.mark.parametrize("stage", ["in its head", "in its body", "waiting", "under way", "reading"])
def test_who_leaves_leaves_nothing_behind(gateway: Gateway, stage: str) -> None:
    go = threading.Event()
    if stage == "waiting":
        gateway.orders.stop()
        gateway.wait_for("orders", "held")
    gateway.orders.script.append(until(go, answer(200, BIG if stage == "reading" else b"late")))
    sent = {"in its head": GET[:-2], "in its body": UNFINISHED}.get(stage, GET)
    with _connect(gateway, sent, reads_little=True) as leaver:
        if stage == "waiting":
            gateway.wait_for_waiting(1)
        elif stage in {"under way", "reading"}:
            eventually(lambda: gateway.orders.seen)
        if stage == "reading":
            go.set()
            assert leaver.recv(100)
    eventually(lambda: _is_idle(gateway))
    go.set()
    gateway.orders.script.clear()
    if stage == "waiting":
        gateway.orders.start()
    assert gateway.fetch("/stays", "POST", b"1").body == b"done"
    assert gateway.orders.executed("/x") == (stage in {"under way", "reading"})
    assert gateway.status("orders")["state"] == "up"


def test_who_leaves_while_it_waits_is_noticed_even_behind_a_request_of_its_own(gateway: Gateway) -> None:
    """Two requests in one packet: the second lies unread in front of the news that the client has gone."""
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    with _connect(gateway, GET.replace(b"/x", b"/gone") * 2):
        gateway.wait_for_waiting(1)
    gateway.wait_for_waiting(0)
    gateway.orders.start()
    assert gateway.fetch("/stays").status == 200
    assert gateway.orders.executed("/gone") == 0


def test_a_client_that_left_is_not_blamed_on_the_service(gateway: Gateway) -> None:
    never, falls = threading.Event(), gateway.falls()
    gateway.orders.script.extend([until(never, finish)] * 5)
    for number in range(5):
        with _connect(gateway, GET):
            eventually(lambda number=number: len(gateway.orders.seen) > number)
    eventually(lambda: _is_idle(gateway))
    never.set()
    assert gateway.status("orders")["state"] == "up"
    assert gateway.falls() == falls
