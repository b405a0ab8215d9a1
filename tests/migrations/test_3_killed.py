"""Migrators that are killed at any moment, or run beside each other: no step is half done, and in the end all are."""

import random
import signal
import time

import pytest

from tests.driver.polling import eventually
from tests.migrations.databases import MIGRATED_WITHIN_S, Database, Databases
from tests.migrations.services import SERVICES, Service

CONNECTED_WITHIN_S = 60
KILLS = 2
# From connecting to the last step on a quiet machine, and somewhat more.
LONGEST_STAY_S = 0.5


@pytest.fixture(scope="module", params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.param
    return chosen


@pytest.fixture(scope="module")
def whole(service: Service, databases: Databases) -> str:
    """The schema that undisturbed steps make."""
    database = databases.copy(service)
    assert database.revision() != service.head, "the release before has this schema; nothing is tested"
    database.migrate()
    assert database.revision() == service.head
    return database.schema()


def kill_after_connecting(database: Database, stay_s: float) -> None:
    """Start a migrator and `kill -9` it a while after it has connected, or after its end where that comes first."""
    migrator = database.start_migrator()
    eventually(
        lambda: database.migrator_is_connected() or migrator.poll() is not None,
        within_s=CONNECTED_WITHIN_S,
        what="the migrator connects",
    )
    time.sleep(stay_s)
    migrator.kill()
    migrator.communicate(timeout=MIGRATED_WITHIN_S)
    database.await_no_migrator()


def test_killed_anywhere_and_run_again_it_is_whole(service: Service, databases: Databases, whole: str) -> None:
    chance = random.Random(service.name)
    for _ in range(KILLS):
        database = databases.copy(service)
        kill_after_connecting(database, chance.uniform(0, LONGEST_STAY_S))
        database.migrate()
        assert database.revision() == service.head
        assert database.schema() == whole


def test_killed_while_it_waits_for_a_table_it_leaves_nothing_half(
    service: Service, databases: Databases, whole: str
) -> None:
    database, untouched = databases.copy(service), databases.copy(service).schema()
    with database.session() as reader:
        for table in database.tables():
            reader.cursor().execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        migrator = database.start_migrator()
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'migrate'"
            " AND wait_event_type = 'Lock'"
        )
        eventually(
            lambda: database.rows(waiting) or migrator.poll() is not None,
            within_s=CONNECTED_WITHIN_S,
            what="the migrator waits for a table",
        )
        migrator.send_signal(signal.SIGKILL)
        migrator.communicate(timeout=MIGRATED_WITHIN_S)
        at, schema = database.revision(), database.schema()
    if at == databases.copy(service).revision():
        assert schema == untouched
    database.migrate()
    assert database.schema() == whole


def test_two_at_once_take_turns(service: Service, databases: Databases, whole: str) -> None:
    database = databases.copy(service)
    for migrator in [database.start_migrator() for _ in range(2)]:
        said, _ = migrator.communicate(timeout=MIGRATED_WITHIN_S)
        assert migrator.returncode == 0, said
    assert database.revision() == service.head
    assert database.schema() == whole
