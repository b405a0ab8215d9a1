"""A system whose every request is traced, and who receives the spans."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.system import System, forget_cluster, native_system, stop
from tests.observability.receiver import Receiver


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, usda_files: Path | None, receiver: Receiver) -> Iterator[System]:
    """As everywhere, with spans sent to the receiver."""
    folder = tmp_path_factory.mktemp("system")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        started, process = native_system(folder, usda_files)
    yield started
    started.close_clients()
    stop(process)
    forget_cluster(started)
