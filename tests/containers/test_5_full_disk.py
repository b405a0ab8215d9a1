"""The disk under a volume is full: it is told, nothing that was promised is lost, and room is all it takes to go on."""

import subprocess

from tests.driver.polling import eventually
from tests.driver.system import System
from tests.faults.containers import container, said, sql
from tests.faults.shopping import MOMENT_S, full_or, lasts, shopping
from tests.faults.small_disk import small_disk

POSTGRES_MB, NATS_MB = 640, 200
TOLD_WITHIN_S = 60


def wants_more(system: System) -> bool:
    """Have PostgreSQL take another file for its log of changes, as an hour of orders would; never true."""
    write = "CREATE TEMPORARY TABLE more AS SELECT 1; SELECT pg_switch_wal()"
    command = ["psql", "-XqAt", "--username", "postgres", "--command", write]
    asked = ["docker", "exec", "--user", "999", container(system, "postgres"), *command]
    subprocess.run(asked, check=False, capture_output=True, timeout=TOLD_WITHIN_S)
    return False


def test_a_full_disk_under_the_database_is_told_and_loses_nothing(system: System) -> None:
    with small_disk(system, "postgres", target="/var/lib/postgresql/data", megabytes=POSTGRES_MB) as disk:

        def fill() -> None:
            disk.fill()
            try:
                eventually(
                    lambda: wants_more(system) or "No space left on device" in said(system, "postgres", last=400),
                    within_s=TOLD_WITHIN_S,
                    what="PostgreSQL says that the disk is full",
                )
                lasts(full_or(6))
            finally:
                disk.empty()

        with shopping(system) as shop:
            shop.during("disk of PostgreSQL full", fill)
            costs = shop.ends()
        cost = costs["disk of PostgreSQL full"]
        assert cost.refused.keys() <= {"503", "504", "502 unknown"}, cost
    assert sql(system, "orders", "SELECT count(*) > 0 FROM orders") == [["t"]]


def test_a_full_disk_under_nats_keeps_nobody_from_ordering_and_loses_no_event(system: System) -> None:
    with small_disk(system, "nats", target="/data", megabytes=NATS_MB) as disk:

        def fill() -> None:
            disk.fill()
            try:
                lasts(full_or(6))
            finally:
                disk.empty()

        with shopping(system) as shop:
            shop.during("disk of NATS full", fill)
            costs = shop.ends()
        cost = costs["disk of NATS full"]
        assert cost.ordering_refused == 0
        assert cost.ordering_longest_held_s <= MOMENT_S
