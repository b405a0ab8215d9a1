"""What the tests share: a migrated database, a loopback site, crawls as real processes."""

import json
import multiprocessing
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from mercadito_events.service.migrations import upgrade
from mercadito_events.testing import DatabaseUrls, wait_until
from sqlalchemy import Engine, create_engine, make_url, text
from usda_ingest.storing import crawls
from usda_ingest.storing.files import Validators
from usda_ingest.storing.intake import Intake
from usda_ingest.storing.raw_files import RawFiles
from usda_site.example import MARS_ROW
from usda_site.site import Site, SiteServer
from usda_site.site import answer as send
from usda_site.site import zipped as gzip_of

pytest_plugins = ["mercadito_events.testing"]

SERVICE = Path(__file__).resolve().parents[1]
REAL_FILES = SERVICE.parents[1].parent / "shared" / "data" / "usda"


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The USDA's own files; a clone without them skips what needs them."""
    if not REAL_FILES.is_dir():
        pytest.skip("file folder ../shared/data/usda missing")
    return REAL_FILES


@pytest.fixture
def site() -> Iterator[Site]:
    server = SiteServer()
    yield server.site
    server.close()


@pytest.fixture(scope="session")
def answer() -> Callable[..., None]:
    """Sends a whole answer from a route of the site."""
    return send


@pytest.fixture(scope="session")
def zipped() -> Callable[[str], bytes]:
    return gzip_of


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


@pytest.fixture(scope="session")
def migrated(postgres_server: Any) -> DatabaseUrls:
    """One database for the session: making and migrating one takes longer than most tests."""
    urls: DatabaseUrls = postgres_server.create_database()
    upgrade(urls.owner_url, SERVICE / "migrations")
    return urls


@pytest.fixture
def db(migrated: DatabaseUrls, postgres_server: Any) -> Iterator[Db]:
    """The database, empty and without sessions that an earlier test may have left."""
    _end_sessions(postgres_server, migrated.name)
    postgres_server.empty(migrated.name)
    engine = create_engine(make_url(migrated.app_url).set(drivername="postgresql+psycopg2"))
    yield Db(migrated, engine)
    engine.dispose()


def _end_sessions(postgres_server: Any, name: str) -> None:
    with postgres_server.connect("postgres") as cursor:

        def are_gone() -> bool:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = %s AND usename <> 'postgres'",
                [name],
            )
            return bool(cursor.fetchone()[0] == 0)

        wait_until(are_gone)


# Importing Scrapy takes a second of CPU; a server that has done it forks every crawl of the session.
_PROCESSES = multiprocessing.get_context("forkserver")
_PRELOADED = [
    "pytest",
    "usda_ingest.cli",
    "usda_ingest.crawling.crawl",
    "scrapy.core.engine",
    "scrapy.extensions.closespider",
]
_PRELOADED += ["scrapy.core.downloader.handlers.http11", "scrapy.downloadermiddlewares.httpcompression"]
# What Scrapy imports only when a crawl begins: half of what a small crawl takes.
_PRELOADED += [f"scrapy.downloadermiddlewares.{name}" for name in ("cookies", "redirect", "retry", "stats", "offsite")]
_PRELOADED += [f"scrapy.extensions.{name}" for name in ("corestats", "feedexport", "logstats", "telnet", "throttle")]
_PRELOADED += [f"scrapy.spidermiddlewares.{name}" for name in ("depth", "httperror", "referer", "urllength")]
_PRELOADED += ["scrapy.dupefilters", "scrapy.logformatter", "scrapy.squeues", "scrapy.statscollectors"]
_PRELOADED += ["aiohttp.web", "protego", "psycopg2.extras"]
_IN_CHILD = """
import os, sys
os.environ.clear()
os.environ.update(environment)
output_file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(output_file, 1)
os.dup2(output_file, 2)
sys.stdout = open(1, "w", buffering=1, closefd=False)
sys.stderr = open(2, "w", buffering=1, closefd=False)
from usda_ingest.cli import main
sys.exit(main(["crawl", *arguments]))
"""


@dataclass
class CrawlProcess:
    """A crawl under way."""

    process: Any
    output: Path

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def wait(self, timeout_s: float = 90) -> int:
        """Return the exit code."""
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.process.kill()
        assert self.process.exitcode is not None, self.output.read_text()
        return int(self.process.exitcode)


@dataclass
class CrawlCommand:
    """``usda-ingest crawl`` as a process of its own, against the site."""

    db: Db
    site: Any
    folder: Path

    @property
    def raw_dir(self) -> Path:
        return self.folder / "raw"

    def environment(self, **settings: str) -> dict[str, str]:
        given = {
            "MERCADITO_ENV": "test",
            "USDA_INDEX_URL": f"{self.site.url}/",
            "USDA_RAW_DIR": str(self.raw_dir),
            "USDA_DELAY_S": "0",
            "USDA_DOWNLOAD_TIMEOUT_S": "3",
            "USDA_RETRIES": "1",
            **self.db.environment(),
            **settings,
        }
        return {**os.environ, **given}

    def start(self, *arguments: str, **settings: str) -> CrawlProcess:
        output = self.folder / f"crawl-{uuid.uuid4()}.log"
        given = {"environment": self.environment(**settings), "output": str(output), "arguments": arguments}
        process = _PROCESSES.Process(target=exec, args=(_IN_CHILD, given))
        process.start()
        return CrawlProcess(process, output)

    def run(self, *, code: int = 0, **settings: str) -> str:
        """Crawl to the end; return what it wrote."""
        started = self.start(**settings)
        ended = started.wait()
        output = started.output.read_text()
        assert ended == code, output
        return output


@pytest.fixture
def crawl(db: Db, site: Any, tmp_path: Path) -> CrawlCommand:
    _PROCESSES.set_forkserver_preload(_PRELOADED)
    return CrawlCommand(db, site, tmp_path)


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
        defaults = {**MARS_ROW, "_section": "Report Details"}
        lines = [MARS_HEADER]
        for row in rows:
            fields = [{**defaults, **row}.get(name, "") for name in names]
            lines.append(",".join(f'"{value}"' if set(value) & set(',"\n') else value for value in fields))
        return "\n".join(lines) + "\n"

    return write


class Signer:
    """Signs tokens as orders does, with keys that only this session knows."""

    def __init__(self, folder: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))

    def token(self, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": "mercadito", "sub": "person-1", "role": "staff", "stores": [], "aud": "api", "jti": "token-1"}
        claims |= {"iat": now - 10, "exp": now + 600, **changes}
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "k1"})


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("keys"))


class Shelf:
    """Stores files as a crawl does, without crawling."""

    def __init__(self, db: Db, folder: Path) -> None:
        self._db, self.folder = db, folder

    def crawl(self, **contents: str | bytes) -> uuid.UUID:
        """Take in files by name (``a`` becomes ``a.csv``) in one finished crawl."""
        crawl_id = uuid.uuid4()
        with self._db.engine.begin() as connection:
            crawls.begin(connection, crawl_id, source="http://usda.test/", cause="operator")
        intake = Intake(self._db.engine, RawFiles(self.folder), crawl_id, date(2026, 11, 21))
        for name, content in contents.items():
            body = content if isinstance(content, bytes) else content.encode()
            intake.take(f"http://usda.test/{name}.csv", f"{name}.csv", body, Validators(), download_ms=1)
        with self._db.engine.begin() as connection:
            crawls.finish(connection, crawl_id)
        return crawl_id


@pytest.fixture
def shelf(db: Db, tmp_path: Path) -> Shelf:
    return Shelf(db, tmp_path / "raw")
