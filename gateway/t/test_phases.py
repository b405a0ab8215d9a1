"""up, suspect, down, ramp: what moves a service between them, and what is learned of its outages."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from client import eventually, fetch
from faulty import answer, reset, until, upgrade
from gateway import Gateway

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def _events(gateway: Gateway, name: str = "orders") -> list[str]:
    """Return the changes of a service that the journal tells of."""
    text = (gateway.folder / "errors").read_text()
    return [line.split('"event": "upstream_')[1].split('"')[0] for line in text.splitlines() if f'"{name}"' in line]


def _given_up(gateway: Gateway) -> list[float]:
    """Return how long each took whose tries were used up, in seconds."""
    return [float(line["duration_s"]) for line in gateway.lines() if line["outcome"] == "tries-used-up"]


def test_one_failure_is_enough_and_one_good_probe_takes_it_back(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="60000")
    gateway.orders.script.append(reset)
    assert gateway.fetch("/glitch").status == 200
    assert _events(gateway) == ["up", "suspect", "up"]


def test_a_service_that_stays_away_is_down_and_comes_back_by_a_ramp(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="60000")
    gateway.orders.stop()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/x", "POST", b"1")
        gateway.wait_for_phase("orders", "down")
        gateway.orders.start()
        assert held.result().status == 200
    gateway.wait_for_phase("orders", "up")
    assert _events(gateway) == ["up", "suspect", "down", "ramp", "up"]


def test_a_service_that_says_ready_and_fails_gets_longer_and_longer_rests(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.orders.script.extend([reset] * 6)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(gateway.fetch, f"/{n}") for n in range(2)]
        assert {one.result().status for one in answers} == {503}
    # Six tries, spread: at full speed they would take some milliseconds. The rests are random; 0.37 s were seen, too.
    seen = eventually(lambda: len(found := _given_up(gateway)) == 2 and found)
    assert max(seen) > 0.2
    assert gateway.fetch("/again").status == 200


def test_retry_after_tells_what_is_left_of_an_outage_as_they_have_been(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_HOLD_S="1", GATEWAY_RETRY_AFTER_S="60")
    assert "outage_s" not in gateway.status("orders")
    gateway.orders.stop()
    gateway.wait_for_phase("orders", "down")
    began = time.monotonic()
    assert 60 <= int(gateway.fetch("/").headers["Retry-After"]) <= 120
    eventually(lambda: time.monotonic() - began > 2)
    gateway.orders.start()
    learned = eventually(lambda: gateway.status("orders").get("outage_s"))
    assert 1.5 < learned < 4
    gateway.wait_for_phase("orders", "up")
    gateway.orders.stop()
    gateway.wait_for_phase("orders", "down")
    assert 1 <= int(gateway.fetch("/").headers["Retry-After"]) <= 8


def test_what_was_learned_outlives_the_gateway(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.orders.stop()
    gateway.wait_for_phase("orders", "down")
    gateway.orders.start()
    learned = eventually(lambda: gateway.status("orders").get("outage_s"))
    gateway.stop()
    gateway.start()
    assert gateway.status("orders")["outage_s"] == learned
    gateway.stop()
    (gateway.folder / "state/boots/orders").write_text("rubbish -- 1.2.3\n")
    gateway.start()
    assert gateway.fetch("/").status == 200


def test_the_metrics_tell_phase_and_outage(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for_phase("orders", "down")
    gateway.orders.start()
    gateway.wait_for_phase("orders", "up")
    assert gateway.metric('gateway_upstream_phase{upstream="orders",phase="up"}') == 1
    assert gateway.metric('gateway_upstream_phase{upstream="orders",phase="down"}') == 0
    assert gateway.metric('gateway_outage_estimate_seconds{upstream="orders"}') > 0


def test_upgrades_come_back_at_a_limited_rate_and_keep_nobody_else_waiting(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(away=("realtime",), GATEWAY_UPGRADES_PER_S="20")
    realtime, number, came = gateway.services["realtime"], 30, []
    clock = threading.Lock()

    def count(connection, request) -> bool:  # noqa: ANN001 - a Behaviour
        with clock:
            came.append(time.monotonic())
        return upgrade(connection, request)

    realtime.script.extend([count] * number)
    clients = [socket.create_connection(("127.0.0.1", gateway.port), timeout=20) for _ in range(number)]
    for client in clients:
        client.sendall(UPGRADE)
    gateway.wait_for_waiting(number, "realtime")
    realtime.start()
    assert fetch(gateway.port, "/meanwhile").held_ms is None
    assert all(client.recv(12).startswith(b"HTTP/1.1 101") for client in clients)
    for client in clients:
        client.close()
    came.sort()
    assert all(later - earlier > 0.5 for earlier, later in zip(came, came[20:], strict=False)), "over the rate"
    assert came[-1] - came[0] < 10, "far below the rate"


def test_one_client_cannot_make_the_lane_longer_than_others_can_wait(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_UPGRADES_PER_S="5", GATEWAY_HOLD_S="8")  # 40 can be let in in time
    gateway.pause("realtime")
    with ThreadPoolExecutor(50) as pool:
        greedy = [pool.submit(gateway.fetch, "/sse") for _ in range(40)]
        eventually(lambda: sum(one.done() for one in greedy) == 20)
        assert {one.result().status for one in greedy if one.done()} == {503}
        others = [pool.submit(fetch, gateway.port, "/sse", source=f"127.0.1.{n}") for n in range(1, 11)]
        gateway.wait_for_waiting(30, "realtime")
        gateway.resume("realtime")
        assert {one.result().status for one in others} == {200}


def test_a_lane_that_says_nothing_is_away_and_is_told_so(make_gateway: Callable[..., Gateway]) -> None:
    """Whoever was let in would else wait in silence for as long as a stream may be silent."""
    gateway = make_gateway(GATEWAY_PROBE_UP_MS="50")
    for name in ("realtime", "notify"):
        gateway.services[name].freeze()
    gateway.wait_for("realtime", "held")
    assert gateway.status("realtime")["last_error"] == "timeout"
    eventually(lambda: (gateway.folder / "errors").read_text().count('"event": "upstream_silent"') == 2)
    assert gateway.status("notify")["state"] == "up"
    gateway.services["realtime"].start()
    assert gateway.fetch("/sse").status == 200


def test_a_document_of_the_lane_is_waited_for_as_an_answer_is(make_gateway: Callable[..., Gateway]) -> None:
    gateway, go = make_gateway(GATEWAY_ANSWER_S="1"), threading.Event()
    gateway.services["realtime"].script.extend([until(go, answer(200))] * 3)
    assert gateway.fetch("/api/v1/realtime/asyncapi.json").status == 504
    go.set()


def test_a_single_upgrade_does_not_wait_for_the_rate(gateway: Gateway) -> None:
    gateway.services["realtime"].script.append(answer(200, b"once"))
    got = gateway.fetch("/sse?c=prices")
    assert (got.body, got.held_ms) == (b"once", None)
