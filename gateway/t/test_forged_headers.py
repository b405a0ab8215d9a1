"""Nothing that a client says passes for something the gateway said, in a request, in an answer or in the log."""

import json
import re

import pytest
from client import eventually
from faulty import Request, answer
from gateway import Gateway
from wire import Heard, converse, heard, send

OURS = {
    "host": "x",
    "x-request-id": re.compile("[0-9a-f]{32}"),
    "x-real-ip": "127.0.0.1",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    # Nobody collects spans: the trace has an id, and is not recorded.
    "traceparent": re.compile("00-([0-9a-f]{16})[0-9a-f]{16}-\\1-00"),
}
ROUTES = ("/x", "/api/v1/prices", "/mail/x", "/ws", "/sse", "/api/v1/realtime/x")
FORGED = [
    *("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7", "x-FORWARDED-for:6.6.6.6"),
    *("X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "X-Forwarded-Server: evil"),
    *("X-Forwarded-Proto: https", "X-Forwarded-Protocol: ssl", "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https"),
    *(
        "X-Forwarded-User: admin",
        "X-Forwarded-Email: a@b",
        "X-Forwarded: for=6.6.6.6",
        "Forwarded: for=6.6.6.6;proto=https",
    ),
    *(
        "X-Real-IP: 6.6.6.6",
        "X-Real-Ip: 6.6.6.6\r\nX-REAL-IP: 7.7.7.7",
        "X-Request-Id: mine",
        "X-Request-ID: a\r\nX-Request-Id: b",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Tracestate: a=b\r\nBaggage: c=d",
    ),
    *(
        "X-Gateway-Not-Processed: 1",
        "X-Gateway-Outcome: unknown",
        "X-Gateway-Request-Id: mine",
    ),
    *("X-Accel-Redirect: /static/site.css", "X-Accel-Buffering: no"),
    *(
        "X_Forwarded_For: 6.6.6.6",
        "X_Real_IP: 6.6.6.6",
        "X-Real_IP: 6.6.6.6",
        "X-Gateway_Outcome: 1",
        "SCRIPT_NAME: /evil",
    ),
    *("PATH_INFO: /readyz", "REMOTE_USER: admin", "X.Real.IP: 6.6.6.6", "X-Held-Ms: 1"),
    *(
        "Connection: close, X-Request-Id, X-Real-IP",
        "Connection: X-Forwarded-For\r\nConnection: Host",
        "Keep-Alive: timeout=999",
    ),
    *(
        "TE: trailers",
        "Trailer: X-Real-IP",
        "Upgrade: websocket",
        "Proxy-Connection: keep-alive",
        "Proxy: http://6.6.6.6",
    ),
    "Proxy-Authorization: Basic eDp4",
]


def _get(headers: str, path: str = "/x") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode()


def _answer(gateway: Gateway, headers: str, path: str = "/x") -> Heard:
    """Return what is answered.

    Whoever says "close" must say nothing more (RFC 9112, 9.6): the reset that bytes after it earn takes along what of
    the answer has not left, which happened to answers that were just written to the cache.
    """
    request = _get(headers, path)
    return (heard(send(gateway.port, request)) if "close" in headers else converse(gateway.port, request))[0]


def _is_as_we_say(request: Request) -> bool:
    for name, wanted in OURS.items():
        values = request.all(name)
        if len(values) != 1 or not re.fullmatch(wanted, values[0]):
            return False
    return True


@pytest.mark.parametrize("headers", FORGED)
def test_a_service_hears_of_the_client_from_the_gateway_alone(gateway: Gateway, headers: str) -> None:
    for path in ROUTES:
        # A query of its own, so that nothing comes from the cache.
        assert _answer(gateway, headers, f"{path}?{FORGED.index(headers)}").status == 200
    seen = [request for service in gateway.services.values() for request in service.seen if request.path != "/last"]
    assert {request.path.partition("?")[0] for request in seen} == set(ROUTES)
    assert all(_is_as_we_say(request) for request in seen)
    for request in seen:
        switching = {"upgrade", "connection"} if request.path.startswith("/ws") else set()
        assert {name.lower() for name, _ in request.headers} - switching <= set(OURS)


@pytest.mark.parametrize("headers", FORGED)
def test_what_is_forged_stays_out_when_the_request_is_sent_again(gateway: Gateway, headers: str) -> None:
    gateway.orders.script.append(answer(503, b"", "X-Gateway-Not-Processed: 1"))
    assert _answer(gateway, headers).status == 200
    tries = [request for request in gateway.orders.seen if request.path == "/x"]
    assert len(tries) == 2
    assert all(_is_as_we_say(request) for request in tries)
    assert {name.lower() for request in tries for name, _ in request.headers} <= set(OURS)


def test_a_client_names_neither_its_request_nor_its_wait(gateway: Gateway) -> None:
    forged = "X-Request-Id: mine\r\nX-Held-Ms: 9\r\nX-Gateway-Outcome: unknown"
    got, _ = converse(gateway.port, _get(forged))
    assert re.fullmatch("[0-9a-f]{32}", got.all("X-Request-Id")[0])
    assert got.all("X-Held-Ms") == got.all("X-Gateway-Outcome") == []
    assert got.all("X-Request-Id") == gateway.orders.seen[0].all("X-Request-Id")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b'/a%0a{"level":"error"}"\\x22', '/a\n{"level":"error"}"\\x22'),
        (b"/%c3%b1and\xc3\xba", "/ñandú"),
        (b"/%f0%9f%8c%bd", "/🌽"),
        (b"/\xff", "/…"),
        (b"/%ff%fe", "/…"),
        (b"/%c3", "/…"),
        (b"/%ed%a0%80", "/…"),
        (b"/%c0%af", "/…"),
        (b"/" + b"%ff" * 2000, "/…"),
    ],
)
def test_a_line_of_the_log_is_one_of_json_whatever_the_path(gateway: Gateway, target: bytes, path: str) -> None:
    got, _ = converse(gateway.port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.status == 200
    identity = got.all("X-Request-Id")[0].encode()
    lines = eventually(
        lambda: [line for line in (gateway.folder / "log").read_bytes().splitlines() if identity in line]
    )
    assert [json.loads(line.decode())["path"] for line in lines] == [path]


@pytest.mark.parametrize(
    "name", ["X-Request-Id", "X-Held-Ms", "X-Gateway-Outcome", "X-Gateway-Not-Processed", "Server"]
)
def test_a_service_cannot_speak_for_the_gateway(gateway: Gateway, name: str) -> None:
    gateway.orders.script.append(answer(200, b"own", f"{name}: forged", f"{name.lower()}: forged"))
    got, _ = converse(gateway.port, _get("Accept: */*"))
    assert (got.status, got.body) == (200, b"own")
    assert "forged" not in got.all(name)


@pytest.mark.parametrize(
    "headers",
    [
        "X-Accel-Redirect: /static/site.css",
        "X-Accel-Redirect: @problem",
        "X-Accel-Limit-Rate: 1",
        "X-Accel-Charset: utf-16",
        "X-Accel-Expires: 100",
    ],
)
def test_a_service_cannot_steer_nginx(gateway: Gateway, headers: str) -> None:
    gateway.orders.script.append(answer(200, b"own", headers))
    got, _ = converse(gateway.port, _get("Accept: */*"))
    assert (got.status, got.body) == (200, b"own")


def test_a_key_said_twice_is_no_key(gateway: Gateway) -> None:
    gateway.orders.script.append(lambda *_: False)
    keys = "Content-Length: 0\r\nIdempotency-Key: a\r\nIdempotency-Key: b"
    got, _ = converse(gateway.port, _get(keys, "/api/v1/orders").replace(b"GET", b"POST"))
    assert (got.status, got.all("X-Gateway-Outcome")) == (502, ["unknown"])
    assert gateway.orders.executed("/api/v1/orders") == 1
