"""A restart is not seen; a crash is repaired."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from tests.driver.api import Client, limited_offers
from tests.driver.mailbox import Mailbox
from tests.driver.polling import eventually
from tests.driver.screen import Screen
from tests.driver.system import PROCESSES, System
from tests.driver.walk import WHOLE_WAY, walk

READERS = 3
PAUSE_S = 0.1
AFTERWARDS_S = 3


@dataclass
class Traffic:
    """Readers that note every answer while something is done to the system."""

    client: Client
    path: str = "/api/v1/me"
    answers: Counter[str] = field(default_factory=Counter)
    held: int = 0

    def during(self, disturb: Callable[[], object]) -> None:
        """Read with several threads from before the disturbance until a while after it."""
        ended = threading.Event()
        threads = [threading.Thread(target=self._read, args=(ended,)) for _ in range(READERS)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: self.answers["200"] >= READERS, within_s=20, what="traffic")
            disturb()
            until = time.monotonic() + AFTERWARDS_S
            eventually(lambda: time.monotonic() > until, within_s=AFTERWARDS_S + 1, what="a while")
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _read(self, ended: threading.Event) -> None:
        # A connection for each: who keeps one open must be ready to find it closed, as browsers are.
        options = httpx.Limits(max_keepalive_connections=0)
        base, headers = self.client.http.base_url, self.client.http.headers
        with httpx.Client(base_url=base, headers=headers, timeout=40, limits=options, verify=False) as http:
            while not ended.wait(PAUSE_S):
                try:
                    answer = http.get(self.path)
                    self.answers[str(answer.status_code)] += 1
                    self.held += "X-Held-Ms" in answer.headers
                except httpx.HTTPError as broken:
                    self.answers[type(broken).__name__] += 1


def the_way_works(system: System, staff: Client, buyer: Client) -> None:
    """Order, see it live, get the mail, cancel."""
    mailbox: Mailbox = system.mailbox()
    offer = limited_offers(buyer.cycle())[0]

    def screen() -> Screen | None:
        try:
            return Screen(system.url, staff, "staff")
        except (OSError, AssertionError, TimeoutError, httpx.HTTPError):
            return None
        except Exception as refused:  # the handshake's own exceptions while realtime comes back
            if type(refused).__module__.startswith("websockets"):
                return None
            raise

    board = eventually(screen, within_s=30, what="a board")
    assert board is not None
    with board:
        placed = buyer.place({offer["id"]: 1})
        assert placed.status_code == 201, placed.text
        number = placed.json()["number"]
        board.sees("order", within_s=20, number=number)
    eventually(lambda: mailbox.new(to=buyer.email, naming=str(number)), within_s=40, what=f"the mail about {number}")
    buyer.start_afresh()


def test_a_restart_of_the_shop_is_not_seen(system: System, buyers: list[Client]) -> None:
    traffic = Traffic(buyers[3])
    traffic.during(lambda: system.make("restart", "S=orders-web"))
    assert set(traffic.answers) == {"200"}
    assert traffic.held > 0


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_can_be_restarted_under_traffic(system: System, buyers: list[Client], name: str) -> None:
    before = system.pids()[name]
    traffic = Traffic(buyers[3])
    traffic.during(lambda: system.make("restart", f"S={name}"))
    assert set(traffic.answers) == {"200"}
    if name != "gateway":
        assert system.pids()[name] != before


@pytest.mark.parametrize("name", PROCESSES)
def test_kill_9_is_repaired_and_reads_go_on(system: System, staff: Client, buyers: list[Client], name: str) -> None:
    traffic = Traffic(buyers[3])

    def kill() -> None:
        system.came_back(name, instead_of=system.kill(name))

    traffic.during(kill)
    assert set(traffic.answers) == {"200"}
    the_way_works(system, staff, buyers[1])


def test_kill_9_of_the_database_loses_no_order(system: System, buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    order = buyers[0].place({offer["id"]: 1}).json()
    system.came_back("postgres", instead_of=system.kill("postgres"), within_s=60)
    eventually(
        lambda: buyers[0].http.get(f"/api/v1/orders/{order['id']}").status_code == 200,
        within_s=60,
        what="the order",
    )
    assert [each["id"] for each in buyers[0].live_orders()] == [order["id"]]


def test_kill_9_of_the_supervisor_itself_is_repaired(system: System, staff: Client, buyers: list[Client]) -> None:
    before, watcher = system.pids(), int((system.run_dir / "supervisord.pid").read_text())
    os.kill(watcher, signal.SIGKILL)

    def started_again() -> bool:
        file = system.run_dir / "supervisord.pid"
        return file.exists() and file.read_text().strip() not in {"", str(watcher)} and system.ready()

    eventually(started_again, within_s=90, what="everything started again")
    after = system.pids()
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    the_way_works(system, staff, buyers[1])


@pytest.mark.skipif(not WHOLE_WAY.exists(), reason="../shared/checks is not beside this checkout")
def test_the_acceptance_walk_holds(system: System) -> None:
    walk(system)
