"""What a client may try."""

import socket
import time
from collections.abc import Callable

import pytest
from client import eventually, raw
from gateway import Gateway


def _status(got: bytes) -> int:
    return int(got.split(b" ", 2)[1])


def test_a_body_over_the_bound_is_413_and_reaches_nobody(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_BODY_MB="1")
    head = b"POST /api/v1/products/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"
    got = raw(gateway.port, head, read_until=b"}")
    assert _status(got) == 413
    assert b"/too-large" in got
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + bytes(1_100_000)
    assert _status(raw(gateway.port, chunked, read_until=b"}")) == 413
    assert not gateway.orders.seen


def test_a_chunked_body_arrives_whole(gateway: Gateway) -> None:
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert _status(raw(gateway.port, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) == 200
    assert gateway.orders.seen[0].body == b"abcde"


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_ambiguous_or_broken_requests_are_refused_with_the_headers_of_every_answer(
    gateway: Gateway, head: bytes
) -> None:
    got = raw(gateway.port, head, read_until=b"}")
    assert _status(got) in {400, 501}
    assert b"X-Request-Id" in got
    assert b"Content-Security-Policy" in got
    assert b"application/problem+json" in got
    assert not gateway.orders.seen


def test_a_header_over_the_bound_is_431(gateway: Gateway) -> None:
    got = raw(gateway.port, b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 9000 + b"\r\n\r\n", read_until=b"}")
    assert _status(got) == 431
    assert b"/headers-too-large" in got


def test_headers_beyond_a_number_are_431(gateway: Gateway) -> None:
    many = b"".join(b"X-%d: 1\r\n" % n for n in range(250))
    assert _status(raw(gateway.port, b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n", read_until=b"}")) == 431
    assert not gateway.orders.seen


def test_a_path_over_the_bound_is_414(gateway: Gateway) -> None:
    assert gateway.fetch("/" + "a" * 9000).status == 414


def test_posting_to_a_file_is_405(gateway: Gateway) -> None:
    got = gateway.fetch("/static/site.css", "POST", b"x")
    assert got.status == 405
    assert got.json["type"].endswith("/method-not-allowed")


def test_headers_with_underscores_do_not_pass_for_ours(gateway: Gateway) -> None:
    raw(gateway.port, b"GET /u HTTP/1.1\r\nHost: x\r\nX_Real_IP: 1.2.3.4\r\nConnection: close\r\n\r\n")
    assert not gateway.orders.seen[0].all("X_Real_IP")


@pytest.mark.parametrize("path", ["/ws", "/sse", "/api/v1/realtime/openapi.json"])
def test_what_is_refused_on_the_way_into_the_lane_is_told_like_everywhere(
    make_gateway: Callable[..., Gateway], path: str
) -> None:
    gateway = make_gateway(GATEWAY_RATE_PER_S="2", GATEWAY_BODY_MB="1")
    too_large = gateway.fetch(path, "POST", bytes(1_048_577), Accept="application/json")
    assert (too_large.status, too_large.json["status"]) == (413, 413)
    answers = [gateway.fetch(path, Accept="application/json") for _ in range(20)]
    refused = [got for got in answers if got.status != 200]
    assert {(got.status, got.json["status"], got.headers["Retry-After"]) for got in refused} == {(429, 429, "1")}


def test_more_requests_than_the_rate_are_429(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_RATE_PER_S="5")
    answers = [gateway.fetch("/api/v1/me") for _ in range(12)]
    refused = [got for got in answers if got.status == 429]
    assert refused
    assert answers[0].status == 200
    assert refused[0].json["type"].endswith("/too-many-requests")
    assert refused[0].headers["Retry-After"] == "1"
    assert all(gateway.fetch("/healthz").status == 200 for _ in range(12))


def test_more_sign_ins_than_the_rate_are_429_and_other_requests_are_not(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_SIGN_INS_PER_MIN="3", GATEWAY_SIGN_IN_PATHS="/api/v1/tokens,/enter")
    assert [gateway.fetch("/api/v1/tokens", "POST").status for _ in range(5)].count(429) == 1
    assert gateway.fetch("/enter", "POST").status == 429
    assert gateway.fetch("/enter").status == 200
    assert gateway.fetch("/other", "POST").status == 200


def test_the_code_of_a_second_factor_and_a_forgotten_password_are_rated_as_sign_ins(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(GATEWAY_SIGN_INS_PER_MIN="1")
    assert [gateway.fetch(path, "POST").status for path in ("/sign-in/code", "/forgot", "/sign-in")].count(429) >= 1


def test_a_client_that_never_finishes_its_head_holds_no_place(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        assert gateway.fetch("/").status == 200
        assert time.monotonic() - started < 2
    eventually(lambda: gateway.metric("gateway_in_flight") == 0)
