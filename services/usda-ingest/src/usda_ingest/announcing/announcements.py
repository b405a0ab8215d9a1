"""The events that this service sends, as ``events.md`` defines them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from mercadito_events.envelope import Event, new_event
from sqlalchemy import RowMapping

from usda_ingest.storing.files import Finding

SOURCE = "/mercadito/usda"
MAX_QUOTES = 500
# Below the kit's MAX_BODY_BYTES by more than the fields around the quotes can take.
MAX_QUOTES_BYTES = 240_000
MIN_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class DayQuote:
    """A series' quote of one day, as others get it."""

    series_id: str
    report_id: str
    market: str
    commodity: str
    variety: str
    package: str
    size: str
    organic: bool
    quoted_on: date
    low: Decimal
    high: Decimal
    mostly_low: Decimal | None
    mostly_high: Decimal | None
    reference: Decimal

    def body(self) -> dict[str, Any]:
        """Return the JSON form; prices are decimal strings."""
        return {
            "series_id": self.series_id,
            "commodity": self.commodity,
            "variety": self.variety,
            "package": self.package,
            "size": self.size,
            "organic": self.organic,
            "date": self.quoted_on.isoformat(),
            "low": decimal_text(self.low),
            "high": decimal_text(self.high),
            "mostly_low": decimal_text(self.mostly_low),
            "mostly_high": decimal_text(self.mostly_high),
            "reference": decimal_text(self.reference),
        }


def decimal_text(number: Decimal | None) -> str | None:
    """Return the exact number with at least two decimals and no needless zeros beyond them."""
    if number is None:
        return None
    exponent = number.normalize().as_tuple().exponent
    decimals = max(MIN_DECIMALS, -exponent if isinstance(exponent, int) else 0)
    return f"{number:.{decimals}f}"


def prices_recorded(quotes: Iterable[DayQuote]) -> Iterator[Event]:
    """Yield ``usda.price.recorded.v1`` events, one report and day each, split so that every body stays small.

    Args:
        quotes: sorted by report, market and day; only those that changed.

    """
    batch: list[dict[str, Any]] = []
    head: tuple[str, str, date] | None = None
    size = 0
    for quote in quotes:
        body = quote.body()
        length = len(json.dumps(body, ensure_ascii=False).encode()) + 1
        key = (quote.report_id, quote.market, quote.quoted_on)
        if head is not None and (key != head or len(batch) == MAX_QUOTES or size + length > MAX_QUOTES_BYTES):
            yield _price_event(head, batch)
            batch, size = [], 0
        head = key
        batch.append(body)
        size += length
    if head is not None:
        yield _price_event(head, batch)


def report_ingested(finding: Finding, *, file: str, crawl_id: UUID) -> Event:
    """Return ``usda.report.ingested.v1`` for a file of which rows were stored; ``report_date`` is its newest day."""
    account = finding.account
    data = {
        "report_id": finding.report_id,
        "market": finding.market,
        "report_date": finding.last_on.isoformat() if finding.last_on else None,
        "first_date": finding.first_on.isoformat() if finding.first_on else None,
        "file": file,
        "crawl_id": str(crawl_id),
        "rows": {
            "read": account.rows_read,
            "new": account.rows_new,
            "changed": account.rows_changed,
            "unchanged": account.rows_unchanged,
            "exact_doubles": account.exact_doubles,
            "quarantined": account.rows_quarantined,
            "header_rows": account.header_rows,
        },
    }
    return new_event("usda.report.ingested.v1", data, source=SOURCE, subject=finding.report_id)


def crawl_progressed(crawl: RowMapping, state: str) -> Event:
    """Return ``usda.crawl.progressed.v1``; ``state`` is started, running or finished."""
    return _crawl_event("usda.crawl.progressed.v1", crawl, state, None)


def crawl_failed(crawl: RowMapping, reason: str) -> Event:
    """Return ``usda.crawl.failed.v1``: the crawl ended without having seen everything."""
    return _crawl_event("usda.crawl.failed.v1", crawl, "failed", reason)


def _price_event(head: tuple[str, str, date], batch: list[dict[str, Any]]) -> Event:
    report_id, market, quoted_on = head
    data = {"report_id": report_id, "market": market, "report_date": quoted_on.isoformat(), "quotes": batch}
    return new_event("usda.price.recorded.v1", data, source=SOURCE, subject=report_id)


def _crawl_event(type_: str, crawl: RowMapping, state: str, reason: str | None) -> Event:
    data = {
        "crawl_id": str(crawl["crawl_id"]),
        "source": crawl["source"],
        "state": state,
        "files": crawl["files"],
        "files_total": crawl["files_total"],
        "rows": crawl["rows_read"],
        "problems": crawl["problems"],
        "reason": reason,
    }
    return new_event(type_, data, source=SOURCE, subject=str(crawl["crawl_id"]))
