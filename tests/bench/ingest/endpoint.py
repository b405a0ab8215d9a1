"""How fast five years of a series are answered, with trend and forecast, by the running service over loopback HTTP."""

import csv
import http.client
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from native.programs import program
from tests.bench.figures import Report
from tests.bench.ingest.hall import Hall
from tests.bench.processes import processor_s
from tests.bench.world import BenchFailed, wait_until_answers

MOST_KEPT_MS = 10
MOST_BUILT_MS = 60
_SERIES = "/api/v1/prices/series"
_MARKETS = ("Los Angeles", "Chicago", "Boston")
_COLUMNS = (
    *("report_date", "slug_id", "_section", "market_location_city", "category", "commodity", "variety", "package"),
    *(
        "item_size",
        "organic",
        "origin",
        "appearance",
        "quality",
        "condition",
        "low_price",
        "high_price",
        "mostly_low_price",
        "mostly_high_price",
    ),
)
# As a file that was stored does, whatever it holds.
_CHANGED = "UPDATE price_version SET version = version + 1, changed_at = clock_timestamp()"


@dataclass(frozen=True)
class Endpoint:
    """How long the series is, and how often it is asked for."""

    days: int = 1_305
    asked: int = 500
    asked_anew: int = 100


def measure(report: Report, hall: Hall, plan: Endpoint) -> None:
    """Store the series in three markets, forecast it, and ask for it in every way."""
    file = hall.folder / "five-years.csv"
    _write(file, plan.days)
    hall.act("store", file, "first")
    hall.act("forecast", _today().isoformat())
    hall.rest()
    with _service(hall) as service:
        path = f"{_SERIES}/{service.get(f'{_SERIES}?market=los%20angeles')['items'][0]['series_id']}"
        shown = service.get(path)
        if len(shown["points"]) != plan.days or not shown["trend"]:
            raise BenchFailed(f"{len(shown['points'])} points, no trend: {shown['no_forecast']}")
        ways = _Ways(report, hall, service, plan)
        size_kb = len(service.fetch(path)[0]) / 1000
        ways.kept(f"series of {plan.days:,} days, with forecast, {size_kb:.0f} kB: p95, kept", path)
        ways.kept("  unchanged: 304", path, etag=service.fetch(path)[1])
        ways.built("  not kept", path, at_most=MOST_BUILT_MS)
        ways.built("  its three markets, not kept", f"{path}/markets")
        ways.built("  series found by a word, not kept", f"{_SERIES}?q=aguac")


@dataclass(frozen=True)
class _Service:
    """The running service behind a connection that is kept open."""

    connection: http.client.HTTPConnection
    pid: int

    def processor_s(self) -> float:
        """Return the processor time that it has used so far."""
        return processor_s([self.pid])

    def fetch(self, path: str, etag: str = "") -> tuple[bytes, str]:
        """Return body and ETag."""
        self.connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != (304 if etag else 200):
            raise BenchFailed(f"{path}: {answer.status} {body[:300]!r}")
        return body, answer.headers["ETag"]

    def get(self, path: str) -> dict[str, Any]:
        """Return what the body says."""
        found: dict[str, Any] = json.loads(self.fetch(path)[0])
        return found


@dataclass(frozen=True)
class _Ways:
    """The ways of asking, each a line of the table."""

    report: Report
    hall: Hall
    service: _Service
    plan: Endpoint

    def kept(self, what: str, path: str, etag: str = "") -> None:
        """Ask again and again."""
        self.service.fetch(path, etag)
        before = self.service.processor_s()
        times = [self._timed(path, etag) for _ in range(self.plan.asked)]
        self.report.must(what, "ms", _p95(times), at_most=MOST_KEPT_MS)
        self._add_processor(before, self.plan.asked)

    def built(self, what: str, path: str, *, at_most: float | None = None) -> None:
        """Ask after something was stored, each time."""
        before, times = self.service.processor_s(), []
        for _ in range(self.plan.asked_anew):
            self.hall.psql(_CHANGED)
            times.append(self._timed(path))
        if at_most is None:
            self.report.add(what, "ms", _p95(times))
        else:
            self.report.must(what, "ms", _p95(times), at_most=at_most)
        self._add_processor(before, self.plan.asked_anew)

    def _add_processor(self, before: float, answers: int) -> None:
        """Say what an answer costs, which other programs on the machine do not change."""
        used_ms = (self.service.processor_s() - before) * 1000
        self.report.add("    processor time of the service, each", "ms", used_ms / answers)

    def _timed(self, path: str, etag: str = "") -> float:
        began = time.perf_counter()
        self.service.fetch(path, etag)
        return (time.perf_counter() - began) * 1000


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1]


def _today() -> date:
    return datetime.now(ZoneInfo("America/Los_Angeles")).date()


def _write(file: Path, days: int) -> None:
    """Write a walk of prices, up to today, as a report has them."""
    chance = random.Random(6)
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(_COLUMNS)
        for market in _MARKETS:
            low = Decimal(30)
            for day in _business_days(days):
                low = max(Decimal(8), low + chance.choice((0, 0, 0, 0, Decimal("0.5"), Decimal("-0.5"), 1, -1)))
                what = (market, "Fruits", "Avocados", "HASS", "cartons 2 layer", "48s", "N", "Mexico", "", "", "")
                prices = (low, low + 2, low + Decimal("0.5"), low + Decimal("1.5"))
                writer.writerow((f"{day:%m/%d/%Y}", "2306", "Report Details", *what, *prices))


def _business_days(count: int) -> list[date]:
    days = (_today() - timedelta(days=back) for back in range(2 * count + 7))
    return sorted([day for day in days if day.isoweekday() <= 5][:count])


@contextmanager
def _service(hall: Hall) -> Iterator[_Service]:
    """Start the service; lend it."""
    state = hall.world.state
    made = program(state, "usda")
    wanted = replace(made, environment={**made.environment, "USDA_SCHEDULE": "off"})
    hall.world.launch(wanted)
    process = hall.world.processes[wanted.name]
    connection = http.client.HTTPConnection("127.0.0.1", state.ports["usda"], timeout=30)
    try:
        wait_until_answers(wanted.ready_at, process, state.logs_dir / "usda.log")
        yield _Service(connection, process.pid)
    finally:
        connection.close()
        process.terminate()
        process.wait(60)
