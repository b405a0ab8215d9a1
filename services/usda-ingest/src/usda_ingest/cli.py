"""The command line: ``usda-ingest {serve|crawl|backfill|replay|forecast|republish|migrate}``."""

import argparse
import logging
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from mercadito_events.service.logs import configure
from mercadito_events.service.settings import SettingsError
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest import __version__, exit_codes
from usda_ingest.crawling.plan import PlanError, add_plan_arguments, plan_of
from usda_ingest.errors import CrawlBusy, CrawlFailed, CrawlSuperseded, ForecastBusy, ForecastFailed, UnknownSource
from usda_ingest.settings import (
    LOG_LEVELS,
    CrawlSettings,
    ServiceSettings,
    forecast_settings,
    migration_database,
    own_database,
)

SERVICE = "usda"
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, 1 failed, 2 settings, 75 another one is running."""
    options = _parser().parse_args(arguments)
    level = os.environ.get("LOG_LEVEL", "")
    # A wrong level is named with all other wrong settings, when they are read.
    configure(SERVICE, __version__, level if level in LOG_LEVELS else "info")
    try:
        return int(options.run(options))
    except (SettingsError, PlanError, UnknownSource) as problem:
        sys.stderr.write(f"{problem}\n")
        return exit_codes.SETTINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="usda-ingest", description="Wholesale produce prices of the USDA")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the API, crawl by schedule, publish the outbox")
    serve.set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to the newest revision")
    migrate.add_argument("--wait", action="store_true", help="only wait until another one has brought it there")
    migrate.set_defaults(run=_migrate)
    crawl = commands.add_parser("crawl", help="crawl once, in this process")
    crawl.add_argument("--crawl-id", type=uuid.UUID, help="a crawl that was requested before")
    crawl.add_argument("--cause", choices=("schedule", "staff", "operator", "backfill"), default="operator")
    crawl.add_argument("--wait-s", type=float, default=0, help="how long to wait for a running crawl to end")
    add_plan_arguments(crawl, days_required=False)
    crawl.set_defaults(run=_crawl)
    past = commands.add_parser("backfill", help="fetch the days from … to …, month by month, as far as not stored yet")
    add_plan_arguments(past, days_required=True)
    past.set_defaults(run=_backfill)
    replay = commands.add_parser("replay", help="read kept answers anew with the reader of today; asks no server")
    replay.add_argument("--file", action="append", default=[], help="a file's name, id or SHA-256; may be repeated")
    replay.add_argument("--all", action="store_true", help="all files, not only those that an older reader has read")
    replay.set_defaults(run=_replay)
    forecast = commands.add_parser("forecast", help="compute the trends and forecasts that are due, in this process")
    forecast.set_defaults(run=_forecast)
    republish = commands.add_parser(
        "republish", help="put the latest quote and forecast of every series into the outbox again"
    )
    republish.set_defaults(run=_republish)
    return parser


def _serve(_: argparse.Namespace) -> int:
    from usda_ingest.service import serve  # noqa: PLC0415 - FastAPI only where it serves

    return serve(ServiceSettings.from_env(os.environ))


def _migrate(options: argparse.Namespace) -> int:
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    from mercadito_events.service.migrations import has_schema, has_upgraded  # noqa: PLC0415 - Alembic only here

    folder = Path(os.environ.get("MIGRATIONS_DIR") or _MIGRATIONS)
    if options.wait:
        return 0 if has_schema(own_database(os.environ).url, folder) else exit_codes.FAILED
    return 0 if has_upgraded(migration_database(os.environ).url, folder) else exit_codes.FAILED


def _crawl(options: argparse.Namespace) -> int:
    from usda_ingest.crawling.crawl import Order, run_crawl  # noqa: PLC0415 - Scrapy only in the process that crawls

    settings = CrawlSettings.from_env(os.environ)
    order = Order(options.crawl_id, options.cause, plan_of(options), options.wait_s)
    try:
        run_crawl(settings, order)
    except CrawlBusy as problem:
        sys.stderr.write(f"{problem}\n")
        return exit_codes.BUSY
    except (CrawlFailed, CrawlSuperseded) as problem:
        sys.stderr.write(f"the crawl failed: {problem}\n")
        return exit_codes.FAILED
    except SQLAlchemyError as problem:
        sys.stderr.write(f"the crawl failed: the database does not answer ({type(problem).__name__})\n")
        return exit_codes.FAILED
    return 0


def _backfill(options: argparse.Namespace) -> int:
    from usda_ingest.crawling.backfill_command import run  # noqa: PLC0415 - as above

    return run(CrawlSettings.from_env(os.environ), plan_of(options), sys.stdout)


def _replay(options: argparse.Namespace) -> int:
    from usda_ingest.storing.replay_command import run  # noqa: PLC0415 - as above

    return run(CrawlSettings.from_env(os.environ), tuple(options.file), sys.stdout, everything=options.all)


def _forecast(_: argparse.Namespace) -> int:
    from usda_ingest.forecasting.computing import compute  # noqa: PLC0415 - numpy only in the process that computes
    from usda_ingest.stopping import stop_when_told  # noqa: PLC0415 - as above

    settings, today = forecast_settings(os.environ)
    try:
        compute(settings, today, stop_when_told())
    except ForecastBusy as problem:
        sys.stderr.write(f"{problem}\n")
        return exit_codes.BUSY
    except ForecastFailed as problem:
        sys.stderr.write(f"the forecasts failed: {problem}\n")
        return exit_codes.FAILED
    except SQLAlchemyError as problem:
        sys.stderr.write(f"the forecasts failed: the database does not answer ({type(problem).__name__})\n")
        return exit_codes.FAILED
    return 0


def _republish(_: argparse.Namespace) -> int:
    from usda_ingest.announcing.republish import republish  # noqa: PLC0415 - as above

    try:
        told = republish(own_database(os.environ))
    except (CrawlBusy, ForecastBusy) as problem:
        sys.stderr.write(f"{problem}\n")
        return exit_codes.BUSY
    sys.stdout.write(f"{told.quotes} quotes and {told.forecasts} forecasts are on their way\n")
    return 0
