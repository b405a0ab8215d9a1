"""People of the demo shop."""

from collections.abc import Callable, Iterator

import pytest

from tests.driver.api import Client
from tests.driver.system import System
from tests.driver.visitor import Visitor


@pytest.fixture(scope="session")
def staff(system: System) -> Client:
    return system.client("staff")


@pytest.fixture
def buyers(all_buyers: list[Client]) -> list[Client]:
    """The five buyers, with nothing ordered."""
    for buyer in all_buyers:
        buyer.start_afresh()
    return all_buyers


@pytest.fixture
def visit(system: System) -> Iterator[Callable[[], Visitor]]:
    made: list[Visitor] = []

    def make() -> Visitor:
        made.append(Visitor(system.url))
        return made[-1]

    yield make
    for visitor in made:
        visitor.http.close()
