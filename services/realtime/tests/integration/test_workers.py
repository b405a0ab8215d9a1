"""Several worker processes: they share the ports, are started again, answer for each other, and leave nobody behind."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Clients, Process, Publisher, Socket, Start

Eventually = Callable[..., object]

# Every second question meets the stuck worker and takes its five seconds: seven in a row did.
MANY_TRIES_S = 120


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def everybody_answers(process: Process) -> bool:
    return set(process.metrics("realtime_worker_up").values()) == {1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the parent makes its private folder."""
    made = tmp_path / "t"
    made.mkdir()
    return made


@pytest.fixture
def pair(start: Start, eventually: Eventually, folder: Path) -> Process:
    process = start(WS_WORKERS="2", WS_DRAIN_S="5", VIEWERS_S="1", TMPDIR=str(folder))
    eventually(process.everybody_serves, timeout_s=20)
    return process


async def both_served(process: Process, clients: Clients, persons: int = 40) -> list[Socket]:
    """Open sockets until each worker has some."""
    sockets = [await clients.signed_in(process, f"p-{number}") for number in range(persons)]
    counts = await asyncio.to_thread(process.metrics, "realtime_connections")
    served = [counts[f'transport="ws",worker="{worker}"'] for worker in (0, 1)]
    assert sum(served) == persons
    assert all(served)
    return sockets


async def test_both_serve_the_same_and_either_tells_the_numbers_of_both(
    pair: Process, clients: Clients, publish: Publisher
) -> None:
    sockets = await both_served(pair, clients)
    for client in sockets:
        await client.subscribe("cycle:shared-by-two")
    offset = await publish.offers("shared-by-two", ("o1", 3, 1))
    for client in sockets:
        assert (await client.message(lambda m: m["k"] == "offer"))["o"] == offset
    for _ in range(10):  # whichever answers
        subscriptions = await asyncio.to_thread(pair.metrics, "realtime_subscriptions")
        assert sum(subscriptions.values()) == len(sockets)
        assert set(subscriptions) == {'worker="0"', 'worker="1"'}
    viewers = {"c": "cycle:shared-by-two", "k": "viewers", "d": {"n": len(sockets)}}
    deadline = time.monotonic() + 15
    while not all(viewers in client.whispers for client in sockets):
        assert time.monotonic() < deadline, sockets[0].whispers
        await asyncio.sleep(0.05)


async def test_a_killed_worker_is_replaced_while_the_other_serves(
    pair: Process, clients: Clients, publish: Publisher, eventually: Eventually
) -> None:
    sockets = await both_served(pair, clients)
    for client in sockets:
        await client.subscribe("cycle:survives")
    first, second = pair.workers()
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: len(pair.workers()) == 2 and first not in pair.workers())
    assert second in pair.workers()
    await asyncio.to_thread(eventually, lambda: everybody_answers(pair), timeout_s=20)
    left = [client for client in sockets if client.connection.close_code is None]
    assert 0 < len(left) < len(sockets)
    await publish.offers("survives", ("o1", 3, 1))
    for client in left:
        await client.message(lambda m: m["k"] == "offer")
    deaths = await asyncio.to_thread(pair.metrics, "realtime_worker_deaths_total")
    assert sorted(deaths.values()) == [0, 1]
    await clients.signed_in(pair)


async def test_nobody_is_turned_away_while_a_worker_is_replaced(
    pair: Process, clients: Clients, eventually: Eventually
) -> None:
    os.kill(pair.workers()[0], signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: len(pair.lines("worker_died")) == 1)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        await (await clients.signed_in(pair)).close()
    refused = await asyncio.to_thread(pair.metrics, "realtime_refusals_total")
    assert sum(refused.values()) == 0


def test_with_the_parent_killed_nobody_is_left(pair: Process, eventually: Eventually) -> None:
    workers = pair.workers()
    assert len(workers) == 2
    pair.process.kill()
    pair.process.wait(timeout=10)
    eventually(lambda: not any(is_running(pid) for pid in workers))


async def test_sigterm_drains_every_worker_and_leaves_nothing(pair: Process, clients: Clients, folder: Path) -> None:
    sockets = await both_served(pair, clients)
    workers = pair.workers()
    pair.process.send_signal(signal.SIGTERM)
    for client in sockets:
        assert await client.code(timeout_s=10) == 1012
        assert any("drain" in frame for frame in client.frames)
    assert await asyncio.to_thread(pair.process.wait, 20) == 0
    assert not any(is_running(pid) for pid in workers)
    assert await asyncio.to_thread(os.listdir, folder) == []


def test_the_sockets_between_workers_are_for_this_user_only(pair: Process, folder: Path) -> None:
    (private,) = folder.iterdir()
    assert private.stat().st_mode & 0o777 == 0o700
    assert {each.name for each in private.iterdir()} == {"worker-0", "worker-1"}


def test_a_worker_that_dies_again_and_again_ends_the_whole(launch: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # by somebody who does not share it
        process = launch(taken.getsockname()[1], WS_WORKERS="2")
        assert process.process.wait(timeout=60) == 1
    assert len(process.lines("worker_keeps_dying")) == 1
    assert 5 <= len(process.lines("worker_died")) <= 10


def test_a_stuck_worker_is_named_silent_and_the_rest_is_told(pair: Process, eventually: Eventually) -> None:
    stuck = pair.workers()[1]
    os.kill(stuck, signal.SIGSTOP)
    try:
        eventually(lambda: answers_in_time(pair), timeout_s=MANY_TRIES_S)
    finally:
        os.kill(stuck, signal.SIGCONT)
    eventually(lambda: everybody_answers(pair))


def answers_in_time(process: Process) -> bool:
    """Say whether the one that can answer was reached; the kernel may as well choose the stuck one."""
    try:
        return sorted(process.metrics("realtime_worker_up").values()) == [0.0, 1.0]
    except OSError:
        return False


def test_one_worker_has_no_parent(shared: Process) -> None:
    assert shared.workers() == []
    assert shared.metrics("realtime_worker_up") == {}
