"""A server of 1 GB is enough: idle, under load, and while one process takes all that it may."""

import subprocess

import pytest

from tests.driver.polling import eventually
from tests.driver.system import System
from tests.faults.containers import becomes_well, container, described, docker, is_well
from tests.faults.memory import MB, SERVICES, limit, weights
from tests.faults.shopping import shopping

IDLE_MB, WORKING_MB = 600, 1024
LOOKS = 5
KILLED_WITHIN_S = 60
# The kernel shall take the process that serves first, as it would one that grew by itself; then memory is taken.
_GREEDY = (
    "import os\n"
    "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
    "    if pid != str(os.getpid()):\n"
    "        try: open(f'/proc/{pid}/oom_score_adj', 'w').write('1000')\n"
    "        except OSError: pass\n"
    "taken = []\n"
    "while True: taken.append(bytearray(4 * 2**20))\n"
)


def told(weighed: dict[str, int]) -> str:
    return ", ".join(f"{name} {size // MB}" for name, size in weighed.items())


@pytest.fixture(scope="module")
def idle(system: System) -> dict[str, int]:
    for service in SERVICES:
        becomes_well(system, service)
    return weights(system)


def test_idle_it_weighs_no_more_than_600_mb(idle: dict[str, int]) -> None:
    print(f"idle: {sum(idle.values()) // MB} MB: {told(idle)}")
    assert sum(idle.values()) <= IDLE_MB * MB, told(idle)


def test_at_work_it_fits_into_1_gb(system: System) -> None:
    with shopping(system) as shop:
        looks = [weights(system) for _ in range(LOOKS)]
        shop.ends()
    most = max(looks, key=lambda weighed: sum(weighed.values()))
    print(f"at work: {sum(most.values()) // MB} MB: {told(most)}")
    assert sum(most.values()) <= WORKING_MB * MB, told(most)


@pytest.mark.parametrize("service", SERVICES)
def test_one_that_takes_all_it_may_leaves_room_for_the_others(
    system: System, idle: dict[str, int], service: str
) -> None:
    others = sum(size for name, size in idle.items() if name != service)
    assert limit(system, service) + others <= WORKING_MB * MB


def was_out_of_memory(since: str, known: str) -> bool:
    filters = ("--filter", f"container={known}", "--filter", "event=oom")
    return docker("events", "--since", since, "--until", "0s", *filters) != ""


@pytest.mark.parametrize("service", ["notify", "orders-worker", "realtime"])
def test_one_that_exceeds_its_limit_is_started_again_and_the_others_live(system: System, service: str) -> None:
    known, before = container(system, service), described(system, service)["RestartCount"]
    others = {name: described(system, name)["State"]["Pid"] for name in SERVICES if name != service}
    since = docker("info", "--format", "{{.SystemTime}}").strip()
    greedy = ["docker", "exec", known, "python", "-c", _GREEDY]
    subprocess.run(greedy, check=False, capture_output=True, timeout=KILLED_WITHIN_S)
    eventually(
        lambda: described(system, service)["RestartCount"] > before,
        within_s=KILLED_WITHIN_S,
        what=f"{service} started again",
    )
    becomes_well(system, service)
    assert was_out_of_memory(since, known)
    assert {name: described(system, name)["State"]["Pid"] for name in others} == others
    assert all(is_well(system, name) for name in others)
