"""Market reports that a test makes up and has served as the USDA would, and the visits that fetch them."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.system import MARKET_DAY

COLUMNS = (
    *("report_date", "slug_id", "_section", "published_date", "market_location_city", "category", "commodity"),
    *("variety", "package", "item_size", "organic", "origin", "appearance", "quality", "condition"),
    *("low_price", "high_price", "mostly_low_price", "mostly_high_price", "reporter_comment"),
)
MARKET = "Los Angeles"
REPORT = "9901"
TODAY = date.fromisoformat(MARKET_DAY)
SATURDAY = 5
CRAWL_WITHIN_S = 90


@dataclass(frozen=True)
class Row:
    """One row of a report; a price is what the file has between its commas."""

    commodity: str
    on: date
    low: str
    high: str
    size: str = "48s"
    comment: str = ""

    def fields(self) -> dict[str, str]:
        """Return what the file has in its columns."""
        return {
            "report_date": self.on.strftime("%m/%d/%Y"),
            "slug_id": REPORT,
            "_section": "Report Details",
            "published_date": self.on.strftime("%m/%d/%Y 13:30:00"),
            "market_location_city": MARKET,
            "category": "Fruits",
            "commodity": self.commodity,
            "variety": "MADE UP",
            "package": "cartons 2 layer",
            "item_size": self.size,
            "organic": "N",
            "origin": "Mexico",
            "low_price": self.low,
            "high_price": self.high,
            "reporter_comment": self.comment,
        }


def report(rows: Sequence[Row]) -> str:
    """Return the CSV text of a report with these rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.fields() for row in rows)
    return text.getvalue()


def market_days(count: int) -> list[date]:
    """Return the last so many Mondays to Fridays, today's last."""
    days = (TODAY - timedelta(days=back) for back in range(count * 2 + 7))
    return sorted(day for day in days if day.weekday() < SATURDAY)[-count:]


@contextmanager
def served(folder: Path, **texts: str) -> Iterator[None]:
    """Have files served while the block runs, by name without ``.csv``."""
    paths = {folder / f"{name}.csv": text for name, text in texts.items()}
    for path, text in paths.items():
        path.write_text(text)
    try:
        yield
    finally:
        for path in paths:
            path.unlink()


def newest_crawl(staff: Client) -> dict[str, Any]:
    """Return the crawl that was asked for last."""
    found: dict[str, Any] = staff.get("/api/v1/prices/crawls?limit=1")["items"][0]
    return found


def start_crawl(staff: Client) -> str:
    """Ask for a crawl, as soon as none runs; return its id."""

    def accepted() -> str | None:
        answer = staff.http.post("/api/v1/prices/crawls")
        assert answer.status_code in (202, 409, 503), answer.text
        return str(answer.json()["crawl_id"]) if answer.status_code == 202 else None

    return str(eventually(accepted, within_s=CRAWL_WITHIN_S, what="a crawl may start"))


def ended(staff: Client, crawl_id: str) -> dict[str, Any]:
    """Wait until the crawl has ended; return it."""

    def over() -> dict[str, Any] | None:
        crawl: dict[str, Any] = staff.get(f"/api/v1/prices/crawls/{crawl_id}")
        return crawl if crawl["finished_at"] else None

    crawl = eventually(over, within_s=CRAWL_WITHIN_S, what="the crawl ends")
    assert crawl is not None
    return crawl


def crawled(staff: Client) -> dict[str, Any]:
    """Crawl once; return the crawl, which must have seen everything."""
    crawl = ended(staff, start_crawl(staff))
    assert crawl["state"] == "finished", crawl
    return crawl
