"""Who goes first, how many at once, and how fast: releases after an outage and while a service is full."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Answer, eventually
from faulty import Behaviour, answer, not_processed, reset, until
from gateway import Gateway
from waits import Wait, inversions, waits

CROWD = 60
NEXT_ONES = 5


def _hold_crowd(gateway: Gateway, pool: ThreadPoolExecutor, first: int = 0, number: int = CROWD) -> list[object]:
    """Let requests queue one after the other: /0, /1, ...; `_by_arrival` says where two neighbours came at once."""
    held = []
    for n in range(first, first + number):
        held.append(pool.submit(gateway.fetch, f"/{n}", "POST", b"x"))
        gateway.wait_for_waiting(n + 1)
    return held


def _by_arrival(gateway: Gateway, number: int) -> list[str]:
    """Return the paths of the crowd in their order of arrival.

    A seat is counted, and seen, a moment before its arrival number is taken: while a worker gets no processor just
    there, the next ones, in another worker, take the lower numbers.
    """
    lines = eventually(lambda: len(found := [line for line in gateway.lines() if line["arrival"]]) >= number and found)
    paths = [line["path"] for line in sorted(lines, key=lambda line: int(line["arrival"]))]
    crowd = [int(path[1:]) for path in paths if path[1:].isdigit()]
    assert all(abs(n - place) <= NEXT_ONES for place, n in enumerate(crowd)), paths
    return paths


def _logged(gateway: Gateway, number: int) -> list[Wait]:
    return eventually(lambda: len(found := waits(gateway.lines())) >= number and found)


def _spans(seen: list[tuple[float, float]]) -> int:
    """Return the most that overlapped of pairs of begin and end."""
    steps = sorted([(begin, 1) for begin, _ in seen] + [(end, -1) for _, end in seen])
    return max(itertools.accumulate(step for _, step in steps))


class Stopwatch:
    """Answers after a moment and remembers when it was at work."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []
        self._go = threading.Event()

    def __call__(self, connection, request) -> bool:  # noqa: ANN001 - a Behaviour
        begin = time.monotonic()
        self._go.wait(0.005)
        self.spans.append((begin, time.monotonic()))
        return answer(200, b"ok")(connection, request)


def test_the_first_come_are_the_first_served_across_workers(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="1")
    with ThreadPoolExecutor(CROWD) as pool:
        held = _hold_crowd(gateway, pool)
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}
    assert [request.path for request in gateway.orders.seen] == _by_arrival(gateway, CROWD)
    found = _logged(gateway, CROWD)
    assert inversions(found) == 0
    assert len({wait.released for wait in found}) == CROWD


@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_no_inversion_with_newcomers_and_requests_that_come_back(
    make_gateway: Callable[..., Gateway], workers: str
) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="4", GATEWAY_WORKERS=workers)
    script: list[Behaviour] = [not_processed if n % 17 == 3 else answer(200, b"ok") for n in range(150)]
    gateway.orders.script.extend(script)
    stop = threading.Event()

    def come_again() -> list[Answer]:
        got = []
        while not stop.is_set():
            got.append(gateway.fetch("/newcomer", "POST", b"x"))
        return got

    with ThreadPoolExecutor(CROWD + 4) as pool:
        held = _hold_crowd(gateway, pool)
        newcomers = [pool.submit(come_again) for _ in range(4)]
        gateway.orders.start()
        answers = [one.result() for one in held]
        stop.set()
        answers += [got for one in newcomers for got in one.result()]
    assert {got.status for got in answers} == {200}
    found = _logged(gateway, CROWD)
    assert any(wait.queued > wait.arrival for wait in found), "nobody came back"
    assert inversions(found) == 0


def test_a_newcomer_goes_behind_whoever_waits_for_a_place(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ORDERS_CONCURRENCY="2")
    go = threading.Event()
    gateway.orders.script.extend([until(go, answer(200, b"ok"))] * 2)
    with ThreadPoolExecutor(24) as pool:
        first = [pool.submit(gateway.fetch, "/first") for _ in range(2)]
        eventually(lambda: len(gateway.orders.seen) == 2)
        held = _hold_crowd(gateway, pool, number=20)
        go.set()
        assert {one.result().status for one in [*first, *held]} == {200}
    assert inversions(_logged(gateway, 20)) == 0


def test_one_that_comes_back_keeps_its_place(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="1")
    gateway.orders.script.append(not_processed)
    with ThreadPoolExecutor(8) as pool:
        held = _hold_crowd(gateway, pool, number=8)
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}
    in_order = _by_arrival(gateway, 8)
    assert [request.path for request in gateway.orders.seen] == [in_order[0], *in_order]


def test_what_was_under_way_when_a_service_fell_goes_before_those_who_came_later(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(ORDERS_CONCURRENCY="1")
    fall = threading.Event()

    def break_off(connection, request) -> bool:  # noqa: ANN001 - a Behaviour
        fall.wait(20)
        gateway.orders.stop()
        return reset(connection, request)

    gateway.orders.script.append(break_off)
    with ThreadPoolExecutor(8) as pool:
        under_way = pool.submit(gateway.fetch, "/under-way")
        eventually(lambda: gateway.orders.seen)
        held = _hold_crowd(gateway, pool, number=6)
        fall.set()
        gateway.wait_for_waiting(7)
        gateway.orders.start()
        assert {one.result().status for one in [under_way, *held]} == {200}
    in_order = _by_arrival(gateway, 7)
    assert in_order[0] == "/under-way"
    assert [request.path for request in gateway.orders.seen] == ["/under-way", *in_order]
    assert inversions(_logged(gateway, 7)) == 0


def test_a_release_begins_with_one_and_never_passes_the_cap(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="6")
    watch = Stopwatch()
    gateway.orders.script.extend([watch] * CROWD)
    with ThreadPoolExecutor(CROWD) as pool:
        held = _hold_crowd(gateway, pool)
        gateway.orders.start()
        assert {one.result().status for one in held} == {200}
    spans = sorted(watch.spans)
    assert spans[1][0] >= spans[0][1], "the second went before the first was answered"
    assert _spans(spans) <= 6
    assert _spans(spans) >= 4, "it never grew"
    gateway.wait_for_phase("orders", "up")


def test_a_ramp_that_nobody_needs_ends_by_itself(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for_phase("orders", "down")
    gateway.orders.start()
    gateway.wait_for_phase("orders", "ramp")
    gateway.wait_for_phase("orders", "up")


def test_a_killed_workers_waiting_requests_keep_nobody_waiting(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="1")
    with ThreadPoolExecutor(CROWD) as pool:
        held = _hold_crowd(gateway, pool, number=20)
        os.kill(gateway.workers()[0], signal.SIGKILL)
        gateway.orders.start()
        outcomes = [one.exception() or one.result().status for one in held]
    assert outcomes.count(200) >= 1
    assert all(outcome == 200 or isinstance(outcome, OSError) for outcome in outcomes)
    assert inversions(waits(gateway.lines())) == 0
    gateway.wait_for_waiting(0)
    eventually(lambda: gateway.status("orders")["in_flight"] == 0)


def test_a_reload_in_a_hold_releases_in_order_and_soon(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="2")
    with ThreadPoolExecutor(2 * CROWD) as pool:
        held = _hold_crowd(gateway, pool, number=30)
        old = set(gateway.workers())
        gateway.signal(signal.SIGHUP)
        eventually(lambda: len(set(gateway.workers()) - old) == 2)
        held += _hold_crowd(gateway, pool, first=30, number=30)
        gateway.orders.start()
        gateway.wait_for("orders", "up")
        ready = time.monotonic()
        answers = [one.result() for one in held]
        took_s = time.monotonic() - ready
    assert {got.status for got in answers} == {200}
    assert inversions(_logged(gateway, 60)) == 0
    assert took_s < 5, "the old workers' waiting requests were forgotten until something woke them"


def test_waits_are_logged_with_numbers_and_nobody_else_is(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/w")
        gateway.wait_for_waiting(1)
        gateway.orders.start()
        line = gateway.line_of(held.result())
    assert int(line["arrival"]) <= int(line["queued"]) < int(line["released"])
    assert int(line["held_ms"]) == int(held.result().headers["X-Held-Ms"])
    gateway.wait_for_phase("orders", "up")
    eventually(lambda: gateway.line_of(gateway.fetch("/straight"))["attempts"] == "200")
    straight = gateway.line_of(gateway.fetch("/straight"))
    assert (straight["arrival"], straight["queued"], straight["released"]) == ("", "", "")
