"""The system under test: started once per session, by `make run` or by `docker compose`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.api import Client
from tests.driver.engine import engine_problem
from tests.driver.system import USDA_FILES, System, forget_cluster, native_system, stop


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers; without one the tests are skipped, or fail where REQUIRE_DOCKER=1 says so."""
    problem = engine_problem()
    if problem and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)


@pytest.fixture(scope="session")
def usda_files() -> Path | None:
    """The recorded market reports, where this checkout has ../shared beside it."""
    folder = USDA_FILES / "mars"
    return folder if folder.exists() else None


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, usda_files: Path | None) -> Iterator[System]:
    """A whole system of processes with ports and a state folder of its own, beside whatever else runs here."""
    started, process = native_system(tmp_path_factory.mktemp("system"), usda_files)
    yield started
    started.close_clients()
    stop(process)
    forget_cluster(started)


@pytest.fixture(scope="session")
def all_buyers(system: System) -> list[Client]:
    """The five buyers, each with a token for the session."""
    return [system.client(f"buyer{number}") for number in range(1, 6)]
