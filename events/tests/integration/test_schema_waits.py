"""A process that starts before its migration, and a version that finds the schema of a later one."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mercadito_events.service import migrations
from mercadito_events.service.migrations import SchemaBehind, await_schema, upgrade
from mercadito_events.testing import DatabaseUrls
from steps import revision

ENV = """
from mercadito_events.service.migrations import run_env
from sqlalchemy import MetaData
run_env(MetaData())
"""
# Names that say nothing of the order: it is the chain that counts.
STEPS = {"0009": None, "0012": "0009", "0010": "0012"}
SOON_S = 0.5


def write(scripts: Path, *revisions: str) -> None:
    for each in revisions:
        text_ = f'revision, down_revision = "{each}", {STEPS[each]!r}\ndef upgrade(): pass\n'
        (scripts / "versions" / f"{each}.py").write_text(text_)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    write(tmp_path, "0009", "0012")
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_SCHEMA_POLL_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_who_waits_goes_on_when_the_migration_is_done(database: Callable[[], DatabaseUrls], scripts: Path) -> None:
    urls = database()
    with pytest.raises(SchemaBehind, match="the schema is at nothing"):
        await_schema(urls.app_url, scripts, within_s=SOON_S)
    went_on: list[float] = []

    def wait() -> None:
        await_schema(urls.app_url, scripts, within_s=30)
        went_on.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    began = time.monotonic()
    upgrade(urls.owner_url, scripts)
    waiting.join(timeout=30)
    assert went_on
    assert went_on[0] > began
    assert revision(urls) == "0012"


@pytest.mark.usefixtures("quick")
def test_a_step_that_is_missing_is_waited_for(database: Callable[[], DatabaseUrls], scripts: Path) -> None:
    urls = database()
    upgrade(urls.owner_url, scripts)
    write(scripts, "0010")
    with pytest.raises(SchemaBehind, match="the schema is at 0012"):
        await_schema(urls.app_url, scripts, within_s=SOON_S)


@pytest.mark.usefixtures("quick")
def test_the_schema_of_a_later_version_is_neither_waited_for_nor_touched(
    database: Callable[[], DatabaseUrls], scripts: Path
) -> None:
    urls = database()
    write(scripts, "0010")
    upgrade(urls.owner_url, scripts)
    (scripts / "versions" / "0010.py").unlink()
    await_schema(urls.app_url, scripts, within_s=SOON_S)
    upgrade(urls.owner_url, scripts)
    assert revision(urls) == "0010"


@pytest.mark.usefixtures("quick")
def test_a_database_that_is_away_is_waited_for(scripts: Path) -> None:
    with pytest.raises(SchemaBehind, match="does not answer"):
        await_schema("postgresql://nobody@127.0.0.1:9/nothing", scripts, within_s=SOON_S)
