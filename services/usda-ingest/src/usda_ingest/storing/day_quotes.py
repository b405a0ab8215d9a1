"""A series' quote of a day: lowest low, highest high, and a reference in the middle of the mostly range or of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Result, text

from usda_ingest.announcing.announcements import DayQuote, Withdrawn
from usda_ingest.forecasting import due
from usda_ingest.reading.quote import Prices, Quote
from usda_ingest.storing import copying
from usda_ingest.storing.copier import Copier
from usda_ingest.storing.described import Series

_RANGE = "low, high, mostly_low, mostly_high"
_COPY = f"COPY staged_day_quotes (series_id, quoted_on, report_id, {_RANGE}) FROM STDIN"
_COPY_NEW = f"COPY day_quotes (series_id, quoted_on, report_id, {_RANGE}, reference, updated_at) FROM STDIN"
_WIDER = {
    "low": "least(d.low, excluded.low)",
    "high": "greatest(d.high, excluded.high)",
    "mostly_low": "least(d.mostly_low, excluded.mostly_low)",
    "mostly_high": "greatest(d.mostly_high, excluded.mostly_high)",
}
_REFERENCE = "(coalesce({mostly_low}, {low}) + coalesce({mostly_high}, {high})) / 2"
_REFERENCE_OF_RANGE = _REFERENCE.format_map({name: name for name in _WIDER})
_READ = f"d.series_id::text, d.report_id, d.quoted_on, {', '.join(f'd.{name}' for name in _WIDER)}, d.reference"
# A new row can only make a range wider, so none of the rows that stand has to be read for it.
_WIDEN = text(f"""
    INSERT INTO day_quotes AS d (series_id, quoted_on, report_id, {_RANGE}, reference, updated_at)
    SELECT series_id, quoted_on, report_id, {_RANGE}, {_REFERENCE_OF_RANGE}, now() FROM staged_day_quotes
    ON CONFLICT (series_id, quoted_on) DO UPDATE
    SET report_id = greatest(d.report_id, excluded.report_id), ({_RANGE}) = ({", ".join(_WIDER.values())}),
        reference = {_REFERENCE.format_map(_WIDER)}, updated_at = excluded.updated_at
    WHERE (d.low, d.high, d.mostly_low, d.mostly_high) IS DISTINCT FROM ({", ".join(_WIDER.values())})
    RETURNING {_READ}
""")  # noqa: S608 - constants only
_TOUCHED = "SELECT DISTINCT series_id, quoted_on FROM staged_quotes WHERE headline"
# After a correction a range may be narrower: it is made anew of all the rows that stand.
_RECOMPUTE = text(f"""
    WITH touched AS ({_TOUCHED})
    INSERT INTO day_quotes AS d (series_id, quoted_on, report_id, {_RANGE}, reference, updated_at)
    SELECT series_id, quoted_on, report_id, {_RANGE}, {_REFERENCE_OF_RANGE}, now()
    FROM (SELECT q.series_id, q.quoted_on, max(q.report_id) AS report_id, min(q.low) AS low, max(q.high) AS high,
                 min(q.mostly_low) AS mostly_low, max(q.mostly_high) AS mostly_high
          FROM touched JOIN quotes q USING (series_id, quoted_on)
          WHERE q.headline AND q.low IS NOT NULL
          GROUP BY q.series_id, q.quoted_on) ranges
    ON CONFLICT (series_id, quoted_on) DO UPDATE
    SET report_id = excluded.report_id, ({_RANGE}) = (excluded.low, excluded.high, excluded.mostly_low,
        excluded.mostly_high), reference = excluded.reference, updated_at = excluded.updated_at
    WHERE (d.low, d.high, d.mostly_low, d.mostly_high)
          IS DISTINCT FROM (excluded.low, excluded.high, excluded.mostly_low, excluded.mostly_high)
    RETURNING {_READ}
""")  # noqa: S608 - constants only
# A correction may withdraw a price ("offerings insufficient"): then the day has none any more.
_WITHDRAW = text(f"""
    DELETE FROM day_quotes d USING ({_TOUCHED}) touched
    WHERE d.series_id = touched.series_id AND d.quoted_on = touched.quoted_on
      AND NOT EXISTS (SELECT FROM quotes q WHERE q.series_id = d.series_id AND q.quoted_on = d.quoted_on
                      AND q.headline AND q.low IS NOT NULL)
    RETURNING d.series_id::text, d.report_id, d.quoted_on
""")  # noqa: S608 - constants only
# Filled and emptied within one transaction: nobody ever sees a row of them.
_STAGED = ("staged_quotes", "staged_series", "staged_day_quotes")
_LATEST = text("""
    SELECT * FROM (
        SELECT DISTINCT ON (d.series_id) d.series_id::text, d.report_id, s.market, s.commodity, s.variety, s.package,
               s.size, s.organic, d.quoted_on, d.low, d.high, d.mostly_low, d.mostly_high, d.reference
        FROM day_quotes d JOIN series s USING (series_id) ORDER BY d.series_id, d.quoted_on DESC
    ) latest ORDER BY report_id, market, quoted_on, commodity, series_id
""")


@dataclass(slots=True)
class DayRange:
    """What the new rows of a series and day say together."""

    report_id: str
    low: Decimal
    high: Decimal
    mostly_low: Decimal | None
    mostly_high: Decimal | None

    @property
    def reference(self) -> Decimal:
        """The middle of the mostly range, else of low and high."""
        low = self.low if self.mostly_low is None else self.mostly_low
        high = self.high if self.mostly_high is None else self.mostly_high
        return (low + high) / 2

    def widen(self, report_id: str, prices: Prices) -> None:
        """Add a row's prices; it has some."""
        self.report_id = max(self.report_id, report_id)
        if prices.low is not None and prices.low < self.low:
            self.low = prices.low
        if prices.high is not None and prices.high > self.high:
            self.high = prices.high
        if prices.mostly_low is not None and (self.mostly_low is None or prices.mostly_low < self.mostly_low):
            self.mostly_low = prices.mostly_low
        if prices.mostly_high is not None and (self.mostly_high is None or prices.mostly_high > self.mostly_high):
            self.mostly_high = prices.mostly_high


Found = tuple[tuple[Series, date], DayRange]
"""The range of a series and day."""


@dataclass(slots=True)
class DayRanges:
    """The ranges of all new rows of a file."""

    ranges: dict[tuple[Series, date], DayRange] = field(default_factory=dict)

    def add(self, series: Series, quote: Quote) -> None:
        """Note a new row; one with a quality flag or without a price does not count."""
        prices, report_id = quote.prices, quote.traits.report_id
        if prices.low is None or prices.high is None or not quote.is_headline:
            return
        key = (series, quote.quoted_on)
        known = self.ranges.get(key)
        if known is None:
            self.ranges[key] = DayRange(report_id, prices.low, prices.high, prices.mostly_low, prices.mostly_high)
        else:
            known.widen(report_id, prices)


@dataclass(slots=True)
class DayChanges:
    """What became of day quotes."""

    quotes: list[DayQuote] = field(default_factory=list)
    withdrawn: list[Withdrawn] = field(default_factory=list)


def change(
    connection: Connection, copier: Copier, new: DayRanges, series: dict[str, Series], *, has_corrections: bool
) -> DayChanges:
    """Bring the day quotes up to date with what was just stored, and mark whose forecast is due.

    Args:
        connection: the file's transaction; corrected rows are in ``staged_quotes``, too.
        copier: gets the day quotes of series that are new, as the last thing to be done.
        new: the ranges of rows that are new.
        series: the file's series.
        has_corrections: whether rows were corrected.

    """
    changes = DayChanges()
    if has_corrections:
        withdrawn = connection.execute(_WITHDRAW).all()
        changes.withdrawn = [Withdrawn(one, report, series[one].market, day) for one, report, day in withdrawn]
        changes.quotes += _read(connection.execute(_RECOMPUTE), series)
    changes.quotes += _widen(connection, [one for one in new.ranges.items() if one[0][0].is_known], series)
    # Where the series is new no day quote can stand.
    added = [one for one in new.ranges.items() if not one[0][0].is_known]
    changes.quotes += (_day_quote(*key, found) for key, found in added)
    touched = {quote.series_id for quote in changes.quotes} | {gone.series_id for gone in changes.withdrawn}
    due.mark(connection, touched)
    for table in _STAGED:
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - constants
    end = f"{connection.scalar(text('SELECT now()'))}\n"
    copier.copy(_COPY_NEW, [f"{_line(*key, found)}\t{found.reference}\t{end}" for key, found in added])
    return changes


def _day_quote(series: Series, quoted_on: date, found: DayRange) -> DayQuote:
    prices = (found.low, found.high, found.mostly_low, found.mostly_high, found.reference)
    return DayQuote(series.series_id, found.report_id, *series.names(), quoted_on, *prices)


def _widen(connection: Connection, ranges: Sequence[Found], series: dict[str, Series]) -> list[DayQuote]:
    if not ranges:
        return []
    copying.copy_in(connection, _COPY, "".join([f"{_line(*key, found)}\n" for key, found in ranges]))
    return _read(connection.execute(_WIDEN), series)


def latest(connection: Connection) -> Iterator[DayQuote]:
    """Yield the newest quote of every series, sorted for events."""
    return (DayQuote(*row) for row in connection.execute(_LATEST))


def _read(rows: Result[Any], series: dict[str, Series]) -> list[DayQuote]:
    found = []
    for row in rows.all():
        series_id, report_id, *rest = tuple(row)
        found.append(DayQuote(series_id, report_id, *series[series_id].names(), *rest))
    return found


def _line(series: Series, quoted_on: date, found: DayRange) -> str:
    amounts = (found.low, found.high, found.mostly_low, found.mostly_high)
    texts = [copying.NULL if amount is None else str(amount) for amount in amounts]
    return "\t".join([series.series_id, quoted_on.isoformat(), copying.field(found.report_id), *texts])
