"""What the tests share: a migrated database, a loopback site, crawls as real processes."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls
from sqlalchemy import Engine, create_engine, make_url, text

pytest_plugins = ["mercadito_events.testing"]

SERVICE = Path(__file__).resolve().parents[1]
REAL_FILES = SERVICE.parents[1].parent / "shared" / "data" / "usda"


def _load(name: str) -> ModuleType:
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"usda_tests_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_site = _load("site")


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The USDA's own files; a clone without them skips what needs them."""
    if not REAL_FILES.is_dir():
        pytest.skip("file folder ../shared/data/usda missing")
    return REAL_FILES


@pytest.fixture
def site() -> Iterator[Any]:
    server = _site.SiteServer()
    yield server.site
    server.close()


@pytest.fixture(scope="session")
def answer() -> Callable[..., None]:
    """Sends a whole answer from a route of the site."""
    return _site.answer  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def zipped() -> Callable[[str], bytes]:
    return _site.zipped  # type: ignore[no-any-return]


@dataclass
class Db:
    """A migrated database, as the service sees it."""

    urls: DatabaseUrls
    engine: Engine

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def value(self, sql: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text(sql), values)

    def events(self, type_: str) -> list[dict[str, Any]]:
        """Return the bodies of the outbox, in its order."""
        rows = self.rows("SELECT body FROM outbox WHERE type = :type ORDER BY id", type=type_)
        return [json.loads(bytes(row["body"])) for row in rows]

    def environment(self) -> dict[str, str]:
        url = make_url(self.urls.app_url)
        plain = f"postgresql://{url.username}@{url.host}:{url.port}/{url.database}"
        return {"DATABASE_URL": plain, "DATABASE_PASSWORD": str(url.password)}


@pytest.fixture
def db(database: Callable[[], DatabaseUrls]) -> Iterator[Db]:
    urls = database()
    upgrade(urls.owner_url, SERVICE / "migrations")
    engine = create_engine(make_url(urls.app_url).set(drivername="postgresql+psycopg2"))
    yield Db(urls, engine)
    engine.dispose()


@dataclass
class CrawlCommand:
    """``usda-ingest crawl`` as a process, against the site."""

    db: Db
    site: Any
    raw_dir: Path

    def environment(self, **settings: str) -> dict[str, str]:
        given = {
            "MERCADITO_ENV": "test",
            "USDA_INDEX_URL": f"{self.site.url}/",
            "USDA_RAW_DIR": str(self.raw_dir),
            "USDA_DELAY_S": "0",
            "USDA_DOWNLOAD_TIMEOUT_S": "3",
            **self.db.environment(),
            **settings,
        }
        return {**os.environ, **given}

    def start(self, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "usda_ingest", "crawl", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=self.environment(**settings), **pipes)  # type: ignore[call-overload,no-any-return]

    def run(self, *, code: int = 0, **settings: str) -> str:
        """Crawl to the end; return what it wrote."""
        process = self.start(**settings)
        output, _ = process.communicate(timeout=90)
        assert process.returncode == code, output
        return output


@pytest.fixture
def crawl(db: Db, site: Any, tmp_path: Path) -> CrawlCommand:
    return CrawlCommand(db, site, tmp_path / "raw")


MARS_HEADER = (
    "report_date,slug_id,_section,published_Date,published_date,market_location_city,category,commodity,variety,"
    "package,item_size,organic,origin,appearance,quality,condition,low_price,high_price,mostly_low_price,"
    "mostly_high_price,reporter_comment"
)


@pytest.fixture(scope="session")
def mars() -> Callable[..., str]:
    """Writes a small MARS file: one row per keyword set over the defaults."""

    def write(*rows: dict[str, str]) -> str:
        names = MARS_HEADER.split(",")
        defaults = {
            "report_date": "01/08/2026",
            "slug_id": "2306",
            "_section": "Report Details",
            "market_location_city": "Los Angeles",
            "category": "Fruits",
            "commodity": "Avocados",
            "variety": "HASS",
            "package": "cartons 2 layer",
            "item_size": "48s",
            "organic": "N",
            "origin": "Mexico",
            "appearance": "N/A",
            "quality": "N/A",
            "condition": "N/A",
            "low_price": "30.00",
            "high_price": "32.00",
        }
        lines = [MARS_HEADER]
        for row in rows:
            fields = [{**defaults, **row}.get(name, "") for name in names]
            lines.append(",".join(f'"{value}"' if set(value) & set(',"\n') else value for value in fields))
        return "\n".join(lines) + "\n"

    return write
