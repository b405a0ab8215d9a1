"""The operator's listener and bin/admin."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Answer, eventually, fetch
from faulty import answer, until, upgrade
from gateway import HOME, Gateway


def _admin(gateway: Gateway, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**gateway.environment, **more}
    return subprocess.run([HOME / "bin/admin", *words], env=environment, capture_output=True, text=True, check=False)


def test_status_tells_of_each_service(gateway: Gateway) -> None:
    for name in ("orders", "usda", "notify", "realtime"):
        row = gateway.status(name)
        assert (row["state"], row["waiting"], row["in_flight"]) == ("up", 0, 0)
        assert row["since"] > 0


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer operator-token-of-the-testX", "Basic b3A6b3A="])
def test_acting_needs_the_operators_token(gateway: Gateway, authorization: str) -> None:
    got = fetch(gateway.admin_port, "/upstreams/orders/pause", "POST", Authorization=authorization)
    assert got.status == 401
    assert gateway.status("orders")["state"] == "up"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/upstreams/nobody/pause", 404),
        ("/upstreams/orders/explode", 404),
        ("/elsewhere", 404),
        ("/upstreams/orders/pause?max_s=1000000", 400),
        ("/upstreams/orders/pause?max_s=0", 400),
        ("/upstreams/orders/pause?drain_s=soon", 400),
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(gateway: Gateway, path: str, status: int) -> None:
    got = fetch(gateway.admin_port, path, "POST", Authorization="Bearer operator-token-of-the-tests")
    assert got.status == status
    assert gateway.status("orders")["state"] == "up"


def test_the_operators_routes_are_not_public(gateway: Gateway) -> None:
    gateway.fetch("/status")
    gateway.fetch("/upstreams/orders/pause", "POST", b"", Authorization="Bearer operator-token-of-the-tests")
    assert gateway.status("orders")["state"] == "up"


def test_a_pause_holds_and_resuming_releases(gateway: Gateway) -> None:
    assert gateway.pause().json["state"] == "paused"
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/p", "POST", b"1")
        gateway.wait_for_waiting(1)
        assert not gateway.orders.seen
        assert gateway.resume().json["state"] == "up"
        assert held.result().held_ms
    assert fetch(gateway.admin_port, "/healthz").status == gateway.fetch("/healthz").status == 200


def test_a_pause_ends_by_itself(gateway: Gateway) -> None:
    gateway.pause(query="?max_s=0.3")
    got = gateway.fetch("/p")
    assert got.status == 200
    assert got.held_ms
    assert 100 < got.held_ms < 2000


def test_a_pause_that_cannot_be_written_down_is_refused(make_gateway: Callable[..., Gateway]) -> None:
    """A full disk: the gateway would forget it at its next start, in the middle of what it was for."""
    gateway = make_gateway()
    pauses = gateway.folder / "state/pauses"
    (pauses / "orders.new").symlink_to("/dev/full")
    got = gateway.pause()
    assert (got.status, got.json["title"]) == (500, "The pause could not be written down")
    assert "No space left" in got.json["detail"]
    assert gateway.status("orders")["state"] == "up"
    assert not list(pauses.iterdir())
    assert gateway.pause().status == 200


def test_a_pause_without_a_length_keeps_to_the_longest_allowed(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_PAUSE_MAX_S="5")
    got = gateway.pause()
    assert got.status == 200
    assert 0 < got.json["paused_until"] - time.time() <= 5


def test_a_paused_service_is_so_since_the_pause_began(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    time.sleep(2)
    assert time.time() - gateway.pause().json["since"] < 2


def test_pausing_waits_for_what_is_under_way(gateway: Gateway) -> None:
    go = threading.Event()
    gateway.orders.script.append(until(go, answer(200, b"late")))
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(gateway.fetch, "/slow", "POST", b"")
        eventually(lambda: gateway.orders.seen)
        assert gateway.pause(query="?drain_s=0.2").status == 409
        assert _admin(gateway, "pause", "orders", "drain_s=0.2").returncode == 1
        assert gateway.status("orders")["state"] == "paused"
        pausing = pool.submit(gateway.pause, query="?drain_s=10")
        go.set()
        assert pausing.result().status == 200
        assert under_way.result().body == b"late"


def test_a_pause_says_drained_only_when_what_runs_longer_than_a_place_lasts_is_through(
    make_gateway: Callable[..., Gateway],
) -> None:
    """Whoever restarts the service or its database then would cut it off."""
    gateway = make_gateway(GATEWAY_PLACE_S="1")
    go = threading.Event()
    gateway.orders.script.append(until(go, answer(200, b"late")))
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(gateway.fetch, "/slow", "POST", b"")
        eventually(lambda: gateway.orders.seen)
        assert gateway.pause(query="?drain_s=2").status == 409
        assert gateway.status("orders")["in_flight"] == gateway.metric('gateway_in_flight{upstream="orders"') == 1
        pausing = pool.submit(gateway.pause, query="?drain_s=10")
        go.set()
        assert pausing.result().status == 200
        assert under_way.result().body == b"late"
    gateway.resume()
    eventually(lambda: gateway.metric('gateway_requests_total{upstream="orders",class="2xx"') == 1)


def test_whoever_loses_a_place_to_others_is_counted_until_it_is_through(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_PLACE_S="1", ORDERS_CONCURRENCY="1")
    go = threading.Event()
    gateway.orders.script.append(until(go, answer(200, b"late")))
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(gateway.fetch, "/slow", "POST", b"")
        eventually(lambda: gateway.orders.seen)
        assert gateway.fetch("/quick").held_ms
        eventually(lambda: gateway.status("orders")["in_flight"] == 1)
        go.set()
        assert under_way.result().body == b"late"
    eventually(lambda: gateway.status("orders")["in_flight"] == 0)
    eventually(lambda: gateway.metric('gateway_requests_total{upstream="orders",class="2xx"') == 2)
    assert gateway.fetch("/next").status == 200


@pytest.mark.parametrize("end", ["max_s=0.5&drain_s=20", "max_s=30&drain_s=20"])
def test_a_pause_that_ends_before_it_has_drained_is_no_success(gateway: Gateway, end: str) -> None:
    go = threading.Event()
    gateway.orders.script.append(until(go, answer(200, b"late")))
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(gateway.fetch, "/slow", "POST", b"")
        eventually(lambda: gateway.orders.seen)
        pausing = pool.submit(gateway.pause, query=f"?{end}")
        if "max_s=30" in end:
            gateway.wait_for("orders", "paused")
            gateway.resume()
        said = pausing.result()
        assert (said.status, said.json["type"].rpartition("/")[2]) == (409, "not-drained")
        assert "paused no more" in said.json["detail"]
        go.set()
        assert under_way.result().body == b"late"


def test_pause_drain_restart_resume_under_load_loses_nothing(gateway: Gateway) -> None:
    stop = threading.Event()

    def load(number: int) -> list[Answer]:
        got = []
        while not stop.is_set():
            got.append(gateway.fetch(f"/load/{number}/{len(got)}", "POST", b"x"))
        return got

    with ThreadPoolExecutor(12) as pool:
        loads = [pool.submit(load, number) for number in range(12)]
        for _ in range(3):
            enough = len(gateway.orders.seen) + 40
            eventually(lambda enough=enough: len(gateway.orders.seen) > enough)
            assert gateway.pause().status == 200
            gateway.orders.stop()
            gateway.orders.start()
            assert gateway.resume().status == 200
        eventually(lambda: gateway.status("orders")["waiting"] == 0)
        stop.set()
        answers = [got for one in loads for got in one.result()]
    assert {got.status for got in answers} == {200}
    assert any(got.held_ms for got in answers)
    paths = [request.path for request in gateway.orders.seen]
    assert len(paths) == len(set(paths)) == len(answers)


def test_a_worker_that_only_keeps_sockets_open_keeps_no_pause_waiting(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.services["realtime"].script.append(upgrade)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert client.recv(12).startswith(b"HTTP/1.1 101")
        old = set(gateway.workers())
        gateway.signal(signal.SIGHUP)
        eventually(lambda: len(old & set(gateway.workers())) == 1)
        gateway.wait_until(lambda: len(set(gateway.workers()) - old) == 2)
        for _ in range(2):
            assert gateway.pause(query="?drain_s=5").status == 200
            assert gateway.resume().status == 200
        assert len(old & set(gateway.workers())) == 1


def test_the_command_pauses_resumes_and_shows(gateway: Gateway) -> None:
    done = _admin(gateway, "pause", "orders", "max_s=30", "drain_s=5")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "paused")
    assert json.loads(_admin(gateway, "status").stdout)["upstreams"]["orders"]["state"] == "paused"
    assert _admin(gateway, "resume", "orders").returncode == 0
    assert gateway.status("orders")["state"] == "up"
    assert 'gateway_upstream_state{upstream="orders",state="up"} 1' in _admin(gateway, "metrics").stdout


def test_the_command_says_what_went_wrong(gateway: Gateway) -> None:
    assert _admin(gateway).returncode == _admin(gateway, "explode").returncode == 2
    refused = _admin(gateway, "pause", "nobody")
    assert (refused.returncode, json.loads(refused.stderr)["status"]) == (4, 404)
    assert _admin(gateway, "status", GATEWAY_ADMIN_PORT="1").returncode == 3


def test_the_command_does_not_wait_for_ever(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = _admin(gateway, "pause", "orders", "drain_s=0.5", GATEWAY_ADMIN_PORT=str(silent.getsockname()[1]))
    assert (asked.returncode, asked.stderr) == (3, "admin: no answer\n")


def test_a_pause_outlives_the_gateway(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.pause(query="?max_s=60")
    gateway.stop()
    gateway.orders.stop()
    gateway.start()
    assert gateway.status("orders")["state"] == "paused"
    gateway.resume()
    gateway.stop()
    gateway.orders.start()
    gateway.start()
    assert gateway.status("orders")["state"] == "up"


def test_a_damaged_pause_counts_as_none(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.stop()
    (gateway.folder / "state/pauses/orders").write_text("rubbish\n")
    (gateway.folder / "state/pauses/usda").write_text("99999999999\n")
    (gateway.folder / "state/pauses/notify").write_text("1.0\n")
    gateway.start()
    assert {gateway.status(name)["state"] for name in ("orders", "usda", "notify")} == {"up"}
