"""A process dies, a server is gone for a while, under orders, reads and open pages: nobody is lied to, nothing lost.

Whoever was refused asks again with the same key until there is an answer (tests/faults/patient.py). In the end every
order is there once, as it was answered, told to every page and confirmed by one mail, and stock is right.
"""

from contextlib import ExitStack

import pytest

from tests.containers.conftest import HOLD_S
from tests.driver.system import PROCESSES, System
from tests.faults.containers import becomes_well, frozen, sql, stopped
from tests.faults.network import unplugged
from tests.faults.shopping import FULL_S, MOMENT_S, Cost, full_or, lasts, shopping

# A request waits at the gateway for so long at most, and a little more for what is around it.
HELD_S = HOLD_S + 2.0
# What says when to come back, or that it is not known what happened.
HONEST = {"503", "504", "502 unknown"}
AWAY = ("orders-web", "realtime", "notify")
NATS, DATABASE, FROZEN, UNPLUGGED = "NATS stopped", "PostgreSQL stopped", "both frozen", f"{', '.join(AWAY)} unplugged"


def killed(name: str) -> str:
    return f"kill -9 of {name}"


@pytest.fixture(scope="module")
def kills(system: System) -> dict[str, Cost]:
    """One process after the other is killed."""
    with shopping(system) as shop:
        for name in PROCESSES:

            def kill(name: str = name) -> None:
                system.came_back(name, instead_of=system.kill(name), within_s=60)
                becomes_well(system, name)

            shop.during(killed(name), kill)
        return shop.ends()


def test_a_killed_process_is_waited_out_or_told_and_nothing_is_lost(kills: dict[str, Cost]) -> None:
    for fault, cost in kills.items():
        # Only whoever speaks to the gateway itself can see that it is gone.
        known = HONEST | {"no answer"} if fault == killed("gateway") else HONEST
        assert cost.refused.keys() <= known, cost
        assert cost.longest_held_s <= HELD_S, cost


def nats_stops(system: System) -> None:
    with stopped(system, "nats"):
        lasts(FULL_S)
        assert int(sql(system, "orders", "SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]) > 0


def database_stops(system: System) -> None:
    with stopped(system, "postgres"):
        # Longer than anybody is held.
        lasts(FULL_S)


def both_freeze(system: System) -> None:
    with frozen(system, "postgres"), frozen(system, "nats"):
        lasts(full_or(8))


def some_are_unplugged(system: System) -> None:
    with ExitStack() as plugged_in:
        for name in AWAY:
            plugged_in.enter_context(unplugged(system, name))
        lasts(full_or(6))


@pytest.fixture(scope="module")
def outages(system: System) -> dict[str, Cost]:
    """Servers are gone for a while, one after the other."""
    with shopping(system) as shop:
        shop.during(NATS, lambda: nats_stops(system))
        shop.during(DATABASE, lambda: database_stops(system))
        shop.during(FROZEN, lambda: both_freeze(system))
        shop.during(UNPLUGGED, lambda: some_are_unplugged(system))
        return shop.ends()


def test_without_nats_ordering_goes_on(outages: dict[str, Cost]) -> None:
    cost = outages[NATS]
    assert cost.requests > 0
    assert cost.ordering_refused == 0
    assert cost.ordering_longest_held_s <= MOMENT_S
    # realtime is not ready without NATS, of which it lives: whoever opens a page waits.
    assert cost.refused.keys() <= {"503"}


def test_without_the_database_requests_wait_or_are_told_when_to_come_back(outages: dict[str, Cost]) -> None:
    cost = outages[DATABASE]
    assert cost.held > 0
    assert cost.longest_held_s <= HELD_S
    assert cost.refused.keys() <= HONEST


def test_servers_that_are_there_and_answer_nothing_are_not_waited_for_without_end(outages: dict[str, Cost]) -> None:
    assert outages[FROZEN].longest_held_s <= HELD_S
    assert outages[FROZEN].refused.keys() <= HONEST


def test_who_was_without_a_network_is_found_again_and_finds_the_others(outages: dict[str, Cost]) -> None:
    assert outages[UNPLUGGED].longest_held_s <= HELD_S
    assert outages[UNPLUGGED].refused.keys() <= HONEST
