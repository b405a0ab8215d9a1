"""Every way a request can fail is answered with the headers of every answer, and in words the client understands."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from certificates import Certificate
from client import Answer, eventually, raw
from faulty import answer, half_a_head, reset, until
from gateway import Gateway, free_port
from http_two import Http2, trusting

ALWAYS = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "strict-origin-when-cross-origin",
    "strict-transport-security": "max-age=600",
}
SPANISH = {"Accept": "text/html", "Accept_Language": "es"}
WORDS = {
    404: "Aquí no hay nada",
    405: "Eso no se puede hacer aquí",
    413: "Es demasiado grande",
    429: "Fueron muchas a la vez",
    431: "Su navegador envió demasiado",
    502: "No sabemos si se hizo",
    503: "Un momento, por favor",
    504: "Tardó demasiado",
}
# Longer than the bound however HTTP/2 writes it.
TOO_LONG = "~" * 20_000


@dataclass
class Failure:
    """How to bring a status about: what is asked, after what the service is told to do."""

    status: int
    path: str = "/"
    method: str = "GET"
    body: bytes = b""
    headers: int = 0
    script: tuple[Callable[..., bool], ...] = ()
    slug: str = ""
    times: int = 1


FAILURES = [
    Failure(404, "/static/none", slug="not-found"),
    Failure(404, "/readyz", slug="not-found"),
    Failure(405, "/static/site.css", "POST", b"x", slug="method-not-allowed"),
    Failure(413, "/", "POST", b"x" * 1_048_577, slug="too-large"),
    Failure(429, "/api/v1/tokens", "POST", b"x", slug="too-many-requests", times=40),
    Failure(431, headers=250, slug="headers-too-large"),
    Failure(502, "/write", "POST", b"x", script=(reset,), slug="outcome-unknown"),
    Failure(502, "/page", script=(answer(502),), slug="bad-gateway"),
    Failure(503, "/broken", script=(half_a_head,), slug="unavailable"),
    Failure(504, "/late", script=(answer(504),), slug="timeout"),
]


@pytest.fixture(scope="module")
def standing(make_lasting_gateway: Callable[..., Gateway], certificate: Certificate) -> Gateway:
    settings = certificate.settings(free_port())
    return make_lasting_gateway(
        **settings,
        GATEWAY_HSTS_S="600",
        GATEWAY_BODY_MB="1",
        GATEWAY_SIGN_INS_PER_MIN="5",
        GATEWAY_ANSWER_S="1",
        GATEWAY_HOLD_S="2",
    )


@pytest.fixture
def failing(standing: Gateway) -> Gateway:
    for service in standing.services.values():
        service.script.clear()
        service.seen.clear()
        standing.wait_for(service.name, "up")
    return standing


@contextmanager
def _http_one(gateway: Gateway) -> Iterator[socket.socket]:
    context = ssl.create_default_context(cafile=gateway.environment["GATEWAY_TLS_CERTIFICATE_FILE"])
    plain = socket.create_connection(("127.0.0.1", int(gateway.environment["GATEWAY_TLS_PORT"])), timeout=20)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        yield tls


def _parsed(got: bytes) -> Answer:
    head, _, body = got.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def _filling(failure: Failure) -> dict[str, str]:
    return {f"X_{number}": "1" for number in range(failure.headers)}


def _by_http_one(gateway: Gateway, failure: Failure, headers: dict[str, str]) -> Answer:
    given = {**headers, "Connection": "close", **_filling(failure)}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    head = [f"{failure.method} {failure.path} HTTP/1.1", "Host: x", f"Content-Length: {len(failure.body)}", *lines]
    with _http_one(gateway) as tls:
        # Of a body that is too large the head is enough.
        tls.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + (b"" if failure.status == 413 else failure.body))
        got = b""
        while part := tls.recv(65536):
            got += part
            if failure.status == 413 and got.rstrip().endswith((b"}", b"</html>")):
                break
    return _parsed(got)


def _by_http_two(gateway: Gateway, failure: Failure, headers: dict[str, str]) -> Answer:
    context = trusting(gateway.environment["GATEWAY_TLS_CERTIFICATE_FILE"])
    with Http2(int(gateway.environment["GATEWAY_TLS_PORT"]), context) as http2:
        given = {**headers, **_filling(failure)}
        if failure.status == 413:
            return http2.answer(http2.open("/", "POST", ends=False, content_length=str(len(failure.body)), **given))
        return http2.fetch(failure.path, failure.method, failure.body, **given)


BY = {"HTTP/1.1": _by_http_one, "HTTP/2": _by_http_two}


def _fail(gateway: Gateway, version: str, failure: Failure, headers: dict[str, str]) -> Answer:
    gateway.orders.script.extend(failure.script)
    for _ in range(failure.times):
        got = BY[version](gateway, failure, headers)
        if got.status == failure.status:
            return got
    msg = f"{got.status} instead of {failure.status}"
    raise AssertionError(msg)


def _check_headers(got: Answer) -> None:
    named = {name.lower(): value for name, value in got.headers.items()}
    assert {name: named[name] for name in ALWAYS} == ALWAYS
    assert "default-src 'self'" in named["content-security-policy"]
    assert "geolocation=()" in named["permissions-policy"]
    assert len(named["x-request-id"]) == 32
    assert named["server"] == "nginx"


def _name(failure: Failure) -> str:
    return f"{failure.status}-{failure.slug}"


@pytest.mark.parametrize("version", BY)
@pytest.mark.parametrize("failure", FAILURES, ids=_name)
def test_a_failure_is_a_problem_for_programs(failing: Gateway, failure: Failure, version: str) -> None:
    got = _fail(failing, version, failure, {"Accept": "application/json"})
    _check_headers(got)
    assert got.headers["Content-Type"] == "application/problem+json"
    assert got.headers["Cache-Control"] == "no-store"
    assert got.json["status"] == failure.status
    assert got.json["type"].endswith(f"/{failure.slug}")


@pytest.mark.parametrize("version", BY)
@pytest.mark.parametrize("failure", [each for each in FAILURES if each.slug != "bad-gateway"], ids=_name)
def test_a_failure_is_a_page_for_people_in_spanish(failing: Gateway, failure: Failure, version: str) -> None:
    if failure.status == 429:
        # The path of tokens is an interface's; a sign-in page's is not.
        failure = Failure(429, "/sign-in", "POST", b"x", times=40)
    got = _fail(failing, version, failure, SPANISH)
    _check_headers(got)
    assert got.headers["Content-Type"] == "text/html; charset=utf-8"
    assert got.headers["Content-Language"] == "es"
    assert WORDS[failure.status] in got.body.decode()


def test_a_service_that_says_nothing_in_time_is_504(failing: Gateway) -> None:
    never = threading.Event()
    failing.orders.script.extend([until(never, answer(200))] * 20)
    got = _by_http_two(failing, Failure(504, "/silent"), {"Accept": "application/json"})
    never.set()
    _check_headers(got)
    assert (got.status, got.json["type"].rsplit("/", 1)[1]) == (504, "timeout")
    eventually(lambda: failing.metric("gateway_in_flight") == 0)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"\x00\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/9.1\r\nHost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_cannot_be_read_is_answered_in_full(failing: Gateway, head: bytes, status: int) -> None:
    with _http_one(failing) as tls:
        tls.sendall(head)
        got = b""
        while not got.rstrip().endswith(b"}") and (part := tls.recv(65536)):
            got += part
    parsed = _parsed(got)
    assert parsed.status == status
    _check_headers(parsed)
    assert parsed.headers["Content-Type"] == "application/problem+json"


def test_a_header_over_the_bound_is_a_431_or_the_end_of_an_http_two_connection(failing: Gateway) -> None:
    with _http_one(failing) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {TOO_LONG}\r\n\r\n".encode())
        got = b""
        while not got.rstrip().endswith(b"}") and (part := tls.recv(65536)):
            got += part
    _check_headers(_parsed(got))
    assert _parsed(got).status == 431
    with pytest.raises(ConnectionError):
        _by_http_two(failing, Failure(431), {"Cookie": TOO_LONG})
    assert not failing.orders.seen


def test_plain_http_on_the_port_of_tls_is_a_400_in_full(failing: Gateway) -> None:
    port = int(failing.environment["GATEWAY_TLS_PORT"])
    got = _parsed(raw(port, b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept-Language: es\r\n\r\n"))
    assert got.status == 400
    assert "No pudimos leer eso" in got.body.decode()
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in got.headers


def test_the_redirect_to_tls_has_the_headers_that_plain_http_may_have(failing: Gateway) -> None:
    got = failing.fetch("/somewhere")
    assert got.status == 308
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Request-Id"):
        assert name in got.headers
    assert "Strict-Transport-Security" not in got.headers
