"""The compose stack under test: built and started by compose/up, beside whatever else runs here."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.ports import free_port_pair
from tests.driver.system import AT_ANY_HOUR, MARKET_DAY, ROOT, System
from tests.driver.traffic.under_way import ROOM

PROJECT = f"mercadito-test-{os.getpid()}"
STARTED_WITHIN_S = 900  # the first time it builds every image
STOPPED_WITHIN_S = 180
# Of the gateway: beside other suites a process takes several times as long to start, and nobody shall fail meanwhile.
HOLD_S = 60
# The engine's questions to two systems would take a third of a processor; tests ask themselves when they want to know.
HEALTH_INTERVAL = "10s"
COMPOSE = ROOT / "compose"


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return PROJECT


@pytest.fixture(scope="session")
def docker_compose_file() -> list[str]:
    return [str(COMPOSE / name) for name in ("compose.yaml", "compose.demo.yaml")]


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Nothing: compose/up starts it, as an operator does."""
    return []


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """Nothing: compose/down stops it."""
    return []


def compose(command: str, *arguments: str, system: System, within_s: float) -> str:
    """Run one of compose's scripts for the system; return what it prints."""
    done = subprocess.run(
        [str(COMPOSE / command), *arguments],
        cwd=ROOT,
        env=system.environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within_s,
    )
    assert done.returncode == 0, f"compose/{command}: {done.stdout[-6000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def system(
    engine: None,
    tmp_path_factory: pytest.TempPathFactory,
    usda_files: Path | None,
) -> Iterator[System]:
    """The whole system in containers, with a project name, a port, secrets and volumes of its own."""
    folder, port = tmp_path_factory.mktemp("compose"), free_port_pair()
    environment = {
        **os.environ,
        "COMPOSE_PROJECT_NAME": PROJECT,
        "MERCADITO_STATE_DIR": str(folder),
        "MERCADITO_PORT": str(port),
        # Nothing runs natively there: `make status` and the like act on the containers.
        "MERCADITO_RUN_DIR": str(folder / "native"),
        **AT_ANY_HOUR,
        # A few people open all the screens of tests/driver/traffic.
        **ROOM,
        "GATEWAY_HOLD_S": str(HOLD_S),
        "HEALTH_INTERVAL": HEALTH_INTERVAL,
    }
    if usda_files is not None:
        environment |= {"USDA_FILES_DIR": str(usda_files), "USDA_TODAY": MARKET_DAY}
    started = System(port, folder, environment)
    try:
        compose("up", system=started, within_s=STARTED_WITHIN_S)
        yield started
    finally:
        compose("down", "--volumes", system=started, within_s=STOPPED_WITHIN_S)
