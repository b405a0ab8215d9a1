"""What happens to a request while its service is away."""

import hashlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import eventually, fetch
from faulty import answer, finish, half_a_head, in_doubt, not_processed, reset, until, upgrade
from gateway import Gateway

KEY = {"Idempotency_Key": "a-key-of-mine"}
ORDERS = "/api/v1/orders"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_any_method_waits_for_a_service_that_refuses_connections(gateway: Gateway, method: str) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/basket", method, b"x=1")
        gateway.wait_for_waiting(1)
        gateway.orders.start()
        got = held.result()
    assert got.status == 200
    assert got.held_ms
    assert gateway.orders.executed("/basket") == 1
    assert gateway.orders.seen[0].method == method
    assert gateway.orders.seen[0].body == b"x=1"


def test_an_answer_that_did_not_wait_says_nothing_of_waiting(gateway: Gateway) -> None:
    assert gateway.fetch("/quick").held_ms is None


@pytest.mark.parametrize("breakage", [reset, finish])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_read_that_got_no_answer_is_sent_again(gateway: Gateway, breakage, method: str) -> None:  # noqa: ANN001
    gateway.orders.script.append(breakage)
    got = gateway.fetch("/page", method)
    assert got.status == 200
    assert gateway.orders.executed("/page") == 2


@pytest.mark.parametrize("breakage", [reset, finish, half_a_head])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_that_may_have_run_is_not_sent_again_and_says_so(gateway: Gateway, breakage, method: str) -> None:  # noqa: ANN001
    gateway.orders.script.append(breakage)
    got = gateway.fetch("/pay", method, b"amount=1")
    assert got.status == 502
    assert got.headers["X-Gateway-Outcome"] == "unknown"
    assert gateway.orders.executed("/pay") == 1


@pytest.mark.parametrize("breakage", [reset, finish])
def test_a_write_with_a_key_is_sent_again(gateway: Gateway, breakage) -> None:  # noqa: ANN001
    gateway.orders.script.append(breakage)
    got = gateway.fetch(ORDERS, "POST", b"{}", **KEY)
    assert got.status == 200
    assert [request.first("Idempotency-Key") for request in gateway.orders.seen] == ["a-key-of-mine"] * 2


def test_a_form_with_its_key_in_the_query_is_sent_again(gateway: Gateway) -> None:
    gateway.orders.script.append(reset)
    assert gateway.fetch("/orders/1/comments?a=b&idempotency_key=k-1", "POST", b"a=1").status == 200
    assert len(gateway.orders.seen) == 2


def test_what_carries_a_key_may_go_on_a_connection_from_before_and_nothing_else(
    make_gateway: Callable[..., Gateway],
) -> None:
    """nginx decides that before Lua is asked, and both must read a key alike."""
    gateway = make_gateway(GATEWAY_WORKERS="1")
    keyed = ("/orders?idempotency_key=k", "/staff/people?a=b&idempotency_key=k&c", f"{ORDERS}?idempotency_key=k")
    once = (
        *("/account/tokens?idempotency_key=k", "/orders?IDEMPOTENCY_KEY=k", "/orders?x_idempotency_key=k"),
        *("/orders?idempotency_key=&idempotency_key=k", "/ordersX?idempotency_key=k", "/orders/x:idempotency_key=k"),
    )
    for paths, shared in ((keyed, True), (once, False)):
        for path in paths:
            gateway.orders.seen.clear()
            gateway.fetch("/before")
            gateway.fetch(path, "POST", b"")
            before, asked = (request.connection for request in gateway.orders.seen)
            assert (before == asked) is shared, path


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/tokens", KEY),
        ("/api/v1/ordersX", KEY),
        (ORDERS, {"Idempotency_Key": "k" * 256}),
        (ORDERS, {"Idempotency_Key": "with space"}),
        (ORDERS + "?idempotency_key=", {}),
        ("/api/v1/tokens?idempotency_key=k", {}),
        ("/api/v1/session/renew?idempotency_key=k", {}),
        ("/orders/1/comments?IDEMPOTENCY_KEY=k", {}),
        ("/orders/1/comments?idempotency_key=&idempotency_key=k", {}),
    ],
)
def test_a_key_that_nobody_honours_is_no_key(gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    gateway.orders.script.append(reset)
    assert gateway.fetch(path, "POST", b"{}", **headers).status == 502
    assert len(gateway.orders.seen) == 1


def test_a_key_means_nothing_to_another_service(gateway: Gateway) -> None:
    usda = gateway.services["usda"]
    usda.script.append(reset)
    assert gateway.fetch("/api/v1/prices/crawls?idempotency_key=k", "POST", b"", **KEY).status == 502
    assert len(usda.seen) == 1


def test_a_read_whose_answer_broke_off_is_not_sent_again(gateway: Gateway) -> None:
    gateway.orders.script.append(half_a_head)
    got = gateway.fetch("/half")
    assert got.status == 503
    assert gateway.orders.executed("/half") == 1


def test_what_the_service_refused_unread_is_held_again_with_any_method(gateway: Gateway) -> None:
    gateway.orders.script.extend([not_processed, not_processed])
    got = gateway.fetch("/pay", "POST", b"amount=1")
    assert got.status == 200
    assert got.held_ms
    assert gateway.orders.executed("/pay") == 3
    assert "X-Gateway-Not-Processed" not in got.headers


def test_a_refusal_unread_does_not_excuse_a_later_loss(gateway: Gateway) -> None:
    gateway.orders.script.extend([not_processed, reset])
    got = gateway.fetch("/pay", "POST", b"amount=1")
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")


def test_what_the_service_cannot_tell_is_sent_again_with_its_key(gateway: Gateway) -> None:
    gateway.orders.script.append(in_doubt)
    got = gateway.fetch(ORDERS, "POST", b"{}", **KEY)
    assert got.status == 200
    assert gateway.orders.executed(ORDERS) == 2


def test_what_the_service_cannot_tell_is_told_as_unknown_without_a_key(gateway: Gateway) -> None:
    gateway.orders.script.append(in_doubt)
    got = gateway.fetch("/pay", "POST", b"amount=1")
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert gateway.orders.executed("/pay") == 1


def test_what_is_in_doubt_again_and_again_is_not_called_undone(gateway: Gateway) -> None:
    gateway.orders.script.extend([in_doubt, not_processed, in_doubt, in_doubt])
    got = gateway.fetch(ORDERS, "POST", b"{}", **KEY)
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert gateway.orders.executed(ORDERS) == 4


def test_a_write_lost_before_the_service_went_away_is_not_called_undone(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_HOLD_S="1")
    gateway.orders.script.append(lambda *_: gateway.orders.stop() or False)
    got = gateway.fetch(ORDERS, "POST", b"{}", **KEY)
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert got.held_ms


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_services_own_5xx_is_passed_on_once(gateway: Gateway, status: int) -> None:
    gateway.orders.script.append(answer(status, b"{}", "Retry-After: 7"))
    got = gateway.fetch("/api/v1/stats")
    assert got.status == status
    assert gateway.orders.executed("/api/v1/stats") == 1
    if status == 503:
        assert got.headers["Retry-After"] == "7"
        assert got.json["type"].endswith("/unavailable")
    assert gateway.status("orders")["state"] == "up"


def test_what_was_said_of_one_request_is_not_held_against_the_next(gateway: Gateway) -> None:
    # nginx gives the next request the memory of the last, and so the same number.
    for _ in range(20):
        gateway.orders.script.extend([answer(503), not_processed])
        assert gateway.fetch(ORDERS, "POST", b"{}", **KEY).status == 503
        assert gateway.fetch(ORDERS, "POST", b"{}", **KEY).status == 200


def test_the_key_of_one_request_is_not_that_of_the_next(gateway: Gateway) -> None:
    for n in range(20):
        gateway.orders.script.extend([answer(503), reset])
        assert gateway.fetch(ORDERS, "POST", b"{}", **KEY).status == 503
        got = gateway.fetch(f"/pay-{n}", "POST", b"amount=1")
        assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
        assert gateway.orders.executed(f"/pay-{n}") == 1


def test_a_services_503_tells_when_to_come_back_even_if_it_does_not(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(503, b"{}"))
    got = gateway.fetch("/api/v1/stats")
    assert got.status == 503
    assert int(got.headers["Retry-After"]) >= 1


def test_the_services_own_errors_pass_untouched(gateway: Gateway) -> None:
    for status in (400, 403, 404, 409, 422, 429, 500):
        gateway.orders.script.append(answer(status, b'{"own": 1}', "Content-Type: application/problem+json"))
        got = gateway.fetch("/api/v1/me")
        assert (got.status, got.json) == (status, {"own": 1})


def test_a_big_body_survives_waiting_and_being_sent_again(gateway: Gateway) -> None:
    body = os.urandom(300_000)
    gateway.orders.script.extend([not_processed, reset, reset])
    got = gateway.fetch(ORDERS, "POST", body, **KEY)
    assert got.status == 200
    wanted = hashlib.sha1(body).hexdigest()
    assert [hashlib.sha1(request.body).hexdigest() for request in gateway.orders.seen] == [wanted] * 4


def test_tries_are_bounded_and_end_in_an_honest_answer(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_HOLD_S="20")
    gateway.orders.script.extend([reset] * 40)
    with ThreadPoolExecutor() as pool:
        read, write = pool.submit(gateway.fetch, "/loop"), pool.submit(gateway.fetch, ORDERS, "POST", b"{}", **KEY)
    assert read.result().status == 503
    assert (write.result().status, write.result().headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert gateway.orders.executed("/loop") == gateway.orders.executed(ORDERS) == 3


def test_the_path_arrives_as_it_was_written_even_after_waiting(gateway: Gateway) -> None:
    path = "/a%2Fb/%C3%B1?q=%20x&amp=a+b"
    gateway.orders.script.append(reset)
    gateway.fetch(path)
    assert [request.path for request in gateway.orders.seen] == [path, path]


def test_a_service_that_listens_before_it_is_ready_gets_nothing(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/early", "POST", b"")
        gateway.wait_for_waiting(1)
        gateway.orders.ready = False
        gateway.orders.start()
        eventually(lambda: gateway.status("orders")["last_error"] == "not ready (503)")
        assert not gateway.orders.seen
        gateway.orders.ready = True
        assert held.result().status == 200


def test_another_service_at_the_address_gets_nothing(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    gateway.orders.shown_name = "notify"
    gateway.orders.start()
    eventually(lambda: "another service" in gateway.status("orders")["last_error"])
    gateway.orders.shown_name = None
    gateway.wait_for("orders", "up")
    gateway.orders.shown_name = "usda"
    gateway.wait_for("orders", "held")


def test_what_waits_in_a_dying_backlog_is_released_by_the_next_process(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    gateway.orders.bind()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/later")
        gateway.wait_for_waiting(1)
        gateway.orders.stop()
        gateway.orders.start()
        assert held.result().status == 200


def test_a_service_away_longer_than_the_bound_is_503_in_the_clients_form(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), GATEWAY_HOLD_S="1")
    got = gateway.fetch("/", Accept="text/html", Accept_Language="es")
    assert got.status == 503
    assert int(got.headers["Retry-After"]) >= 1
    assert got.held_ms
    assert got.held_ms >= 900
    assert "Un momento, por favor" in got.body.decode()
    assert gateway.metric("gateway_waiting") == 0


def test_beyond_the_waiting_room_the_answer_is_503_at_once(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), GATEWAY_HOLD_REQUESTS="5")
    with ThreadPoolExecutor(6) as pool:
        held = [pool.submit(gateway.fetch, "/") for _ in range(5)]
        gateway.wait_for_waiting(5)
        refused = gateway.fetch("/api/v1/me")
        gateway.orders.start()
        assert [one.result().status for one in held] == [200] * 5
    assert refused.status == 503
    assert refused.held_ms is None
    assert refused.json["type"].endswith("/unavailable")


def test_the_waiting_room_is_also_bounded_by_bytes(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), GATEWAY_HOLD_MB="1")
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(gateway.fetch, "/", "POST", bytes(900_000))
        gateway.wait_for_waiting(1)
        assert gateway.fetch("/", "POST", bytes(200_000)).status == 503
        gateway.orders.start()
        assert held.result().status == 200
    assert gateway.metric("gateway_held_bytes") == 0


def test_nothing_is_sent_for_a_client_that_left(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    leaver = socket.create_connection(("127.0.0.1", gateway.port))
    leaver.sendall(b"POST /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    gateway.wait_for_waiting(1)
    leaver.close()
    gateway.wait_for_waiting(0)
    gateway.orders.start()
    assert gateway.fetch("/stays").status == 200
    assert gateway.orders.executed("/gone") == 0
    assert gateway.metric("gateway_held_bytes") == 0


def test_no_more_requests_reach_orders_at_once_than_it_can_serve(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ORDERS_CONCURRENCY="3")
    go = threading.Event()
    gateway.orders.script.extend([until(go, answer(200, b"ok"))] * 20)
    with ThreadPoolExecutor(20) as pool:
        all_of_them = [pool.submit(gateway.fetch, f"/{n}") for n in range(20)]
        gateway.wait_for_waiting(17)
        assert gateway.status("orders")["in_flight"] == 3
        assert len(gateway.orders.seen) == 3
        go.set()
        assert {one.result().status for one in all_of_them} == {200}
    eventually(lambda: gateway.metric("gateway_in_flight") == 0)


def test_a_service_that_hangs_costs_a_504_and_holds_nobody_else(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_ANSWER_S="2", GATEWAY_HOLD_S="1")
    never = threading.Event()
    gateway.orders.script.append(until(never, finish))
    got = gateway.fetch("/slow")
    assert got.status == 504
    assert gateway.status("orders")["state"] == "up"
    gateway.orders.script.append(until(never, finish))
    assert gateway.fetch("/slow", "POST", b"").headers["X-Gateway-Outcome"] == "unknown"
    never.set()


def test_an_upgrade_waits_and_then_gets_its_socket(gateway: Gateway) -> None:
    realtime = gateway.services["realtime"]
    realtime.stop()
    gateway.wait_for("realtime", "held")
    realtime.script.append(upgrade)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        gateway.wait_for_waiting(1, "realtime")
        realtime.start()
        got = b""
        while b"hi" not in got:
            got += connection.recv(4096)
    assert got.startswith(b"HTTP/1.1 101")
    assert realtime.seen[0].first("Upgrade") == "websocket"


def test_the_first_request_after_a_crash_finds_it_out_and_is_served(make_gateway: Callable[..., Gateway]) -> None:
    """With probes too rare to notice, a refused connection itself must hold the service."""
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="60000")
    gateway.orders.stop()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(fetch, gateway.port, "/x", "POST", b"1")
        gateway.wait_for("orders", "held")
        assert gateway.status("orders")["last_error"]
        gateway.orders.start()
        assert held.result().status == 200


def test_a_write_that_lost_its_place_to_others_is_not_sent_again(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ORDERS_CONCURRENCY="1", GATEWAY_PLACE_S="1")
    answers = threading.Event()
    gateway.orders.script.append(until(answers, reset))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(gateway.fetch, "/pay", "POST", b"amount=1")
        eventually(lambda: gateway.orders.executed("/pay") == 1)
        assert gateway.fetch("/other").status == 200
        answers.set()
        got = slow.result()
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert gateway.orders.executed("/pay") == 1
