"""A migrated database for the session, a clean world for each test, and the app on top of it."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import structlog
from flask.testing import FlaskClient
from mercadito_events.service.database import DatabaseSettings, create_engine
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from sqlalchemy import Connection, Engine, make_url, text

from orders.adapters import passwords
from orders.adapters.passwords import Argon2Passwords
from orders.adapters.signing import rotate_keys
from orders.adapters.transactions import SqlTransactions
from orders.bootstrap import Container, build_web
from orders.domain.people import Actor, Role
from orders.entrypoints.web import create_app
from orders.settings import Hub, WebSettings

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
PASSWORD = "correct horse battery"
POOL_SIZE = 24


@pytest.fixture(scope="session", autouse=True)
def lines() -> None:
    """Log in lines of JSON, as the processes do; what structlog draws for a developer shows every local variable."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )


@pytest.fixture(scope="session")
def urls(postgres_server: Any) -> Iterator[DatabaseUrls]:
    made = postgres_server.create_database()
    upgrade(made.owner_url, MIGRATIONS)
    yield made
    postgres_server.drop_database(made)


@pytest.fixture(scope="session")
def engine(urls: DatabaseUrls) -> Iterator[Engine]:
    made = create_engine(DatabaseSettings(make_url(urls.app_url)), pool_size=POOL_SIZE)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def owner(urls: DatabaseUrls) -> Iterator[Engine]:
    made = create_engine(DatabaseSettings(make_url(urls.owner_url)), pool_size=2)
    yield made
    made.dispose()


@contextmanager
def quick_passwords() -> Iterator[None]:
    """Whoever is wired meanwhile hashes in no time; tests about hashing ask an `Argon2Passwords` of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        yield


@pytest.fixture(scope="session")
def password_hash() -> str:
    with quick_passwords():
        return Argon2Passwords().hash(PASSWORD)


@dataclass
class World:
    """Builds what a test needs with few words; everything is written directly, without use cases."""

    engine: Engine
    password_hash: str
    made: int = 0
    emails: dict[str, str] = field(default_factory=dict)

    def run(self, statement: str, **values: object) -> Any:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values)

    def value(self, statement: str, **values: object) -> Any:
        with self.engine.begin() as connection:
            return connection.scalar(text(statement), values)

    def rows(self, statement: str, **values: object) -> list[Any]:
        with self.engine.begin() as connection:
            return list(connection.execute(text(statement), values))

    def store(self, name: str | None = None, *, active: bool = True) -> str:
        self.made += 1
        store_id = str(uuid4())
        self.run(
            "INSERT INTO stores (id, name, active) VALUES (:id, :name, :active)",
            id=store_id,
            name=name or f"Store {self.made}",
            active=active,
        )
        return store_id

    def person(self, role: Role = Role.BUYER, stores: Sequence[str] = (), *, locale: str = "en") -> Actor:
        self.made += 1
        person_id, email = str(uuid4()), f"{role.value}{self.made}@test.example"
        self.run(
            "INSERT INTO people (id, email, name, locale, role, password_hash)"
            " VALUES (:id, :email, :name, :locale, :role, :hash)",
            id=person_id,
            email=email,
            name=f"Person {self.made}",
            locale=locale,
            role=role.value,
            hash=self.password_hash,
        )
        for store_id in stores:
            self.run("INSERT INTO store_people VALUES (:store, :person)", store=store_id, person=person_id)
        self.emails[person_id] = email
        return Actor(person_id, role, frozenset(stores))

    def buyer(self) -> tuple[Actor, str]:
        store = self.store()
        return self.person(stores=[store]), store

    def cycle(self, *, state: str = "open", opens_in_s: int = -3600, cutoff_in_s: int = 3600) -> str:
        cycle_id = str(uuid4())
        self.run(
            "INSERT INTO cycles (id, name, state, opens_at, cutoff_at, delivery_on) VALUES (:id, :name, :state,"
            " clock_timestamp() + make_interval(secs => :opens), clock_timestamp() + make_interval(secs => :cutoff),"
            " :delivery)",
            id=cycle_id,
            name="Friday",
            state=state,
            opens=opens_in_s,
            cutoff=cutoff_in_s,
            delivery=datetime.now(UTC).date() + timedelta(days=1),
        )
        return cycle_id

    def offer(
        self,
        cycle_id: str,
        *,
        available: int | None = 10,
        price: int = 1_500,
        max_per_store: int | None = None,
        name: str | None = None,
        category: str = "fruit",
        series_id: str | None = None,
        markup: str = "0.10",
    ) -> str:
        self.made += 1
        product_id, offer_id = str(uuid4()), str(uuid4())
        named = name or f"Product {self.made:05}"
        self.run(
            "INSERT INTO products (id, name, name_es, category, pack, series_id, markup)"
            " VALUES (:id, :name, :name_es, :category, '25 lb carton', :series, :markup)",
            id=product_id,
            name=named,
            name_es=f"{named} en español",
            category=category,
            series=series_id,
            markup=markup,
        )
        self.run(
            "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining, max_per_store)"
            " VALUES (:id, :cycle, :product, :price, :available, :available, :most)",
            id=offer_id,
            cycle=cycle_id,
            product=product_id,
            price=price,
            available=available,
            most=max_per_store,
        )
        return offer_id

    def product(self, name: str, *, series_id: str | None = None, markup: str = "0.12", category: str = "fruit") -> str:
        product_id = str(uuid4())
        self.run(
            "INSERT INTO products (id, name, name_es, category, pack, series_id, markup, yield_share)"
            " VALUES (:id, :name, :name_es, :category, '25 lb carton', :series, :markup, 0.95)",
            id=product_id,
            name=name,
            name_es=f"{name} en español",
            category=category,
            series=series_id,
            markup=markup,
        )
        return product_id

    def remaining(self, offer_id: str) -> int | None:
        found: int | None = self.value("SELECT remaining FROM offers WHERE id = CAST(:id AS uuid)", id=offer_id)
        return found

    def events(self, type_: str | None = None) -> list[dict[str, Any]]:
        rows = self.rows(
            "SELECT type, convert_from(body, 'UTF8')::jsonb AS body FROM outbox"
            " WHERE CAST(:type AS text) IS NULL OR type = :type ORDER BY id",
            type=type_,
        )
        return [{"type": row.type, **row.body} for row in rows]

    def broken_offers(self) -> list[Any]:
        """Return offers for which `available = remaining + the sum of live lines` does not hold."""
        return self.rows(
            "SELECT f.id, f.available, f.remaining, coalesce(sum(l.quantity), 0) AS live FROM offers f"
            " LEFT JOIN (order_lines l JOIN orders o ON o.id = l.order_id AND o.state <> 'cancelled')"
            " ON l.offer_id = f.id WHERE f.available IS NOT NULL GROUP BY f.id"
            " HAVING f.available <> f.remaining + coalesce(sum(l.quantity), 0)"
        )


@pytest.fixture
def world(engine: Engine, urls: DatabaseUrls, postgres_server: Any, password_hash: str) -> Iterator[World]:
    postgres_server.empty(urls.name)
    made = World(engine, password_hash)
    yield made
    # Whatever a test did, stock must add up afterwards.
    assert made.broken_offers() == []


@pytest.fixture
def transactions(engine: Engine) -> SqlTransactions:
    return SqlTransactions(engine)


@pytest.fixture(scope="session")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("keys")
    rotate_keys(folder / "key.json", folder / "jwks.json")
    return folder / "key.json", folder / "jwks.json"


@pytest.fixture(scope="session")
def settings(urls: DatabaseUrls, key_files: tuple[Path, Path]) -> WebSettings:
    return WebSettings(
        environment="test",
        log_level="info",
        host="127.0.0.1",
        port=1,
        workers=1,
        threads=POOL_SIZE,
        public_url="http://localhost",
        session_secret=secrets.token_urlsafe(32),
        key_file=key_files[0],
        jwks_file=key_files[1],
        database=DatabaseSettings(make_url(urls.app_url)),
        hub=Hub(name="Mercadito", time_zone=ZoneInfo("America/Los_Angeles"), usda_today=date(2026, 1, 8)),
    )


@pytest.fixture(scope="session")
def container(settings: WebSettings) -> Container:
    with quick_passwords():
        return build_web(settings)


@pytest.fixture(scope="session")
def app(settings: WebSettings, container: Container) -> Any:
    made = create_app(settings, container)
    made.config["TESTING"] = False
    return made


@dataclass
class Api:
    """A client of the API that shows a token with every request."""

    client: FlaskClient
    token: str | None = None

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=named)


@pytest.fixture
def sign_in(app: Any, world: World) -> Callable[[Actor], Api]:
    def make(actor: Actor) -> Api:
        client = app.test_client()
        answer = client.post("/api/v1/tokens", auth=(world.emails[actor.person_id], PASSWORD))
        assert answer.status_code == 201, answer.text
        return Api(client, answer.json["token"])

    return make


@pytest.fixture
def nobody(app: Any) -> Api:
    return Api(app.test_client())


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as made:
        yield made
