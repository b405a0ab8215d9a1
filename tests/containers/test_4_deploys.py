"""Nobody sees a deploy: the shop in full swing while processes are restarted, made anew, exchanged and put back."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.containers.conftest import COMPOSE
from tests.containers.releases import BASE, forget_release, make_release, tried
from tests.containers.test_2_containers import containers
from tests.containers.test_3_backup import sql
from tests.driver.stock import BROKEN_OFFERS
from tests.driver.system import System
from tests.driver.traffic.under_way import Reckoning, Traffic, traffic
from tests.driver.traffic.volume import MODEST, from_environment
from tests.faults.containers import becomes_well

NEXT, BROKEN = f"{BASE}-next", f"{BASE}-broken"
PROCESSES = ("orders-web", "orders-worker", "realtime", "usda", "notify", "nats", "postgres")
REPLACED_WITHIN_S = 120
VOLUME = from_environment()
# Beside other suites: deploys make the others anew, four times.
RECREATED = ("orders-web", "postgres") if VOLUME == MODEST else PROCESSES
DEMO = {"MERCADITO_ENV": "demo", "MERCADITO_IMAGES": "present"}


@dataclass
class Day:
    """What was done while the shop was in full swing, what each command said, and what became of everything."""

    said: dict[str, "subprocess.CompletedProcess[str]"] = field(default_factory=dict)
    ran: dict[str, set[str]] = field(default_factory=dict)
    reckoning: Reckoning | None = None

    @property
    def end(self) -> Reckoning:
        assert self.reckoning is not None
        return self.reckoning


def docker_compose(system: System, *arguments: str) -> None:
    files = [part for name in ("compose.yaml", "compose.demo.yaml") for part in ("--file", str(COMPOSE / name))]
    command = ["docker", "compose", "--progress", "quiet", "--project-directory", str(COMPOSE), *files, *arguments]
    done = subprocess.run(
        command,
        env=system.environment | {"MERCADITO_ENV": "demo", "PUBLIC_URL": system.url, "BACKUP_RECIPIENTS": key(system)},
        check=False,
        capture_output=True,
        text=True,
        timeout=REPLACED_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr


def key(system: System) -> str:
    """The public half of the demo's key, as compose/up gives it."""
    lines = (system.run_dir / "backup_key.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith("# public key: ")).removeprefix("# public key: ")


def releases(system: System) -> set[str]:
    """Which releases run, of the images of ours."""
    images = [each["Config"]["Image"] for each in containers(system).values()]
    return {image.partition(":")[2] for image in images if image.startswith("mercadito/") and "/demo:" not in image}


def restart_and_replace(system: System, busy: Traffic) -> None:
    """What an operator types without a thought of us."""
    for name in PROCESSES:
        busy.phase(f"docker compose restart {name}")
        docker_compose(system, "restart", name)
        becomes_well(system, name)
    for name in RECREATED:
        busy.phase(f"up --force-recreate {name}")
        docker_compose(system, "up", "--detach", "--no-deps", "--force-recreate", name)
        becomes_well(system, name)
    busy.phase("make restart S=gateway")
    system.make("restart", "S=gateway")


def deploy_and_go_back(system: System, busy: Traffic, day: Day) -> None:
    for what, command, release in (
        ("a deploy that breaks", "deploy", BROKEN),
        ("rollback of what broke", "rollback", ""),
        ("deploy", "deploy", NEXT),
        ("rollback", "rollback", ""),
    ):
        busy.phase(what)
        named = {"MERCADITO_VERSION": release} if release else {}
        day.said[what] = tried(system, command, **DEMO, **named)
        day.ran[what] = releases(system)


@pytest.fixture(scope="module")
def day(system: System) -> Iterator[Day]:
    """The whole of it under one load."""
    made = Day()
    make_release(NEXT, of=BASE)
    make_release(BROKEN, of=BASE, broken="realtime")
    try:
        with traffic(system, VOLUME) as busy:
            restart_and_replace(system, busy)
            deploy_and_go_back(system, busy, made)
            busy.phase("after")
            made.reckoning = busy.ends()
        print(made.end.table())
        yield made
    finally:
        for release in (NEXT, BROKEN):
            forget_release(release)


def test_no_request_failed(day: Day) -> None:
    assert day.end.failed == []


def test_it_was_busy_all_the_while(day: Day) -> None:
    # Half of what was meant: how much a machine can do beside other suites is not what is looked at.
    assert day.end.orders >= 0.5 * VOLUME.orders_per_s * day.end.flowed_s
    counted = [each for phase in day.end.phases for each in phase.requests.items()]
    reads = sum(count for kind, count in counted if kind.startswith("/"))
    assert reads >= 0.5 * VOLUME.reads_per_s * day.end.flowed_s


def test_no_order_was_lost_or_doubled(system: System, day: Day) -> None:
    assert day.end.lost == []
    assert day.end.doubled == []
    doubled = (
        "SELECT count(*) FROM (SELECT 1 FROM orders WHERE state <> 'cancelled' GROUP BY store_id, cycle_id"
        " HAVING count(*) > 1) AS more"
    )
    assert sql(system, "orders", doubled) == "0"


def test_the_stock_adds_up(system: System, day: Day) -> None:
    assert sql(system, "orders", BROKEN_OFFERS) == "0"


def test_no_screen_missed_an_event(day: Day) -> None:
    assert day.end.missed == 0, day.end.missed_by
    # Buyers were told all of it; a board of staff that was away for more than 300 orders read them anew.
    assert day.end.resets.keys() <= {"staff"}


def test_a_deploy_brings_out_every_process_and_says_how_long_people_waited(day: Day) -> None:
    said = day.said["deploy"]
    assert said.returncode == 0, said.stdout
    assert day.ran["deploy"] == {NEXT}
    for told in ("✓ backup", "✓ schemas and streams", "✓ services", "✓ smoke test", "longest", f"(before: {BASE})"):
        assert told in said.stdout


def test_a_rollback_brings_back_the_release_before(day: Day) -> None:
    assert day.said["rollback"].returncode == 0, day.said["rollback"].stdout
    assert day.ran["rollback"] == {BASE}


def test_a_process_that_does_not_get_ready_is_put_back_and_the_deploy_stops(day: Day) -> None:
    said = day.said["a deploy that breaks"]
    assert said.returncode == 1, said.stdout
    assert f"realtime is back on {BASE}" in said.stdout
    assert f"notify: {BROKEN}" in said.stdout
    assert f"orders-web: {BASE}" in said.stdout
    assert day.ran["a deploy that breaks"] == {BASE, BROKEN}


def test_what_a_broken_deploy_had_exchanged_already_is_rolled_back(day: Day) -> None:
    assert day.said["rollback of what broke"].returncode == 0, day.said["rollback of what broke"].stdout
    assert day.ran["rollback of what broke"] == {BASE}
