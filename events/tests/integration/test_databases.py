"""Engines, migrations and the two tables, on a real PostgreSQL."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from mercadito_events.inbox import inbox_table
from mercadito_events.outbox import outbox_table
from mercadito_events.service import migrations
from mercadito_events.service.migrations import MigrationBusy, upgrade
from mercadito_events.testing import DatabaseUrls
from sqlalchemy import Engine, MetaData, make_url, text
from sqlalchemy.exc import OperationalError
from steps import engine_for, revision

ENV = """
from mercadito_events.service.migrations import run_env
from sqlalchemy import MetaData
run_env(MetaData())
"""
FIRST = '''
"""First."""
from alembic import op
from mercadito_events.ddl import create_inbox_v1, create_outbox_v1
revision, down_revision = "0001", None
def upgrade():
    create_outbox_v1(op)
    create_inbox_v1(op)
    op.execute("CREATE TABLE thing (id int)")
'''
SECOND = '''
"""Second."""
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    {}
'''


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "100% migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_first.py").write_text(FIRST)
    return folder


def second(scripts: Path, statement: str) -> None:
    (scripts / "versions" / "0002_second.py").write_text(SECOND.format(statement))


def test_migrations_run_once_and_running_them_again_changes_nothing(
    database: Callable[[], DatabaseUrls], scripts: Path
) -> None:
    urls = database()
    upgrade(urls.owner_url, scripts)
    upgrade(make_url(urls.owner_url), scripts)
    assert revision(urls) == "0001"


def test_the_tables_are_what_the_services_metadata_says(database: Callable[[], DatabaseUrls], scripts: Path) -> None:
    urls = database()
    upgrade(urls.owner_url, scripts)
    metadata = MetaData()
    outbox_table(metadata)
    inbox_table(metadata)
    engine = engine_for(urls.owner_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert [change for change in found if "thing" not in str(change) and "alembic_version" not in str(change)] == []


def test_the_app_role_writes_rows_and_makes_no_tables(database: Callable[[], DatabaseUrls], scripts: Path) -> None:
    urls = database()
    upgrade(urls.owner_url, scripts)
    engine = engine_for(urls.app_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    with engine.connect() as connection, pytest.raises(Exception, match="permission denied"):
        connection.execute(text("CREATE TABLE other (id int)"))
    engine.dispose()


def test_several_migrators_at_once_take_turns(database: Callable[[], DatabaseUrls], scripts: Path) -> None:
    second(scripts, 'op.execute("SELECT pg_sleep(0.3)"); op.execute("INSERT INTO thing VALUES (1)")')
    urls = database()
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            migrations_run(urls, scripts)
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    # Alembic's context is a module-level proxy: threads of one process cannot share it, processes can.
    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    engine = engine_for(urls.owner_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM thing")) == 1
    engine.dispose()


def migrations_run(urls: DatabaseUrls, scripts: Path) -> None:
    code = "import sys; from pathlib import Path; from mercadito_events.service.migrations import upgrade; "
    code += "upgrade(sys.argv[1], Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, urls.owner_url, str(scripts)], check=True, capture_output=True)


def test_a_step_that_cannot_get_its_lock_gives_way_and_succeeds_when_it_is_free(
    database: Callable[[], DatabaseUrls], scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_MS", 200)
    urls = database()
    upgrade(urls.owner_url, scripts)
    second(scripts, 'op.execute("ALTER TABLE thing ADD COLUMN name text")')
    engine = engine_for(urls.app_url)
    reader = engine.connect()
    reader.execute(text("SELECT * FROM thing"))
    releaser = threading.Timer(0.5, reader.close)
    releaser.start()
    upgrade(urls.owner_url, scripts)
    releaser.join()
    engine.dispose()
    assert revision(urls) == "0002"


def test_a_table_that_stays_in_use_is_named_and_nothing_of_the_step_is_done(
    database: Callable[[], DatabaseUrls], scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LOCK_TIMEOUT_MS": 50, "ATTEMPTS": 3, "LONGEST_PAUSE_S": 0.01}.items():
        monkeypatch.setattr(migrations, name, value)
    urls = database()
    upgrade(urls.owner_url, scripts)
    second(scripts, 'op.execute("CREATE TABLE other (id int)"); op.execute("ALTER TABLE thing ADD COLUMN name text")')
    engine = engine_for(urls.app_url)
    with engine.connect() as reader:
        reader.execute(text("SELECT * FROM thing"))
        with pytest.raises(MigrationBusy, match="3 times no lock within 50 ms for 'ALTER TABLE thing ADD COLUMN name"):
            upgrade(urls.owner_url, scripts)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('other')")) is None
    engine.dispose()
    assert revision(urls) == "0001"


def test_a_step_that_takes_too_long_is_ended_and_leaves_nothing_behind(
    database: Callable[[], DatabaseUrls], scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "STATEMENT_TIMEOUT_MS", 200)
    second(scripts, 'op.execute("INSERT INTO thing VALUES (1)"); op.execute("SELECT pg_sleep(5)")')
    urls = database()
    with pytest.raises(OperationalError):
        upgrade(urls.owner_url, scripts)
    assert revision(urls) == "0001"
    second(scripts, 'op.execute("SELECT 1")')
    upgrade(urls.owner_url, scripts)
    assert revision(urls) == "0002"


def test_a_migrator_that_never_ends_is_named(
    database: Callable[[], DatabaseUrls], scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "MIGRATOR_WAIT_S", 0.3)
    urls = database()
    engine = engine_for(urls.owner_url)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": migrations._ADVISORY_LOCK})
        with pytest.raises(MigrationBusy):
            upgrade(urls.owner_url, scripts)
    engine.dispose()


def test_a_session_has_utc_timeouts_and_a_name(engine: Engine) -> None:
    with engine.connect() as connection:
        shown = {
            name: connection.scalar(text(f"SHOW {name}")) for name in ("timezone", "statement_timeout", "lock_timeout")
        }
        assert shown == {"timezone": "UTC", "statement_timeout": "10s", "lock_timeout": "3s"}
        assert connection.scalar(text("SHOW application_name")) == "kit-tests"
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"


def test_an_error_of_the_database_does_not_show_what_was_passed(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(Exception, match="hidden") as caught:
        connection.execute(text("SELECT 1/0 WHERE :address <> ''"), {"address": "ana@example.org"})
    assert "ana@" not in str(caught.value)


def test_a_pool_that_is_used_up_makes_the_next_one_wait_and_then_fail(
    urls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mercadito_events.service.database.POOL_TIMEOUT_S", 0.2)
    engine = engine_for(urls.app_url, pool_size=1)
    with engine.connect():
        begun = time.monotonic()
        with pytest.raises(Exception, match="QueuePool limit"):
            engine.connect()
        assert time.monotonic() - begun < 3
    engine.dispose()
