"""The rights that the Job `databases` leaves behind where CloudNativePG has roles of its own; on a real server."""

from collections.abc import Iterator

import psycopg2
import pytest

from native import postgres
from tests.bench.world import World, world

PASSWORD = "only-for-tests"
# As CloudNativePG makes them: none is a superuser.
ROLES = {"streaming_replica": "REPLICATION", "cnpg_metrics_exporter": "IN ROLE pg_monitor"}


@pytest.fixture(scope="module")
def server() -> Iterator[World]:
    """A server on which the operator's roles came before ours, and the script ran at every start."""
    with world(World.start_postgres) as made:
        for name, options in ROLES.items():
            as_superuser(made, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
        as_superuser(made, "CREATE DATABASE app")
        postgres.make_databases(made.state)
        yield made


def session(server: World, user: str, password: str, database: str) -> "psycopg2.extensions.connection":
    port = server.state.ports["postgres"]
    return psycopg2.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database)


def as_superuser(server: World, statement: str) -> None:
    opened = session(server, "postgres", server.state.secret("postgres_db_password"), "postgres")
    opened.autocommit = True
    try:
        with opened.cursor() as cursor:
            cursor.execute(statement)
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("name", "database"),
    [("streaming_replica", "postgres"), ("cnpg_metrics_exporter", "postgres"), ("cnpg_metrics_exporter", "app")],
)
def test_what_the_operator_does_in_its_own_databases_it_can_still_do(server: World, name: str, database: str) -> None:
    session(server, name, PASSWORD, database).close()


@pytest.mark.parametrize("name", ROLES)
def test_it_enters_no_database_of_ours(server: World, name: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        session(server, name, PASSWORD, "orders")


@pytest.mark.parametrize("database", ["postgres", "app", "usda", "template1"])
def test_a_service_enters_its_own_database_alone(server: World, database: str) -> None:
    secret = server.state.secret("orders_db_password")
    session(server, "orders", secret, "orders").close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        session(server, "orders", secret, database)
