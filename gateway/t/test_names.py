"""Services found by name, as in containers: they go, come back elsewhere, and swap addresses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import eventually
from faulty import Service
from gateway import Gateway
from names import NO_SUCH_NAME, NameServer


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
    gateway.tell_all_workers()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/", "POST", b"1")
        gateway.wait_for_waiting(1)
        names.address = first.host
        assert held.result().status == 200
    assert not stranger.seen
    first.stop()
    stranger.stop()


def _up(make_gateway: Callable[..., Gateway], names: NameServer) -> tuple[Gateway, Service]:
    names.address = "127.0.0.2"
    gateway, service = _named(make_gateway, names)
    gateway.wait_for("orders", "up")
    return gateway, service


@pytest.mark.parametrize(
    ("code", "said"), [(3, "no such name"), (2, "name server error 2"), (5, "name server error 5")]
)
def test_a_name_that_goes_holds_and_comes_back(
    make_gateway: Callable[..., Gateway], names: NameServer, code: int, said: str
) -> None:
    """As names of stopped containers do, by one code or another."""
    gateway, service = _up(make_gateway, names)
    names.code = code
    if code != NO_SUCH_NAME:
        service.swallow()
    gateway.wait_for("orders", "held")
    assert gateway.status("orders")["last_error"] == f"orders-web: {said}"
    gateway.tell_all_workers()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/", "POST", b"1")
        gateway.wait_for_waiting(1)
        names.code = 0
        service.stop()
        service.start()
        assert held.result().status == 200
    assert service.executed("/") == 1
    service.stop()


@pytest.mark.parametrize("trouble", ["silent", "away", 2, 5])
def test_a_name_server_in_trouble_takes_no_service_away(
    make_gateway: Callable[..., Gateway], names: NameServer, trouble: str | int
) -> None:
    """Who is known where stays known: the answer at the address still says which service it is."""
    gateway, service = _up(make_gateway, names)
    if trouble == "silent":
        names.silent = True
    elif trouble == "away":
        names.close()  # its port is refused, as kube-proxy does when no pod of CoreDNS is ready
    else:
        names.code = int(trouble)
    probes = 'gateway_probes_total{upstream="orders"'
    falls, asked = gateway.falls(), gateway.metric(probes)
    eventually(lambda: gateway.metric(probes) > asked + 2)
    assert gateway.fetch("/", "POST", b"1").status == 200
    assert gateway.falls() == falls
    names.silent = False
    service.stop()


def test_two_services_that_swap_addresses_each_get_their_own(
    make_gateway: Callable[..., Gateway], names: NameServer
) -> None:
    """As containers restarted together do, with names that follow a moment later."""
    orders = Service("orders", 0, host="127.0.0.2")
    orders.port = int(orders.bind().getsockname()[1])
    usda = Service("usda", orders.port, host="127.0.0.3").start()
    orders.start()
    names.addresses = {"orders-web": orders.host, "usda-web": usda.host}
    gateway = make_gateway(
        away=("orders", "usda"),
        ORDERS_UPSTREAM=f"orders-web:{orders.port}",
        USDA_UPSTREAM=f"usda-web:{usda.port}",
        GATEWAY_RESOLVER=f"127.0.0.1:{names.port}",
    )
    for name in ("orders", "usda"):
        gateway.wait_for(name, "up")
    orders.stop()
    usda.stop()
    orders.host, usda.host = usda.host, orders.host
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(gateway.fetch, path, "POST", b"1") for path in ("/cart", "/api/v1/prices/crawls")]
        gateway.wait_for_waiting(1, "orders")
        gateway.wait_for_waiting(1, "usda")
        orders.start()
        usda.start()
        for name, stranger in (("orders", "usda"), ("usda", "orders")):
            said = f"another service answers there: {stranger}"
            eventually(lambda name=name, said=said: gateway.status(name)["last_error"] == said)
        names.addresses = {"orders-web": orders.host, "usda-web": usda.host}
        assert [one.result().status for one in asked] == [200, 200]
    assert [request.path for request in orders.seen] == ["/cart"]
    assert [request.path for request in usda.seen] == ["/api/v1/prices/crawls"]
    orders.stop()
    usda.stop()
