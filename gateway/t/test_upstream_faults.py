"""Each way in which a service can fail a request: what the client sees, how often it ran, how the gateway goes on."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from client import eventually
from faults import DONE, says, trickles
from faulty import Behaviour, answer, upgrade
from gateway import Gateway
from wire import Heard, converse, heard, send

KEY = "Idempotency-Key: k-1\r\n"
ORDERS = "/api/v1/orders"
OK = b"HTTP/1.1 200 OK\r\n"
PARTS = b"Transfer-Encoding: chunked\r\n\r\n"

# A head that cannot be read to its end: 503 for what may be asked again by anyone, 502 for what may have run.
BROKEN_HEAD = {
    "a head too long": says(OK + b"X-Long: " + b"a" * 100_000 + b"\r\nContent-Length: 4\r\n\r\ndone"),
    "NUL in a head": says(OK + b"X-A: a\x00b\r\nContent-Length: 4\r\n\r\ndone"),
    "a head cut short": says(OK + b"X-A"),
}
# A body that ends too early: the client must be able to tell.
CUT_SHORT = {
    "shorter than its length": says(OK + b"Content-Length: 20\r\n\r\ndone"),
    "chunks without an end": says(OK + PARTS + b"4\r\ndone\r\n"),
    "a chunk cut short": says(OK + PARTS + b"ff\r\ndone"),
    "a chunk's size is nonsense": says(OK + PARTS + b"4\r\ndone\r\nzz\r\n"),
}
WHOLE = {
    "longer than its length": says(OK + b"Content-Length: 4\r\n\r\ndoneEVIL"),
    "two answers": says(DONE + OK + b"Content-Length: 4\r\n\r\nEVIL", then_closes=False),
    "trailers": says(OK + b"Trailer: X-T\r\n" + PARTS + b"4\r\ndone\r\n0\r\nX-T: 1\r\n\r\n"),
    "until it closes": says(OK + b"\r\ndone"),
    "HTTP/1.0": says(b"HTTP/1.0 200 OK\r\n\r\ndone"),
    "line feeds alone": says(b"HTTP/1.1 200 OK\nContent-Length: 4\n\ndone"),
    "byte by byte": trickles([DONE[at : at + 4] for at in range(0, len(DONE), 4)], threading.Event()),
}


def _ask(method: str, path: str = "/x", headers: str = "") -> bytes:
    body = "" if method == "GET" else "abc"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _alone(request: bytes) -> bytes:
    return request.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n", 1)


def _one(gateway: Gateway, request: bytes) -> Heard:
    (got,) = heard(send(gateway.port, _alone(request)))
    return got


def _goes_on(gateway: Gateway) -> None:
    """Check that nothing is left over: every service up, every gauge at zero, the next answer its own."""
    gateway.wait_for("orders", "up")
    gateway.orders.script.clear()
    got = gateway.fetch("/next", "POST", b"1")
    assert (got.status, got.body) == (200, b"done")
    gauges = ("gateway_in_flight", "gateway_waiting", "gateway_held_bytes")
    eventually(lambda: [gateway.metric(gauge) for gauge in gauges] == [0, 0, 0])


@contextmanager
def _under_way(gateway: Gateway, *requests: bytes) -> Iterator[list[Callable[[], Heard]]]:
    with ThreadPoolExecutor(len(requests)) as pool:
        asked = [pool.submit(_one, gateway, request) for request in requests]
        yield [one.result for one in asked]


@pytest.mark.parametrize("name", BROKEN_HEAD)
def test_a_head_that_cannot_be_read_is_an_honest_error(gateway: Gateway, name: str) -> None:
    gateway.orders.script.extend([BROKEN_HEAD[name]] * 3)
    read, write, keyed = (_one(gateway, _ask(*ask)) for ask in (("GET", "/r"), ("POST", "/w"), ("POST", ORDERS, KEY)))
    assert (read.status, read.all("X-Gateway-Outcome")) == (503, [])
    assert (write.status, write.all("X-Gateway-Outcome")) == (502, ["unknown"])
    assert (keyed.status, keyed.all("X-Gateway-Outcome")) == (502, ["unknown"])
    assert [gateway.orders.executed(path) for path in ("/r", "/w", ORDERS)] == [1, 1, 1]
    _goes_on(gateway)


@pytest.mark.parametrize("name", BROKEN_HEAD)
def test_one_request_whose_answer_breaks_off_stops_nobody_elses(gateway: Gateway, name: str) -> None:
    """A client that finds such a request could else take the service away from everybody."""
    asked = gateway.metric('gateway_probes_total{upstream="orders"')
    falls = gateway.falls()
    for _ in range(5):
        gateway.orders.script.append(BROKEN_HEAD[name])
        assert _one(gateway, _ask("GET", "/r")).status == 503
        assert gateway.fetch("/next").held_ms is None
    eventually(lambda: gateway.metric('gateway_probes_total{upstream="orders"') > asked)
    assert gateway.falls() == falls


def test_a_long_address_in_an_answers_head_is_passed_on(gateway: Gateway) -> None:
    address = "/sign-in?next=" + "%2F" * 4_000
    gateway.orders.script.append(answer(303, b"", f"Location: {address}"))
    assert gateway.fetch("/account").headers["Location"] == address


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", CUT_SHORT)
def test_an_answer_cut_short_is_seen_to_be(gateway: Gateway, name: str, method: str) -> None:
    gateway.orders.script.append(CUT_SHORT[name])
    got = send(gateway.port, _ask(method))
    head, _, body = got.partition(b"\r\n\r\n")
    if got:
        assert head.startswith(b"HTTP/1.1 200")
        assert b"Content-Length: 20" in head or not body.endswith(b"0\r\n\r\n")
    assert gateway.orders.executed("/x") == 1
    _goes_on(gateway)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", WHOLE)
def test_an_odd_but_whole_answer_arrives_and_nothing_after_it(gateway: Gateway, name: str, method: str) -> None:
    gateway.orders.script.append(WHOLE[name])
    answers = converse(gateway.port, _ask(method))
    assert [(got.status, got.body) for got in answers] == [(200, b"done")] * 2
    assert gateway.orders.executed("/x") == 1
    _goes_on(gateway)


def test_what_waits_in_a_dying_backlog_ran_never_and_is_told_so(gateway: Gateway) -> None:
    """As gunicorn stops: the listener closes on connections it has not accepted. Nobody can tell that from a crash."""
    gateway.orders.freeze()
    gateway.orders.close_idle()
    asks = _ask("GET", "/r"), _ask("POST", "/w"), _ask("DELETE", "/d"), _ask("POST", ORDERS, KEY)
    with _under_way(gateway, *asks) as (read, write, delete, keyed):
        eventually(lambda: gateway.status("orders")["in_flight"] == 4)
        gateway.orders.stop()
        gateway.wait_for("orders", "held")
        gateway.orders.start()
        assert read().status == keyed().status == 200
        for lost in write(), delete():
            assert (lost.status, lost.all("X-Gateway-Outcome")) == (502, ["unknown"])
    assert [gateway.orders.executed(path) for path in ("/r", "/w", "/d", ORDERS)] == [1, 0, 0, 1]
    _goes_on(gateway)


def test_a_machine_that_vanished_was_sent_nothing(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="60000", GATEWAY_CONNECT_MS="100")
    gateway.orders.swallow()
    with _under_way(gateway, _ask("POST", "/1"), _ask("GET", "/2")) as (first, second):
        gateway.wait_for_waiting(2)
        gateway.orders.stop()
        gateway.orders.start()
        assert first().status == second().status == 200
    assert gateway.orders.executed("/1") == gateway.orders.executed("/2") == 1
    _goes_on(gateway)


@pytest.mark.parametrize(("tries", "changes"), [("1", True), ("2", False)])
def test_where_several_are_behind_one_address_the_next_connect_may_meet_another(
    make_gateway: Callable[..., Gateway], tries: str, *, changes: bool
) -> None:
    """As kube-proxy goes on leading to a pod that is gone until its node is known to be."""
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="60000", GATEWAY_CONNECT_MS="800", GATEWAY_CONNECT_TRIES=tries)
    falls = gateway.falls()
    gateway.orders.swallow()
    with _under_way(gateway, _ask("POST", "/1")) as (asked,):
        eventually(lambda: gateway.status("orders")["in_flight"] == 1)
        gateway.orders.stop()
        gateway.orders.start()
        assert asked().status == 200
    assert gateway.orders.executed("/1") == 1
    assert (gateway.falls() > falls) == changes
    _goes_on(gateway)


def test_a_service_that_listens_long_before_it_accepts_is_waited_for(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",))
    with _under_way(gateway, _ask("POST")) as (held,):
        gateway.wait_for_waiting(1)
        gateway.orders.bind()
        eventually(lambda: gateway.status("orders")["last_error"] == "timeout")
        gateway.orders.start()
        assert held().status == 200
    assert gateway.orders.executed("/x") == 1
    _goes_on(gateway)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_connection_closed_as_the_next_request_is_sent_loses_nothing(
    make_gateway: Callable[..., Gateway], method: str
) -> None:
    """As servers that stop close what is idle. The worker stands still, so that it reads the request first."""
    gateway = make_gateway(GATEWAY_WORKERS="1", GATEWAY_PROBE_UP_MS="60000")
    (worker,) = gateway.workers()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(_ask("GET", "/first"))
        eventually(lambda: b"done" in client.recv(65536))
        eventually(lambda: gateway.orders.idle == 1)
        os.kill(worker, signal.SIGSTOP)
        client.sendall(_alone(_ask(method, "/next")))
        gateway.orders.close_idle()
        os.kill(worker, signal.SIGCONT)
        got = b""
        while part := client.recv(65536):
            got += part
    assert [one.status for one in heard(got)] == [200]
    assert gateway.orders.executed("/next") == 1
    _goes_on(gateway)


def test_connections_closed_between_requests_are_not_missed(gateway: Gateway) -> None:
    for number in range(20):
        assert gateway.fetch(f"/{number}", "POST" if number % 2 else "GET", b"1").status == 200
        gateway.orders.close_idle()
    assert [gateway.orders.executed(f"/{number}") for number in range(20)] == [1] * 20


def test_reads_share_connections_and_writes_have_their_own(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_WORKERS="1")
    for method in ("GET", "HEAD", "GET", "POST", "PUT", "GET"):
        assert gateway.fetch("/", method).status == 200
    numbers = [request.connection for request in gateway.orders.seen]
    reads, writes = {*numbers[:3], numbers[5]}, numbers[3:5]
    assert len(reads) == 1
    assert len({*writes, *reads}) == 3


def test_a_handshake_that_a_stopping_service_answers_with_500_is_tried_at_the_next_one(gateway: Gateway) -> None:
    """As uvicorn does with the handshakes under way when it stops."""
    realtime, stopped = gateway.services["realtime"], threading.Event()

    def stopping(connection: socket.socket, _: object) -> bool:
        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        realtime.stop()
        stopped.set()
        return False

    realtime.script.extend([stopping, upgrade])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert stopped.wait(10)
        realtime.start()
        assert client.recv(65536).startswith(b"HTTP/1.1 101")
    assert realtime.executed("/ws") == 2


def test_a_service_that_never_answers_a_handshake_with_anything_but_500_is_believed(gateway: Gateway) -> None:
    gateway.services["realtime"].script.extend([answer(500)] * 20)
    got = converse(gateway.port, b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")[0]
    assert got.status == 500


@pytest.mark.parametrize(("method", "status"), [("GET", 503), ("POST", 502)])
def test_a_head_that_never_ends_is_bounded(make_gateway: Callable[..., Gateway], method: str, status: int) -> None:
    gateway = make_gateway(GATEWAY_ANSWER_S="1")
    never = threading.Event()
    gateway.orders.script.append(_begins_and_hangs(never))
    assert _one(gateway, _ask(method)).status == status
    assert gateway.orders.executed("/x") == 1
    assert gateway.status("orders")["state"] == "up"
    never.set()
    _goes_on(gateway)


def _begins_and_hangs(never: threading.Event) -> Behaviour:
    def behave(connection: socket.socket, request: object) -> bool:
        connection.sendall(OK + b"X-")
        never.wait(30)
        return False

    return behave
