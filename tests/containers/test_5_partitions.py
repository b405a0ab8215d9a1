"""Every way between two containers that talk is cut for a while: packets vanish, nobody says so."""

import os
from contextlib import ExitStack

import pytest

from tests.driver.polling import eventually
from tests.driver.system import System
from tests.faults.containers import sql
from tests.faults.network import cut, cutting_problem
from tests.faults.shopping import IN_FULL, Cost, full_or, lasts, shopping
from tests.faults.truth import flows_again

Ways = tuple[tuple[str, str], ...]
# Those side by side have no process in common, so that each is alone with its fault.
BEHIND = (("orders-worker", "nats"), ("notify", "mail-sink"), ("usda", "postgres"))
BEHIND_TOO = (("realtime", "nats"), ("orders-worker", "postgres"), ("usda", "usda-site"))
BEHIND_AS_WELL = (("notify", "nats"), ("gateway", "usda"), ("backup", "postgres"))
IN_FRONT = (("gateway", "orders-web"), ("notify", "postgres"), ("usda", "nats"))
IN_FRONT_TOO = (("orders-web", "postgres"), ("gateway", "realtime"))
IN_FRONT_AS_WELL = (("gateway", "notify"),)
FORGOTTEN_WITHIN_S = 40
HONEST = {"503", "504", "502 unknown"}
ALL = (BEHIND, BEHIND_TOO, BEHIND_AS_WELL, IN_FRONT, IN_FRONT_TOO, IN_FRONT_AS_WELL)
# A group takes half a minute.
CUT = ALL if IN_FULL else (BEHIND, BEHIND_TOO)


@pytest.fixture(autouse=True, scope="module")
def with_the_means() -> None:
    problem = cutting_problem()
    if problem and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)


def named(ways: Ways) -> str:
    return "cut: " + ", ".join(f"{one} from {other}" for one, other in ways)


@pytest.fixture(scope="module")
def costs(system: System) -> dict[str, Cost]:
    """The ways of each group are cut, one group after the other."""
    with shopping(system) as shop:
        for ways in CUT:

            def cut_all(ways: Ways = ways) -> None:
                with ExitStack() as mended:
                    for one, other in ways:
                        mended.enter_context(cut(system, one, other))
                    lasts(full_or(10))

            shop.during(named(ways), cut_all)
        return shop.ends()


@pytest.mark.parametrize("ways", CUT, ids=named)
def test_what_is_cut_is_waited_out_or_told_and_nothing_is_lost(costs: dict[str, Cost], ways: Ways) -> None:
    assert costs[named(ways)].requests > 0
    assert costs[named(ways)].refused.keys() <= HONEST


def test_the_database_forgets_whom_it_cannot_hear_with_all_they_have_locked(system: System) -> None:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usda'"
    assert sql(system, "usda", sessions) != [["0"]]
    with cut(system, "usda", "postgres"):
        eventually(
            lambda: sql(system, "usda", sessions) == [["0"]], within_s=FORGOTTEN_WITHIN_S, what="no session is left"
        )
    flows_again(system)


def test_every_way_that_is_gone_by_has_been_cut() -> None:
    ways = {way for group in ALL for way in group}
    served = {("gateway", name) for name in ("orders-web", "realtime", "usda", "notify")}
    databases = {(name, "postgres") for name in ("orders-web", "orders-worker", "usda", "notify", "backup")}
    events = {(name, "nats") for name in ("orders-worker", "realtime", "usda", "notify")}
    assert ways == served | databases | events | {("notify", "mail-sink"), ("usda", "usda-site")}
