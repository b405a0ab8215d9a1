"""A full waiting room: whoever holds more than a share makes way, the others do not notice."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from client import Answer, fetch
from gateway import Gateway

ROOM, SHARE, ADDRESS_SHARES = 40, 4, 3  # 10 % of 40


def _full(make_gateway: Callable[..., Gateway], **more: str) -> Gateway:
    return make_gateway(
        away=("orders",),
        GATEWAY_HOLD_REQUESTS=str(ROOM),
        GATEWAY_SHARE_PERCENT="10",
        GATEWAY_ADDRESS_SHARES=str(ADDRESS_SHARES),
        # Beyond what a busy machine needs to let everybody in: nobody may leave because the time is over.
        GATEWAY_HOLD_S="60",
        **more,
    )


def _from(gateway: Gateway, address: str, session: str = "", body: bytes = b"x") -> Answer:
    cookie = {"Cookie": f"mercadito_session={session}"} if session else {}
    return fetch(gateway.port, f"/{address}", "POST", body, source=address, **cookie)


def test_nobody_is_sent_away_while_there_is_room(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    with ThreadPoolExecutor(ROOM) as pool:
        held = [pool.submit(_from, gateway, "127.0.0.1") for _ in range(ROOM)]
        gateway.wait_for_waiting(ROOM)
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}


def test_the_newest_of_a_greedy_client_makes_way(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    with ThreadPoolExecutor(2 * ROOM) as pool:
        greedy = [pool.submit(_from, gateway, "127.0.0.1") for _ in range(ROOM)]
        gateway.wait_for_waiting(ROOM)
        others = [pool.submit(_from, gateway, f"127.0.1.{n}") for n in range(1, 31)]
        gateway.wait_until(lambda: sum(one.done() for one in greedy) == 30)
        refused = [one.result() for one in greedy if one.done()]
        gateway.orders.start()
        assert {one.result().status for one in others} == {200}
        statuses = [one.result().status for one in greedy]
    assert statuses.count(503) == 30
    assert statuses.count(200) == ROOM - 30
    assert all(got.status == 503 and int(got.headers["Retry-After"]) >= 1 for got in refused)
    assert gateway.metric('gateway_refused_total{upstream="orders",reason="over-its-share"}') == 30


def test_a_greedy_clients_own_newcomer_is_refused_at_once(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    with ThreadPoolExecutor(ROOM) as pool:
        held = [pool.submit(_from, gateway, "127.0.0.1") for _ in range(ROOM)]
        gateway.wait_for_waiting(ROOM)
        assert _from(gateway, "127.0.0.1").status == 503
        assert gateway.status("orders")["waiting"] == ROOM
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}


def test_many_sessions_of_one_address_are_bounded_together(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    with ThreadPoolExecutor(2 * ROOM) as pool:
        crowd = [pool.submit(_from, gateway, "127.0.0.1", f"session-{n}") for n in range(ROOM)]
        gateway.wait_for_waiting(ROOM)
        assert _from(gateway, "127.0.0.1", "one-more").status == 503
        other = [pool.submit(_from, gateway, f"127.0.1.{n}") for n in range(1, 11)]
        gateway.wait_until(lambda: sum(one.done() for one in crowd) == 10)
        gateway.orders.start()
        assert {one.result().status for one in other} == {200}
        assert [one.result().status for one in crowd].count(200) == ROOM - 10


def test_a_room_full_of_the_modest_is_full(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    with ThreadPoolExecutor(ROOM) as pool:
        held = [pool.submit(_from, gateway, f"127.0.1.{n}") for n in range(1, ROOM + 1)]
        gateway.wait_for_waiting(ROOM)
        assert _from(gateway, "127.0.2.1").status == 503
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}


def test_shares_count_bytes_as_well(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway, GATEWAY_HOLD_MB="1")
    with ThreadPoolExecutor(ROOM) as pool:
        greedy = [pool.submit(_from, gateway, "127.0.0.1", body=bytes(200_000)) for _ in range(5)]
        gateway.wait_for_waiting(5)
        other = pool.submit(_from, gateway, "127.0.1.1", body=bytes(100_000))
        gateway.wait_until(lambda: sum(one.done() for one in greedy) == 1)
        gateway.orders.start()
        assert other.result().status == 200
        assert sorted(one.result().status for one in greedy) == [200, 200, 200, 200, 503]
    assert gateway.metric("gateway_held_bytes") == 0


def test_half_of_those_who_wait_may_leave(make_gateway: Callable[..., Gateway]) -> None:
    gateway = _full(make_gateway)
    connections = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(ROOM)]
    for number, connection in enumerate(connections):
        connection.sendall(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" % number)
        gateway.wait_for_waiting(number + 1)
    for connection in connections[::2]:
        connection.close()
    gateway.wait_for_waiting(ROOM // 2)
    gateway.orders.start()
    for connection in connections[1::2]:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()
    assert {request.path for request in gateway.orders.seen} == {f"/{n}" for n in range(1, ROOM, 2)}
    gateway.wait_until(lambda: gateway.status("orders")["in_flight"] == 0)
    assert gateway.metric("gateway_waiting") == gateway.metric("gateway_held_bytes") == 0
