"""Settings, read once from the environment; every problem is named at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from mercadito_events.connection import NatsSettings
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.settings import Reader, database, nats

from usda_ingest.errors import UnknownSource
from usda_ingest.market_calendar import market_date, market_today
from usda_ingest.reading.commodity_names import ONLY_FROM_NAMES, BadCommodityNames, CommodityNames
from usda_ingest.sources.source_settings import SourceSettings, read_sources

DEFAULT_CRAWL_EVERY_S = 6 * 3600
DEFAULT_AWAIT_EVERY_S = 600
DEFAULT_DEADLINE_S = 900
DEFAULT_FORECAST_DEADLINE_S = 600
DEFAULT_DOWNLOAD_TIMEOUT_S = 60
DEFAULT_RETRIES = 3
DEFAULT_DOWNLOAD_MAX_BYTES = 64 * 1024 * 1024
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class CrawlSettings:
    """What a crawl needs, also in its own process."""

    log_level: str
    database: DatabaseSettings
    sources: tuple[SourceSettings, ...]
    allowed_hosts: frozenset[str]
    raw_dir: Path
    today: date | None
    commodities: CommodityNames
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

    def chosen(self, names: Iterable[str] = ()) -> tuple[SourceSettings, ...]:
        """Return the named sources in their usual order; all of them when none is named.

        Raises:
            UnknownSource: one of them is not configured.

        """
        wanted, configured = set(names), {source.name for source in self.sources}
        if unknown := wanted - configured:
            raise UnknownSource(sorted(unknown), [source.name for source in self.sources])
        return tuple(source for source in self.sources if not wanted or source.name in wanted)

    def source_names(self, names: Iterable[str] = ()) -> str:
        """Return the names of the chosen sources as a crawl's record has them.

        Raises:
            UnknownSource: as above.

        """
        return ", ".join(source.name for source in self.chosen(names))

    def market_day(self) -> date:
        """Return the day that files are judged by: the later of the market's today and ``USDA_TODAY``."""
        today = market_date(datetime.now(UTC))
        return max(today, self.today or today)

    def market_today(self) -> date:
        """Return the market's date: ``USDA_TODAY`` where recorded files stand for the market, else today's there."""
        return market_today(self.today, datetime.now(UTC))


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
    await_every_s: int
    forecast_deadline_s: int

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
            await_every_s=reader.integer("USDA_AWAIT_EVERY_S", DEFAULT_AWAIT_EVERY_S, minimum=60, maximum=3_600),
            forecast_deadline_s=reader.integer(
                "USDA_FORECAST_DEADLINE_S", DEFAULT_FORECAST_DEADLINE_S, minimum=5, maximum=86_400
            ),
        )
        reader.finish()
        return settings


def migration_database(env: Mapping[str, str]) -> DatabaseSettings:
    """Read where and as whom to migrate."""
    reader = Reader(env)
    settings = database(reader, "MIGRATION_DATABASE")
    reader.finish()
    return settings


def own_database(env: Mapping[str, str]) -> DatabaseSettings:
    """Read the service's own database, which is all that ``republish`` and waiting for the schema need."""
    reader = Reader(env)
    settings = database(reader)
    reader.finish()
    return settings


def forecast_settings(env: Mapping[str, str]) -> tuple[DatabaseSettings, date]:
    """Read the service's own database and the day by which quotes are stale, as ``CrawlSettings.market_today``."""
    reader = Reader(env)
    settings, today = database(reader), reader.date("USDA_TODAY")
    reader.finish()
    return settings, market_today(today, datetime.now(UTC))


def _crawl(reader: Reader) -> CrawlSettings:
    in_production = reader.environment() == "production"
    sources = read_sources(reader)
    hosts = {host.strip().lower() for host in reader.text("USDA_ALLOWED_HOSTS", "-").split(",") if host.strip()}
    if hosts == {"-"}:
        hosts = {source.host for source in sources}
    for source in sources:
        if source.host not in hosts and source.hostname not in hosts:
            reader.problem(f"USDA_ALLOWED_HOSTS does not list {source.host}, where the source {source.name} begins.")
    return CrawlSettings(
        log_level=reader.choice("LOG_LEVEL", LOG_LEVELS, "info"),
        database=database(reader),
        sources=sources,
        allowed_hosts=frozenset(hosts),
        raw_dir=reader.path("USDA_RAW_DIR"),
        today=reader.date("USDA_TODAY"),
        commodities=_commodities(reader),
        public_url=reader.url("PUBLIC_URL", "http://localhost:8080", schemes=("https", "http")),
        deadline_s=reader.integer("USDA_CRAWL_DEADLINE_S", DEFAULT_DEADLINE_S, minimum=5, maximum=86_400),
        delay_s=reader.number("USDA_DELAY_S", 1.0 if in_production else 0.05, minimum=0, maximum=60),
        retries=reader.integer("USDA_RETRIES", DEFAULT_RETRIES, minimum=0, maximum=10),
        download_timeout_s=reader.number("USDA_DOWNLOAD_TIMEOUT_S", DEFAULT_DOWNLOAD_TIMEOUT_S, minimum=1, maximum=600),
        download_max_bytes=reader.integer(
            "USDA_DOWNLOAD_MAX_BYTES", DEFAULT_DOWNLOAD_MAX_BYTES, minimum=1_000, maximum=1024**3
        ),
    )


def _commodities(reader: Reader) -> CommodityNames:
    try:
        return CommodityNames.parse(reader.text("USDA_COMMODITIES", ""))
    except BadCommodityNames as problem:
        reader.problem(f"USDA_COMMODITIES {problem}.")
        return ONLY_FROM_NAMES
