"""The API over a real database, in this process."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.service.identity import KeySet
from sqlalchemy import Engine
from usda_ingest.api.app import create_app
from usda_ingest.crawling.outlook import Timetable
from usda_ingest.crawling.plan import Plan
from usda_ingest.errors import CrawlBusy
from usda_ingest.settings import ServiceSettings

MARKET_DAY = date(2026, 1, 12)
ENVIRONMENT = {
    "MERCADITO_ENV": "test",
    "DATABASE_URL": "postgresql://usda@127.0.0.1:5432/usda",
    "DATABASE_PASSWORD": "x",
    "USDA_INDEX_URL": "http://127.0.0.1:1/",
    "USDA_RAW_DIR": "/tmp/raw",
    "HTTP_PORT": "8000",
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "usda",
    "NATS_PASSWORD": "x",
    "IDENTITY_JWKS_FILE": "/tmp/jwks.json",
}


class Crawls:
    """Stands in for the child processes: notes causes, makes the row as the service does."""

    def __init__(self, db: Any) -> None:
        self.db, self.causes, self.plans, self.busy = db, [], [], False

    async def start(self, cause: str, plan: Plan) -> uuid.UUID:
        if self.busy:
            raise CrawlBusy("busy")
        self.causes.append(cause)
        self.plans.append(plan)
        return uuid.UUID(str(self.db.value("SELECT crawl_id FROM crawls LIMIT 1")))


@pytest.fixture
def crawls_(db: Any) -> Crawls:
    return Crawls(db)


@pytest.fixture
def timetable_of() -> Callable[..., Timetable]:
    """Makes a timetable from settings that name an index page, and those given."""

    def make(engine: Engine, **environment: str) -> Timetable:
        return Timetable(ServiceSettings.from_env({**ENVIRONMENT, **environment}), engine)

    return make


@pytest.fixture
def make_api(
    db: Any, signer: Any, crawls_: Crawls, timetable_of: Callable[..., Timetable]
) -> Iterator[Callable[..., TestClient]]:
    """Makes clients of the API, each of an application of its own, as two processes of the service would be."""
    clients: list[TestClient] = []

    async def find_problems() -> list[str]:
        return []

    def make(market_day: date = MARKET_DAY, **environment: str) -> TestClient:
        app = create_app(
            db.engine,
            KeySet(signer.jwks_file),
            start_crawl=crawls_.start,
            timetable=timetable_of(db.engine, USDA_TODAY=market_day.isoformat(), **environment),
            find_problems=find_problems,
            market_day=lambda: market_day,
        )
        clients.append(TestClient(app, raise_server_exceptions=False))
        clients[-1].__enter__()
        return clients[-1]

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def api(make_api: Callable[..., TestClient]) -> TestClient:
    return make_api()


@pytest.fixture
def all_items(api: TestClient) -> Callable[[str], list[dict[str, Any]]]:
    """Follows a list page by page."""

    def follow(path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            answer = api.get(following)
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            following = answer.json()["next"]
        return items

    return follow
