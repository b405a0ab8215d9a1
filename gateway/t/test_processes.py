"""Reloads, crashes and starts: what the gateway's own processes may do to a request."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from client import eventually
from gateway import HOME, Gateway
from start import start


@contextmanager
def _load(gateway: Gateway) -> Iterator[list[object]]:
    """Read all the time; the list fills with statuses, or with what broke."""
    stop, results = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                results.append(gateway.fetch("/load").status)
            except OSError as problem:
                results.append(problem)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(read)
        try:
            yield results
        finally:
            stop.set()


def test_a_reload_during_a_hold_loses_nobody(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",))
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(gateway.fetch, f"/{number}", "POST", b"1") for number in range(8)]
        gateway.wait_for_waiting(8)
        old = set(gateway.workers())
        gateway.signal(signal.SIGHUP)
        eventually(lambda: len(set(gateway.workers()) - old) == 2)
        assert gateway.status("orders")["waiting"] == 8
        gateway.orders.start()
        assert [one.result().status for one in held] == [200] * 8
    assert len(gateway.orders.seen) == 8
    eventually(lambda: not old & set(gateway.workers()))
    assert gateway.metric("gateway_waiting") == gateway.metric("gateway_in_flight") == 0


def test_a_reload_under_load_fails_nothing(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    with _load(gateway) as results:
        for _ in range(2):
            old = set(gateway.workers())
            gateway.signal(signal.SIGHUP)
            eventually(lambda old=old: not old & set(gateway.workers()))
    assert set(results) == {200}


def test_a_killed_worker_takes_its_counts_with_it(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), ORDERS_CONCURRENCY="2")
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(gateway.fetch, "/") for _ in range(8)]
        gateway.wait_for_waiting(8)
        for pid in gateway.workers():
            os.kill(pid, signal.SIGKILL)
        assert all(one.exception() for one in held)
    eventually(lambda: len(gateway.workers()) == 2)
    gateway.wait_for_waiting(0)
    gateway.orders.start()
    assert gateway.fetch("/").status == 200


def test_a_worker_killed_while_orders_works_gives_the_places_back(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(ORDERS_CONCURRENCY="2")
    never = threading.Event()
    gateway.orders.script.extend([lambda *_: never.wait(20)] * 2)
    with ThreadPoolExecutor(2) as pool:
        stuck = [pool.submit(gateway.fetch, "/") for _ in range(2)]
        eventually(lambda: len(gateway.orders.seen) == 2)
        eventually(lambda: gateway.metric("gateway_in_flight") == 2)
        for pid in gateway.workers():
            os.kill(pid, signal.SIGKILL)
        assert all(one.exception() for one in stuck)
    never.set()
    eventually(lambda: gateway.metric("gateway_in_flight") == 0)
    assert gateway.fetch("/").status == 200


def test_a_killed_master_leaves_workers_that_serve_until_the_next_relieves_them(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    orphans = set(gateway.workers())
    with _load(gateway) as results:
        eventually(lambda: len(results) > 20)
        assert gateway.process
        gateway.process.kill()
        gateway.process.wait()
        gateway.start()
        eventually(lambda: orphans.isdisjoint(gateway.workers()))
        seen = len(results)
        eventually(lambda: len(results) > seen + 20)
    assert len(gateway.workers()) == 2
    broken = [result for result in results if result != 200]
    assert len(broken) <= 2, broken  # what an orphan had accepted but not read when it was told to leave


def test_what_waits_in_an_orphan_is_released_too(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",))
    orphans = set(gateway.workers())
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(gateway.fetch, "/", "POST", b"1") for _ in range(4)]
        gateway.wait_for_waiting(4)
        assert gateway.process
        gateway.process.kill()
        gateway.process.wait()
        gateway.start()
        eventually(lambda: len(set(gateway.workers()) - orphans) == 2)
        gateway.orders.start()
        assert [one.result().status for one in held] == [200] * 4
    eventually(lambda: orphans.isdisjoint(gateway.workers()))
    assert len(gateway.orders.seen) == 4


def test_quitting_lets_what_is_under_way_finish(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",))
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, "/")
        gateway.wait_for_waiting(1)
        gateway.signal(signal.SIGQUIT)
        gateway.orders.start()
        assert held.result().status == 200
    assert gateway.process
    assert gateway.process.wait(10) == 0
    assert not gateway.workers()


def test_a_second_gateway_on_the_same_folder_or_port_is_refused(
    make_gateway: Callable[..., Gateway], shared_folder: Path
) -> None:
    gateway = make_gateway()
    twin = start(gateway.environment)
    assert (twin.returncode, "already running" in twin.stderr) == (1, True)
    elsewhere = {**gateway.environment, "GATEWAY_STATE_DIR": str(shared_folder / "elsewhere")}
    taken = start(elsewhere)
    assert (taken.returncode, f"port {gateway.port} is taken" in taken.stderr) == (1, True)
    assert gateway.fetch("/").status == 200


def test_settings_are_checked_without_a_start(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    # Neither the folder nor the port that another one has is asked for.
    assert start(gateway.environment, "--check").returncode == 0
    wrong = start({**gateway.environment, "GATEWAY_HOLD_S": "long"}, "--check")
    assert (wrong.returncode, "GATEWAY_HOLD_S" in wrong.stderr) == (2, True)


def test_a_worker_that_leaves_has_at_least_the_time_that_requests_may_wait(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(GATEWAY_HOLD_S="40", GATEWAY_SHUTDOWN_S="")
    assert "worker_shutdown_timeout 40s;" in (gateway.folder / "state/nginx.conf").read_text()


def test_an_empty_environment_is_refused_with_every_problem() -> None:
    done = start({"PATH": os.environ["PATH"]})
    assert done.returncode == 2
    for name in (
        "GATEWAY_PORT",
        "GATEWAY_ADMIN_PORT",
        "GATEWAY_STATE_DIR",
        "STATIC_DIR",
        "ORDERS_UPSTREAM",
        "REALTIME_WS_UPSTREAM",
    ):
        assert f"{name} is missing" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_PORT", "eighty"),
        ("GATEWAY_PORT", "70000"),
        ("GATEWAY_PORT", "99999999999999999999"),
        ("GATEWAY_BIND", "0.0.0.0; evil"),
        ("GATEWAY_BIND", "0.0.0.256"),
        ("GATEWAY_ADMIN_BIND", "everywhere"),
        ("STATIC_DIR", "/no/such/folder"),
        ("STATIC_DIR", "/tmp; }"),
        ("GATEWAY_STATE_DIR", "relative"),
        ("GATEWAY_STATE_DIR", "/proc/none"),
        ("ORDERS_UPSTREAM", "127.0.0.1"),
        ("ORDERS_UPSTREAM", "127.0.0.1:0"),
        ("ORDERS_UPSTREAM", "127.0.0.1:99999"),
        ("ORDERS_UPSTREAM", 'x"; evil:80'),
        ("ORDERS_UPSTREAM", "a:1\nb:2"),
        ("GATEWAY_RESOLVER", "dns"),
        ("GATEWAY_RESOLVER", "127.0.0.300"),
        ("GATEWAY_RESOLVER", "127.0.0.11:0"),
        ("GATEWAY_RESOLVER", "127.0.0.11:99999"),
        ("GATEWAY_HOLD_S", "0"),
        ("GATEWAY_HOLD_S", "2.5"),
        ("GATEWAY_SHUTDOWN_S", "9"),  # who may be held for 10 s would be cut off
        ("ORDERS_CONCURRENCY", "-1"),
        ("GATEWAY_KEYED_PATHS", "api"),
        ("GATEWAY_SIGN_IN_PATHS", "/a|.*"),
        ("GATEWAY_ADMIN_TOKEN_FILE", "/no/such/file"),
        ("GATEWAY_NGINX", "/no/such/nginx"),
        ("GATEWAY_USER", "nobody-of-that-name"),
        ("MERCADITO_ENV", "staging"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(gateway: Gateway, name: str, value: str) -> None:
    done = start({**gateway.environment, name: value})
    assert done.returncode == 2
    assert name in done.stderr
    assert not Path("relative").exists()


def test_production_refuses_a_weak_operator_token(gateway: Gateway, shared_folder: Path) -> None:
    weak = shared_folder / "weak"
    weak.write_text("short\n")
    done = start({**gateway.environment, "MERCADITO_ENV": "production", "GATEWAY_ADMIN_TOKEN_FILE": str(weak)})
    assert done.returncode == 2
    assert "weak" in done.stderr


def test_workers_are_not_root_where_another_user_can_serve(gateway: Gateway) -> None:
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in gateway.workers()}
    assert (owners == {0}) is (os.getuid() == 0 and not _others_can_enter(HOME))


def _others_can_enter(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in [folder, *folder.parents])


def test_the_idle_gateway_is_small(gateway: Gateway) -> None:
    assert gateway.process
    pids = [gateway.process.pid, *gateway.workers()]
    kilobytes = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    assert kilobytes < 25_000
