"""The release before, and a PostgreSQL that holds what it left: its schema, in a database of each service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.world import World, world
from tests.migrations import previous
from tests.migrations.databases import Databases


@pytest.fixture(scope="session")
def before() -> Path:
    """The tree of the release before, with its environments."""
    return previous.checkout(previous.commit())


@pytest.fixture(scope="session")
def server() -> Iterator[World]:
    """A PostgreSQL with the databases and roles of the services, all empty."""
    with world(World.start_postgres) as made:
        yield made


@pytest.fixture(scope="session")
def databases(server: World, before: Path) -> Databases:
    """Makes databases at the schema of the release before."""
    made = Databases(server)
    made.migrate_all(before)
    return made
