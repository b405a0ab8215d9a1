from collections.abc import Callable, Iterator

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.service.database import DatabaseSettings, create_engine
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from sqlalchemy import Engine, make_url
from world import MIGRATIONS

pytest_plugins = ["mercadito_events.testing"]


@pytest.fixture
def urls(database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    """A fresh database at the newest revision."""
    fresh = database()
    upgrade(fresh.owner_url, MIGRATIONS)
    return fresh


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
