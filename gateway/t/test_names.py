"""Services found by name, as in containers: they go, come back elsewhere, and swap addresses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import eventually
from faulty import Service
from gateway import Gateway
from names import NameServer


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


def _named(make_gateway: Callable[..., Gateway], names: NameServer) -> tuple[Gateway, Service]:
    """Return a gateway that looks orders up as `orders-web`, and the service that will be found."""
    service = Service("orders", 0, host="127.0.0.2")
    service.port = int(service.bind().getsockname()[1])
    resolver = f"127.0.0.1:{names.port}"
    target = f"orders-web:{service.port}"
    return make_gateway(away=("orders",), ORDERS_UPSTREAM=target, GATEWAY_RESOLVER=resolver), service.start()


def test_a_name_that_does_not_exist_yet_holds_until_it_does(
    make_gateway: Callable[..., Gateway], names: NameServer
) -> None:
    gateway, service = _named(make_gateway, names)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/", "POST", b"1")
        gateway.wait_for_waiting(1)
        assert gateway.status("orders")["last_error"] == "orders-web: no such name"
        names.address = service.host
        assert held.result().status == 200
    service.stop()


def test_a_service_that_comes_back_at_another_address_is_found(
    make_gateway: Callable[..., Gateway], names: NameServer
) -> None:
    gateway, first = _named(make_gateway, names)
    second = Service("orders", first.port, host="127.0.0.3").start()
    names.address = first.host
    gateway.wait_for("orders", "up")
    assert gateway.fetch("/1").status == 200
    names.address = second.host
    first.stop()
    assert gateway.fetch("/2", "POST", b"1").status == 200
    assert [request.path for request in second.seen] == ["/2"]
    second.stop()


def test_a_stranger_at_the_new_address_gets_nothing(make_gateway: Callable[..., Gateway], names: NameServer) -> None:
    gateway, first = _named(make_gateway, names)
    stranger = Service("notify", first.port, host="127.0.0.3").start()
    names.address = first.host
    gateway.wait_for("orders", "up")
    names.address = stranger.host
    eventually(lambda: gateway.status("orders")["last_error"] == "another service answers there: notify")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/", "POST", b"1")
        gateway.wait_for_waiting(1)
        names.address = first.host
        assert held.result().status == 200
    assert not stranger.seen
    first.stop()
    stranger.stop()
