"""The tests of the release before, run against this tree's schema: what its processes do goes on after a migration."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.migrations import previous
from tests.migrations.services import SERVICES, Service

TESTED_WITHIN_S = 900


@dataclass(frozen=True)
class Chosen:
    """Which of a service's integration tests say the statements of its adapters and its API, soon enough.

    Left out is what starts processes, crawls or sends for long. `not_those` may fail: they compare whole schemas, or
    measured time, which this release's no longer do. Files of another release that are not there are passed over.
    """

    files: tuple[str, ...]
    not_those: tuple[str, ...] = ()


CHOSEN = {
    "orders": Chosen(
        (
            *("test_ordering", "test_reads", "test_idempotency", "test_worker", "test_products", "test_comments"),
            *("test_standing_orders", "test_trends", "planning/test_offers"),
        ),
        not_those=(
            "test_lists_and_search_of_ten_thousand_products_are_quick",
            "test_3000_offers_are_copied_priced_and_opened_in_seconds",
        ),
    ),
    "usda": Chosen(("test_api", "test_storing", "test_prices", "test_reads", "crawl/test_rows", "crawl/test_files")),
    "notify": Chosen(
        ("test_tables", "test_notifications_api", "api/test_notifications_api", "sending/test_queue", "test_rates"),
        not_those=("test_the_migrations_make_what_the_code_describes",),
    ),
}


@pytest.fixture(scope="session")
def with_new_schema(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old tree once more, with the new steps: its tests make their schema by them."""
    folder = tmp_path_factory.mktemp("release-before") / "tree"
    previous.unpack(previous.commit(), folder)
    previous.give_new_steps(folder)
    return folder


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_release_before_works_with_this_schema(
    service: Service, before: Path, with_new_schema: Path, tmp_path: Path
) -> None:
    chosen, project = CHOSEN[service.name], with_new_schema / service.project
    wanted = [f"tests/integration/{name}.py" for name in chosen.files]
    files = [name for name in wanted if (project / name).exists()]
    report = tmp_path / "report.xml"
    deselected = [f"--deselect={name}::{test}" for name in files for test in chosen.not_those]
    python = before / service.project / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "--color=no", f"--junitxml={report}", *deselected, *files],
        cwd=project,
        # Hypothesis then sets no deadline, which tests side by side would miss.
        env={**os.environ, "CI": "true"},
        check=False,
        capture_output=True,
        text=True,
        timeout=TESTED_WITHIN_S,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert [case.get("name") for case in cases if case.find("skipped") is None]
