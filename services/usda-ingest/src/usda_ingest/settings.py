"""Settings, read once from the environment; every problem is named at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from mercadito_events.connection import NatsSettings
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.settings import Reader, database, nats

DEFAULT_CRAWL_EVERY_S = 6 * 3600
DEFAULT_DEADLINE_S = 900
DEFAULT_DOWNLOAD_TIMEOUT_S = 60
DEFAULT_RETRIES = 3
DEFAULT_DOWNLOAD_MAX_BYTES = 64 * 1024 * 1024
MAX_INDEX_URL_CHARS = 500
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class CrawlSettings:
    """What a crawl needs, also in its own process."""

    log_level: str
    database: DatabaseSettings
    index_url: str
    allowed_hosts: frozenset[str]
    raw_dir: Path
    today: date | None
    public_url: str
    deadline_s: int
    delay_s: float
    retries: int
    download_timeout_s: float
    download_max_bytes: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "CrawlSettings":
        """Read the settings of a crawl.

        Raises:
            SettingsError: with every problem found.

        """
        reader = Reader(env)
        settings = _crawl(reader)
        reader.finish()
        return settings

    @property
    def is_https_only(self) -> bool:
        """Whether plain http is never followed, because the index itself is https."""
        return urlsplit(self.index_url).scheme == "https"

    def market_day(self) -> date:
        """Return the day that files are judged by: the later of today and ``USDA_TODAY``."""
        today = datetime.now(UTC).date()
        return max(today, self.today or today)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service needs."""

    crawl: CrawlSettings
    http_host: str
    http_port: int
    nats: NatsSettings
    jwks_file: Path
    is_scheduled: bool
    crawl_every_s: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "ServiceSettings":
        """Read the settings of the service.

        Raises:
            SettingsError: with every problem found.

        """
        reader = Reader(env)
        settings = cls(
            crawl=_crawl(reader),
            http_host=reader.text("HTTP_HOST", "127.0.0.1"),
            http_port=reader.integer("HTTP_PORT", minimum=0, maximum=65_535),
            nats=nats(reader),
            jwks_file=reader.path("IDENTITY_JWKS_FILE"),
            is_scheduled=reader.choice("USDA_SCHEDULE", ("on", "off"), "on") == "on",
            crawl_every_s=reader.integer("USDA_CRAWL_EVERY_S", DEFAULT_CRAWL_EVERY_S, minimum=60, maximum=604_800),
        )
        reader.finish()
        return settings


def migration_database(env: Mapping[str, str]) -> DatabaseSettings:
    """Read where and as whom to migrate."""
    reader = Reader(env)
    settings = database(reader, "MIGRATION_DATABASE")
    reader.finish()
    return settings


def republish_database(env: Mapping[str, str]) -> DatabaseSettings:
    """Read the service's own database, which is all that ``republish`` needs."""
    reader = Reader(env)
    settings = database(reader)
    reader.finish()
    return settings


def _crawl(reader: Reader) -> CrawlSettings:
    in_production = reader.environment() == "production"
    reader.url("USDA_INDEX_URL", schemes=("https", "http"))
    index_url = reader.text("USDA_INDEX_URL", " ")  # as written: relative links depend on a trailing slash
    if len(index_url) > MAX_INDEX_URL_CHARS:
        reader.problem(f"USDA_INDEX_URL has more than {MAX_INDEX_URL_CHARS} characters.")
    hosts = {host.strip().lower() for host in reader.text("USDA_ALLOWED_HOSTS", "-").split(",") if host.strip()}
    if hosts == {"-"}:
        hosts = {_host_of(index_url)}
    return CrawlSettings(
        log_level=reader.choice("LOG_LEVEL", LOG_LEVELS, "info"),
        database=database(reader),
        index_url=index_url,
        allowed_hosts=frozenset(hosts),
        raw_dir=reader.path("USDA_RAW_DIR"),
        today=reader.date("USDA_TODAY"),
        public_url=reader.url("PUBLIC_URL", "http://localhost:8080", schemes=("https", "http")),
        deadline_s=reader.integer("USDA_CRAWL_DEADLINE_S", DEFAULT_DEADLINE_S, minimum=5, maximum=86_400),
        delay_s=reader.number("USDA_DELAY_S", 1.0 if in_production else 0.05, minimum=0, maximum=60),
        retries=reader.integer("USDA_RETRIES", DEFAULT_RETRIES, minimum=0, maximum=10),
        download_timeout_s=reader.number("USDA_DOWNLOAD_TIMEOUT_S", DEFAULT_DOWNLOAD_TIMEOUT_S, minimum=1, maximum=600),
        download_max_bytes=reader.integer(
            "USDA_DOWNLOAD_MAX_BYTES", DEFAULT_DOWNLOAD_MAX_BYTES, minimum=1_000, maximum=1024**3
        ),
    )


def _host_of(url: str) -> str:
    """Return host and port as the address names them: with the port only where it is given."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    return host if port is None else f"{host}:{port}"
