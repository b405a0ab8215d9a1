from collections.abc import Iterator
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.service.database import DatabaseSettings, create_engine
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from sqlalchemy import Engine, make_url
from world import MIGRATIONS

pytest_plugins = ["mercadito_events.testing"]
# Besides the schema's version: the first migration wrote its row.
KEPT = ("alembic_version", "relays")


@pytest.fixture(scope="session")
def migrated(postgres_server: Any) -> DatabaseUrls:
    """One database at the newest revision for all tests: making one takes longer than most of them."""
    made: DatabaseUrls = postgres_server.create_database()
    upgrade(made.owner_url, MIGRATIONS)
    return made


@pytest.fixture
def urls(migrated: DatabaseUrls, postgres_server: Any) -> DatabaseUrls:
    """The database, empty, with nobody connected."""
    with postgres_server.connect(migrated.name) as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [migrated.name])
        cursor.execute("DELETE FROM relays WHERE name <> 'primary'")
        cursor.execute("UPDATE relays SET faults = 0, reason = NULL, paused_until = NULL")
    postgres_server.empty(migrated.name, but=KEPT)
    return migrated


@pytest.fixture
def engine(urls: DatabaseUrls) -> Iterator[Engine]:
    made = create_engine(DatabaseSettings(make_url(urls.app_url)), pool_size=2, max_overflow=8)
    yield made
    made.dispose()


@pytest.fixture
def relay() -> Iterator[FaultyRelay]:
    server = FaultyRelay()
    server.start()
    yield server
    server.stop()
