"""People of the demo shop."""

import pytest

from tests.driver.api import Client
from tests.driver.system import System


@pytest.fixture(scope="session")
def staff(system: System) -> Client:
    return system.client("staff")


@pytest.fixture(scope="session")
def all_buyers(system: System) -> list[Client]:
    return [system.client(f"buyer{number}") for number in range(1, 6)]


@pytest.fixture
def buyers(all_buyers: list[Client]) -> list[Client]:
    """The five buyers, with nothing ordered."""
    for buyer in all_buyers:
        buyer.start_afresh()
    return all_buyers
