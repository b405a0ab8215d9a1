"""The events that this service sends, as ``events.md`` defines them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from mercadito_events.envelope import Event, new_event
from sqlalchemy import RowMapping

from usda_ingest.announcing.quotes import DayQuote, Withdrawn
from usda_ingest.storing.tally import ReportTally

SOURCE = "/mercadito/usda"
MAX_QUOTES = 500
# Below the kit's MAX_BODY_BYTES by more than the fields around the quotes can take.
MAX_QUOTES_BYTES = 240_000


def prices_recorded(quotes: Iterable[DayQuote], withdrawn: Iterable[Withdrawn] = ()) -> Iterator[Event]:
    """Yield ``usda.price.recorded.v1`` events, one report and day each, split so that every body stays small.

    Args:
        quotes: only those that changed.
        withdrawn: those that there are no more.

    """
    batch = _Batch()
    everything: list[DayQuote | Withdrawn] = [*quotes, *withdrawn]
    for news in sorted(everything, key=_order):
        if not batch.add(news):
            yield batch.event()
            batch = _Batch()
            batch.add(news)
    if batch.head is not None:
        yield batch.event()


def report_ingested(report: ReportTally, *, file: str, crawl_id: UUID) -> Event:
    """Return ``usda.report.ingested.v1`` for a report in a file that was stored; ``report_date`` is its newest day."""
    account = report.account()
    data = {
        "report_id": report.report_id,
        "market": report.market,
        "report_date": max(report.days).isoformat(),
        "first_date": min(report.days).isoformat(),
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
    return new_event("usda.report.ingested.v1", data, source=SOURCE, subject=report.report_id)


def crawl_progressed(crawl: RowMapping, state: str) -> Event:
    """Return ``usda.crawl.progressed.v1``; ``state`` is started, running or finished."""
    return _crawl_event("usda.crawl.progressed.v1", crawl, state, None)


def crawl_failed(crawl: RowMapping, reason: str) -> Event:
    """Return ``usda.crawl.failed.v1``: the crawl ended without having seen everything."""
    return _crawl_event("usda.crawl.failed.v1", crawl, "failed", reason)


@dataclass(slots=True)
class _Batch:
    """What goes into one event: of one report and day, and within the bounds of its schema and size."""

    head: tuple[str, str, date] | None = None
    quotes: list[dict[str, Any]] = field(default_factory=list)
    withdrawn: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0

    def add(self, news: DayQuote | Withdrawn) -> bool:
        """Put it in, if there is room for it here; say whether there was."""
        head, size = _head(news), news.most_bytes()
        if self.head is not None:
            is_full = len(self.quotes) + len(self.withdrawn) == MAX_QUOTES
            if head != self.head or is_full or self.size + size > MAX_QUOTES_BYTES:
                return False
        self.head = head
        self.size += size
        (self.quotes if isinstance(news, DayQuote) else self.withdrawn).append(news.body())
        return True

    def event(self) -> Event:
        """Return the event; one without withdrawn quotes does not mention any."""
        report_id, market, quoted_on = self.head or ("", "", date.min)
        data = {"report_id": report_id, "market": market, "report_date": quoted_on.isoformat(), "quotes": self.quotes}
        if self.withdrawn:
            data["withdrawn"] = self.withdrawn
        return new_event("usda.price.recorded.v1", data, source=SOURCE, subject=report_id)


def _head(news: DayQuote | Withdrawn) -> tuple[str, str, date]:
    return news.report_id, news.series.market, news.quoted_on


def _order(news: DayQuote | Withdrawn) -> tuple[str, str, date, str, str]:
    commodity = news.series.commodity if isinstance(news, DayQuote) else ""
    return news.report_id, news.series.market, news.quoted_on, commodity, news.series.series_id


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
