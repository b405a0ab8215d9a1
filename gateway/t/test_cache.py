"""The micro-cache: of those who ask the same at once one reaches the service, and nobody is shown what is another's."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Answer, eventually, raw
from faulty import Behaviour, Request, Service, answer, not_processed, reset, until
from gateway import Gateway

PRICES = "/api/v1/prices"
# A key holds the ten seconds in which it was asked for.
TURN_S = 10


@pytest.fixture(scope="module")
def standing(make_lasting_gateway: Callable[..., Gateway]) -> Gateway:
    return make_lasting_gateway(GATEWAY_CACHE_S="10")


@pytest.fixture
def caching(standing: Gateway) -> Gateway:
    """A gateway that keeps answers until the next turn, which is not near."""
    for service in standing.services.values():
        service.script.clear()
        service.seen.clear()
    _away_from_the_turn()
    return standing


@pytest.fixture
def usda(caching: Gateway) -> Service:
    return caching.services["usda"]


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A path of this test's own."""
    return f"{PRICES}?test={abs(hash(request.node.name))}"


def _away_from_the_turn(room_s: float = 4) -> None:
    eventually(lambda: time.time() % TURN_S < TURN_S - room_s, TURN_S)


def _cache(gateway: Gateway, got: Answer) -> str:
    return gateway.line_of(got)["cache"]


def test_two_who_ask_the_same_are_answered_once_and_each_with_an_id_of_its_own(
    caching: Gateway, usda: Service, path: str
) -> None:
    usda.script.append(answer(200, b"prices", "Content-Type: application/json"))
    first, second = caching.fetch(path), caching.fetch(path, source="127.0.0.2")
    assert first.body == second.body == b"prices"
    assert len(usda.seen) == 1
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert (_cache(caching, first), _cache(caching, second)) == ("MISS", "HIT")
    ids = {request.first("X-Request-Id") for request in usda.seen}
    assert ids == {first.headers["X-Request-Id"]}
    named = {name: value for name, value in second.headers.items() if name not in ("X-Request-Id", "Date")}
    assert named == {name: value for name, value in first.headers.items() if name not in ("X-Request-Id", "Date")}
    assert "Content-Security-Policy" in named


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer x"}, {"Cookie": "a=b"}, {"Authorization": "Basic eDp5", "Cookie": "a=b"}]
)
def test_who_is_signed_in_is_neither_answered_from_the_cache_nor_kept_in_it(
    caching: Gateway, usda: Service, path: str, headers: dict[str, str]
) -> None:
    usda.script.extend([answer(200, b"own"), answer(200, b"all"), answer(200, b"own")])
    own = caching.fetch(path, **headers)
    everybodys = caching.fetch(path)
    again = caching.fetch(path, **headers)
    assert [got.body for got in (own, everybodys, again)] == [b"own", b"all", b"own"]
    assert caching.fetch(path).body == b"all"
    assert _cache(caching, own) == _cache(caching, again) == ""


@pytest.mark.parametrize("status", [204, 301, 302, 400, 401, 404, 410, 429, 500])
def test_only_a_200_is_kept(caching: Gateway, usda: Service, path: str, status: int) -> None:
    usda.script.extend([answer(status), answer(200, b"now")])
    assert caching.fetch(path).status == status
    assert caching.fetch(path).body == b"now"


@pytest.mark.parametrize(
    "said",
    [
        "Cache-Control: no-store",
        "Cache-Control: private, max-age=60",
        "Cache-Control: public, no-cache",
        "Cache-Control: max-age=0",
        "Cache-Control: s-maxage=0",
        "Cache-Control: PRIVATE",
        "Pragma: no-cache",
        "Expires: 0",
        "Expires: Thu, 01 Jan 1970 00:00:00 GMT",
        "Set-Cookie: session=secret; HttpOnly",
        "Vary: *",
    ],
)
def test_what_the_service_forbids_is_not_kept(caching: Gateway, usda: Service, path: str, said: str) -> None:
    usda.script.extend([answer(200, b"first", said), answer(200, b"second")])
    assert caching.fetch(path).body == b"first"
    got = caching.fetch(path)
    assert got.body == b"second"
    assert "Set-Cookie" not in got.headers


@pytest.mark.parametrize("said", ["Cache-Control: public", "Cache-Control: max-age=300", "Cache-Control: s-maxage=60"])
def test_what_the_service_allows_is_kept(caching: Gateway, usda: Service, path: str, said: str) -> None:
    usda.script.extend([answer(200, b"first", said), answer(200, b"second")])
    assert caching.fetch(path).body == caching.fetch(path).body == b"first"


def test_the_parts_of_a_key(caching: Gateway, usda: Service, path: str) -> None:
    usda.script.extend([answer(200, str(number).encode()) for number in range(4)])
    asked = [
        caching.fetch(path),
        caching.fetch(f"{path}&more=1"),
        caching.fetch(path, Host="other.example"),
        caching.fetch(path.replace("?", "/series?")),
    ]
    assert [got.body for got in asked] == [b"0", b"1", b"2", b"3"]
    assert caching.fetch(path).body == b"0"


def _in_its_language(connection: socket.socket, request: Request) -> bool:
    language = request.first("Accept-Language") or "none"
    return answer(200, language.encode(), "Vary: Accept-Language")(connection, request)


def test_an_answer_that_varies_is_kept_for_each(caching: Gateway, usda: Service, path: str) -> None:
    behaviours: list[Behaviour] = [_in_its_language] * 8
    usda.script.extend(behaviours)
    for _ in range(2):
        assert caching.fetch(path, Accept_Language="es").body == b"es"
        assert caching.fetch(path, Accept_Language="en").body == b"en"
        assert caching.fetch(path).body == b"none"
    assert len(usda.seen) < 6


def test_compression_comes_after_the_cache(caching: Gateway, usda: Service, path: str) -> None:
    usda.script.append(answer(200, b"x" * 5000, "Content-Type: application/json"))
    assert caching.fetch(path, Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"
    plain = caching.fetch(path)
    assert plain.body == b"x" * 5000
    assert "Content-Encoding" not in plain.headers
    assert len(usda.seen) == 1


def test_a_head_is_answered_from_what_a_get_left_and_the_other_way_round(
    caching: Gateway, usda: Service, path: str
) -> None:
    usda.script.append(answer(200, b"prices"))
    head = caching.fetch(path, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "6", b"")
    assert caching.fetch(path).body == b"prices"
    again = caching.fetch(path, "HEAD")
    assert (again.headers["Content-Length"], again.body) == ("6", b"")
    assert len(usda.seen) == 1


def test_an_etag_is_compared_with_what_is_kept(caching: Gateway, usda: Service, path: str) -> None:
    usda.script.append(answer(200, b"prices", 'ETag: "v1"'))
    caching.fetch(path)
    same = caching.fetch(path, If_None_Match='"v1"')
    assert (same.status, same.body) == (304, b"")
    assert caching.fetch(path, If_None_Match='"v0"').body == b"prices"
    assert len(usda.seen) == 1


def test_a_part_of_an_answer_is_not_kept_for_the_whole(caching: Gateway, usda: Service, path: str) -> None:
    usda.script.append(answer(200, b"prices"))
    caching.fetch(path, Range="bytes=0-1")
    assert caching.fetch(path).body == b"prices"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reads_are_kept(caching: Gateway, usda: Service, path: str, method: str) -> None:
    usda.script.extend([answer(200, b"done"), answer(200, b"read")])
    caching.fetch(path, method)
    assert caching.fetch(path).body == b"read"
    assert caching.fetch(path, method).headers["X-Request-Id"]
    assert len(usda.seen) == 3


@pytest.mark.parametrize(
    "other", ["/", "/sign-in", "/api/v1/me", "/api/v1/orders", "/api/v1/price", "/api/v1/jwks.jsonx", "/mail/x"]
)
def test_other_routes_are_never_kept(caching: Gateway, other: str) -> None:
    for _ in range(2):
        assert _cache(caching, caching.fetch(other)) == ""
    assert sum(service.executed(other) for service in caching.services.values()) == 2


@pytest.mark.parametrize("path_of_orders", ["/api/v1/jwks.json", "/api/v1/openapi.json"])
def test_public_documents_of_orders_are_kept(caching: Gateway, path_of_orders: str) -> None:
    caching.orders.script.append(answer(200, b"{}", "Cache-Control: public, max-age=300"))
    assert caching.fetch(path_of_orders).body == caching.fetch(path_of_orders).body == b"{}"
    assert len(caching.orders.seen) == 1


def test_what_is_large_or_of_unknown_size_is_not_kept(caching: Gateway, usda: Service, path: str) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    usda.script.extend([answer(200, b"x" * 100_000), lambda connection, _: not connection.sendall(chunked)])
    assert len(caching.fetch(path).body) == 100_000
    assert caching.fetch(path).body == b"abc"
    assert caching.fetch(path).body == b"done"


def test_an_answer_that_broke_off_is_not_kept(caching: Gateway, usda: Service, path: str) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"

    def break_off(connection: socket.socket, _: Request) -> bool:
        connection.sendall(half)
        return False

    usda.script.append(break_off)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{caching.port}\r\nConnection: close\r\n\r\n"
    assert raw(caching.port, request.encode()).endswith(b"half")
    assert caching.fetch(path).body == b"done"


@pytest.mark.parametrize("failure", [reset, not_processed])
def test_a_read_that_was_sent_again_is_kept_like_any_other(
    caching: Gateway, usda: Service, path: str, failure: Behaviour
) -> None:
    usda.script.extend([failure, answer(200, b"second try")])
    assert caching.fetch(path).body == caching.fetch(path).body == b"second try"
    assert len(usda.seen) == 2


def test_while_the_service_is_away_readers_wait_and_the_first_is_kept(
    caching: Gateway, usda: Service, path: str
) -> None:
    usda.stop()
    caching.wait_for("usda", "held")
    with ThreadPoolExecutor(6) as pool:
        held = [pool.submit(caching.fetch, path) for _ in range(6)]
        caching.wait_for_waiting(6, "usda")
        usda.start()
        answers = [one.result() for one in held]
    assert {got.status for got in answers} == {200}
    assert all(got.held_ms is not None for got in answers)
    later = caching.fetch(path)
    assert later.held_ms is None
    eventually(lambda: caching.metric("gateway_in_flight") == caching.metric("gateway_waiting") == 0)


def test_an_answer_lives_for_the_time_set_whatever_the_service_says(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_CACHE_S="1")
    usda = gateway.services["usda"]
    usda.script.extend([answer(200, b"old", "Cache-Control: public, max-age=300")] + [answer(200, b"new")] * 9)
    _away_from_the_turn()
    assert gateway.fetch(PRICES).body == b"old"
    eventually(lambda: gateway.fetch(PRICES).body == b"new", 4)


def test_of_many_at_once_few_reach_the_service(caching: Gateway, usda: Service, path: str) -> None:
    usda.script.extend([answer(200, b"prices")] * 40)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: caching.fetch(path), range(40)))
    assert {got.body for got in answers} == {b"prices"}
    assert len(usda.seen) < 20


def test_while_one_fetches_the_next_the_others_get_the_one_before(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_CACHE_S="1")
    usda, goes_on = gateway.services["usda"], threading.Event()
    _away_from_the_turn(6)
    usda.script.append(answer(200, b"old"))
    gateway.fetch(PRICES)
    # From now on the service answers only when told to: a read that still finds the old one comes back at once.
    usda.script.extend([until(goes_on, answer(200, b"new"))] * 2)
    with ThreadPoolExecutor() as pool:
        reads = []
        while len(usda.seen) < 2:
            reads.append(pool.submit(gateway.fetch, PRICES))
            eventually(lambda read=reads[-1]: read.done() or len(usda.seen) == 2)
        meanwhile = gateway.fetch(PRICES)
        goes_on.set()
        assert reads[-1].result().body == b"new"
    assert meanwhile.body == b"old"
    assert _cache(gateway, meanwhile) == "UPDATING"


def test_a_slow_answer_does_not_stop_those_who_wait_for_it(caching: Gateway, usda: Service, path: str) -> None:
    goes_on = threading.Event()
    usda.script.append(until(goes_on, answer(200, b"slow")))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(caching.fetch, path)
        eventually(lambda: usda.seen)
        assert caching.fetch(path).body == b"done"
        goes_on.set()
        assert slow.result().body == b"slow"


def test_the_cache_can_be_left_out(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_CACHE_S="0")
    for _ in range(3):
        assert _cache(gateway, gateway.fetch(PRICES)) == ""
    assert gateway.services["usda"].executed(PRICES) == 3
