"""A market of recorded weeks, and `usda-ingest forecast` as a process of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from mercadito_events.service.database import DatabaseSettings
from sqlalchemy import make_url
from usda_ingest.forecasting.computing import compute
from usda_ingest.forecasting.market_days import day, number

TODAY = date(2026, 1, 8)


def market_days(count: int, end: date = TODAY) -> list[date]:
    """Return so many market days up to the end."""
    return [day(number(end) - back) for back in reversed(range(count))]


@pytest.fixture
def weeks(mars: Callable[..., str]) -> Callable[..., str]:
    """Writes a file with a quote of every day for each of these item sizes; prices move every fourth day."""

    def write(*sizes: str, days: int = 20, end: date = TODAY, **fields: str) -> str:
        rows = [
            {
                "report_date": f"{on:%m/%d/%Y}",
                "item_size": size,
                "low_price": f"{20 + (at // 4) % 3}.00",
                "high_price": f"{22 + (at // 4) % 3}.00",
                **fields,
            }
            for size in sizes
            for at, on in enumerate(market_days(days, end))
        ]
        return mars(*rows)

    return write


class Forecasting:
    """Runs the command against the test's database."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._started: list[subprocess.Popen[str]] = []

    def start(self, today: date = TODAY) -> "subprocess.Popen[str]":
        environment = {**os.environ, "MERCADITO_ENV": "test", **self._db.environment(), "USDA_TODAY": today.isoformat()}
        command = [sys.executable, "-m", "usda_ingest", "forecast"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._started.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return self._started[-1]

    def end(self) -> None:
        """End what a test that failed has left behind, which would be held against a later one."""
        for process in self._started:
            process.kill()
            process.communicate()

    def run(self, today: date = TODAY) -> int:
        """Compute in this process, as the command does; return how many series were written."""
        settings = DatabaseSettings(make_url(self._db.urls.app_url))
        return compute(settings, today, threading.Event())

    def events(self) -> list[dict[str, Any]]:
        """Return what was told of series, in order."""
        return [item for event in self._db.events("usda.forecast.updated.v1") for item in event["series"]]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return stored forecasts by item size."""
        rows = self._db.rows("SELECT s.size, f.* FROM forecasts f JOIN series s USING (series_id)")
        return {row["size"]: row for row in rows}


@pytest.fixture
def forecasting(db: Any) -> Iterator[Forecasting]:
    made = Forecasting(db)
    yield made
    made.end()
