"""Requests that two readers could read differently: refused, or passed on as exactly one that nobody can misread.

Each is sent with another hidden behind it or with a plain one after it, so whatever is read wrongly shows as a request
too many, too few or with another body.
"""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import raw
from faulty import Request, answer
from gateway import Gateway
from wire import DEADLINE_S, LAST, Heard, converse, heard, send

POST = b"POST /x HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
FRAMES = {"Content-Length", "Transfer-Encoding"}


def _encoded(value: bytes) -> bytes:
    return POST + b"Transfer-Encoding: " + value + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def _chunked(body: bytes) -> bytes:
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + body


REFUSED = {
    "length and encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "encoding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 40\r\n\r\nabc" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 3, 40\r\n\r\nabc" + HIDDEN,
    "signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "hexadecimal length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "length over 64 bits": POST + b"Content-Length: 18446744073709551619\r\n\r\nabc",
    "empty length": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "length with a space in it": POST + b"Content-Length: 3 3\r\n\r\nabc",
    "space before the length's colon": POST + b"Content-Length : 40\r\n\r\n" + HIDDEN,
    "encoding identity": _encoded(b"identity"),
    "encoding unknown": _encoded(b"xchunked"),
    "chunked twice in one": _encoded(b"chunked, chunked"),
    "another coding before": _encoded(b"gzip, chunked"),
    "another coding after": _encoded(b"chunked, identity"),
    "tab before the encoding": _encoded(b"\tchunked"),
    "vertical tab before it": _encoded(b"\x0bchunked"),
    "quoted encoding": _encoded(b'"chunked"'),
    "encoding with a parameter": _encoded(b"chunked;q=1"),
    "NUL after the encoding": _encoded(b"chunked\x00"),
    "two encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "space before the encoding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks in HTTP/1.0": b"POST /x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunk size of letters": _chunked(b"zz\r\nabc\r\n0\r\n\r\n"),
    "negative chunk size": _chunked(b"-1\r\nabc\r\n0\r\n\r\n"),
    "chunk size with 0x": _chunked(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "space before the chunk size": _chunked(b" 3\r\nabc\r\n0\r\n\r\n"),
    "chunk size over 64 bits": _chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "line feed in a chunk extension": _chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "carriage return ends a chunk size": _chunked(b"3\rabc\r0\r\r"),
    "chunk longer than its size": _chunked(b"3\r\nabcX0\r\n\r\n"),
    "chunks without an end": _chunked(b"3\r\nabc\r\n"),
    "carriage return ends a line": b"GET /x HTTP/1.1\rHost: x\r\r",
    "carriage return in a value": GET + b"X-A: a\rX-Real-IP: 6.6.6.6\r\n\r\n",
    "folded header": GET + b"X-A: b\r\n X-Real-IP: 6.6.6.6\r\n\r\n",
    "folded from the request line": b"GET /x HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n",
    "space before a colon": GET + b"X-A : b\r\n\r\n",
    "NUL in a name": GET + b"X-\x00A: b\r\n\r\n",
    "NUL in a value": GET + b"X-A: b\x00c\r\n\r\n",
    "no name": GET + b": x\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "no host": b"GET /x HTTP/1.1\r\n\r\n",
    "empty host": b"GET /x HTTP/1.1\r\nHost: \r\n\r\n",
    "absolute without a host": b"GET http://x/x HTTP/1.1\r\n\r\n",
    "absolute with a user": b"GET http://a@x/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a file's address": b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority": b"GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE": b"TRACE /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a lower-case method": b"get /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "HTTP/2.0 in a request line": b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n",
    "a version that goes on": b"GET /x HTTP/1.1x\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /x y HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the path": b"GET /x\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "control characters in the path": b"GET /\x01\x7f HTTP/1.1\r\nHost: x\r\n\r\n",
    "tabs for spaces": b"GET\t/x\tHTTP/1.1\r\nHost: x\r\n\r\n",
}
# What is passed on, with the body that the service must get.
PASSED = {
    "length with zeros": (POST + b"Content-Length: 003\r\n\r\nabc", b"abc"),
    "length with an underscore is none": (POST + b"Content_Length: 40\r\n\r\n", b""),
    "capital encoding": (_encoded(b"CHUNKED"), b"abc"),
    "space after the encoding": (_encoded(b"chunked "), b"abc"),
    "chunk extension": (_chunked(b"3;a=b\r\nabc\r\n0\r\n\r\n"), b"abc"),
    "chunk size with zeros": (_chunked(b"0000003\r\nabc\r\n0\r\n\r\n"), b"abc"),
    "trailers are dropped": (_chunked(b"3\r\nabc\r\n0\r\nX-Real-IP: 6.6.6.6\r\n\r\n"), b"abc"),
    "a body in a GET": (GET + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "chunks in a GET": (GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "line feeds alone": (b"GET /x HTTP/1.1\nHost: x\n\n", b""),
    "an empty line before": (b"\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "absolute": (b"GET http://x/x HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "an upgrade to HTTP/2": (
        GET
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        b"",
    ),
    "an expectation of nobody's": (POST + b"Expect: the-unexpected\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
}


def _frames(request: Request) -> list[str]:
    return [value for name, value in request.headers if name in FRAMES]


def _is_plain(request: Request) -> bool:
    """Whether a request is written in the one way that nobody can misread."""
    return (
        request.version == "HTTP/1.1"
        and _frames(request) == ([str(len(request.body))] if request.body else [])
        and len(request.all("Host")) == 1
        and not request.all("Upgrade")
        and not request.all("Expect")
    )


def _carries_ours(got: Heard) -> bool:
    return all(len(got.all(name)) == 1 for name in ("X-Request-Id", "Content-Security-Policy", "Content-Type"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_misread_is_refused_and_ends_the_connection(gateway: Gateway, name: str) -> None:
    (got,) = converse(gateway.port, REFUSED[name])
    assert got.status in {400, 405, 501, 505}
    assert _carries_ours(got)
    assert got.all("Content-Type") == ["application/problem+json"]
    assert not [
        service.seen or service.strays for service in gateway.services.values() if service.seen or service.strays
    ]


@pytest.mark.parametrize("name", PASSED)
def test_what_is_passed_on_is_one_request_with_the_same_body(gateway: Gateway, name: str) -> None:
    sent, body = PASSED[name]
    answers = converse(gateway.port, sent)
    assert [got.status for got in answers if got.status >= 200] == [200, 200]
    first, last = gateway.orders.seen
    assert (first.path, first.body, last.path) == ("/x", body, "/last")
    assert _is_plain(first)
    assert first.all("X-Real-IP") == ["127.0.0.1"]
    assert not gateway.orders.strays


@pytest.mark.parametrize(
    "host", [b"a/b", b"a@b", b'a"<b', b"a:b", b"a, b", b"a:123456", b"..", b"a b", b"[::1", b"\xc3\xb1"]
)
def test_what_is_no_host_is_refused(gateway: Gateway, host: bytes) -> None:
    got, *_ = converse(gateway.port, b"GET /x HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert got.status == 400
    assert _carries_ours(got)
    assert host not in got.all("Content-Security-Policy")[0].encode("latin-1")
    assert not gateway.orders.executed("/x")


@pytest.mark.parametrize(
    "host", [b"mercadito.example", b"localhost:8080", b"10.0.0.1:80", b"[::1]:8080", b"orders_web"]
)
def test_a_host_is_passed_on_as_it_was_asked_for(gateway: Gateway, host: bytes) -> None:
    got, *_ = converse(gateway.port, b"GET http://elsewhere/x HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert got.status == 200
    assert gateway.orders.seen[0].all("Host") == [host.decode()]


@pytest.mark.parametrize("method", [b"TRACK", b"PROPFIND", b"G_ET", b"GETS", b"A" * 5000])
def test_a_method_that_nobody_has_use_for_reaches_no_service(gateway: Gateway, method: bytes) -> None:
    got, last = converse(gateway.port, method + b" /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    assert (got.status, last.status) == (405, 200)
    assert _carries_ours(got)
    assert [request.path for request in gateway.orders.seen] == ["/last"]


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_http_0_9_is_not_spoken(gateway: Gateway, method: bytes) -> None:
    """It has no place for a header: an answer without ours is none."""
    assert send(gateway.port, method + b" /x\r\n") == b""
    assert not gateway.orders.seen


def test_http_1_0_is_answered_and_closed_unless_kept(gateway: Gateway) -> None:
    (got,) = heard(send(gateway.port, b"GET /x HTTP/1.0\r\n\r\n"))
    assert got.status == 200
    assert len(gateway.orders.seen[0].all("Host")) == 1
    first, last = converse(gateway.port, b"GET /x HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
    assert (first.all("Connection"), last.status) == (["keep-alive"], 200)


def test_a_body_is_asked_for_by_who_waits_for_it(gateway: Gateway) -> None:
    head = POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE_S) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert not gateway.orders.seen
        connection.sendall(b"abc" + LAST)
        rest = b""
        while more := connection.recv(65536):
            rest += more
    assert [got.status for got in heard(rest)] == [200, 200]
    assert gateway.orders.seen[0].body == b"abc"
    assert _is_plain(gateway.orders.seen[0])


def test_a_body_too_big_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    head = POST + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    assert raw(gateway.port, head, read_until=b"}").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0", b"websocket, h2c"])
def test_the_socket_route_switches_to_nothing_but_websockets(gateway: Gateway, upgrade: bytes) -> None:
    head = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\nUpgrade: "
    converse(gateway.port, head + upgrade + b"\r\n\r\n")
    seen = gateway.services["realtime"].seen[0]
    assert seen.all("Upgrade") == seen.all("Connection") == []


def test_requests_in_one_packet_are_answered_in_order(gateway: Gateway) -> None:
    packet = b"".join(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % (n, n) for n in range(9))
    gateway.orders.script.extend(answer(200, str(number).encode()) for number in range(9))
    answers = converse(gateway.port, packet)
    assert [got.body for got in answers] == [*(str(number).encode() for number in range(9)), b"done"]
    assert [(request.path, request.body) for request in gateway.orders.seen[:9]] == [
        (f"/{number}", str(number).encode()) for number in range(9)
    ]


def test_requests_in_one_packet_wait_for_the_first(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    gateway.orders.script.extend(answer(200, body) for body in (b"one", b"two"))
    packet = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with ThreadPoolExecutor() as pool:
        talk = pool.submit(converse, gateway.port, packet + b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        gateway.wait_for_waiting(1)
        gateway.orders.start()
        answers = talk.result()
    assert [got.body for got in answers] == [b"one", b"ok\n", b"two", b"done"]
    assert [request.path for request in gateway.orders.seen] == ["/1", "/2", "/last"]
    ids = [got.all("X-Request-Id")[0] for got in answers]
    assert len(set(ids)) == 4


def test_a_request_refused_in_a_packet_takes_nothing_of_its_neighbours(gateway: Gateway) -> None:
    first, second = converse(gateway.port, GET + b"\r\n" + REFUSED["two lengths"])
    assert (first.status, second.status) == (200, 400)
    assert [request.path for request in gateway.orders.seen] == ["/x"]


def test_a_file_is_not_made_long_by_asking_for_many_parts_of_it(gateway: Gateway) -> None:
    """Each part has a head of its own: thousands of one byte would be a hundred times the file."""
    parts = b",".join(b"%d-%d" % (at, at) for at in range(0, 1000, 2))
    got, _ = converse(gateway.port, b"GET /static/site.css HTTP/1.1\r\nHost: x\r\nRange: bytes=" + parts + b"\r\n\r\n")
    assert (got.status, len(got.body)) == (200, 4400)
    few, _ = converse(gateway.port, b"GET /static/site.css HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\n\r\n")
    assert (few.status, few.body) == (206, b"body")
