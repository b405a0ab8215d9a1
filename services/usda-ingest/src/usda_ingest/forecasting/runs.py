"""Forecast runs as the service starts them: a child process whenever something is due and nobody crawls."""

import asyncio

import structlog
from mercadito_events.waiting import backoff_s, in_thread, pause
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.crawling.children import run_child
from usda_ingest.exit_codes import BUSY, FINISHED
from usda_ingest.forecasting import due
from usda_ingest.settings import ServiceSettings
from usda_ingest.storing import visits

LOOK_EVERY_S = 10
# So long after a crawl: during a backfill one follows the other, and each makes everything due again.
QUIET_S = 10
RETRY_FIRST_S = 60
RETRY_MOST_S = 3600
# The child ends by itself within a batch; then it is told to.
GRACE_S = 30

_ended = Counter("mercadito_usda_forecast_runs_total", "Forecast runs by how their process ended", ["outcome"])
_log = structlog.get_logger(__name__)


class ForecastRuns:
    """Looks whether a forecast is due, and runs the command; the command itself sees to it that only one runs."""

    def __init__(self, settings: ServiceSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the forecasts up to date until told to stop."""
        while not stop.is_set():
            await pause(stop, await self._look(stop))

    async def _look(self, stop: asyncio.Event) -> float:
        """Run what is due; return how long to wait before looking again."""
        try:
            is_due = await in_thread(self._is_due)
        except SQLAlchemyError as error:
            _log.warning("forecasts_unknown", problem=type(error).__name__)
            return LOOK_EVERY_S
        if not is_due or stop.is_set():
            return LOOK_EVERY_S
        code = await run_child(["forecast"], stop=stop, deadline_s=self._settings.forecast_deadline_s + GRACE_S)
        _ended.labels({FINISHED: "finished", BUSY: "busy"}.get(code, "failed")).inc()
        if code in (FINISHED, BUSY) or stop.is_set():
            self._failures = 0
            return LOOK_EVERY_S
        self._failures += 1
        _log.warning("forecast_process_ended", code=code)
        return backoff_s(self._failures - 1, first_s=RETRY_FIRST_S, most_s=RETRY_MOST_S)

    def _is_due(self) -> bool:
        with self._engine.connect() as connection:
            return visits.is_quiet(connection, QUIET_S) and due.is_any(connection, self._settings.crawl.market_today())
