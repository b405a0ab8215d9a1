"""The day quotes: what each series' rows of a day say together, kept up to date with the rows that are stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Result, text

from usda_ingest.announcing.quotes import DayQuote, SeriesNames, Withdrawn
from usda_ingest.forecasting import due
from usda_ingest.storing import copying
from usda_ingest.storing.copier import Copier
from usda_ingest.storing.day_prices import DayPrices
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
_READ = f"d.series_id::text, d.report_id, d.quoted_on, {', '.join(f'd.{name}' for name in _WIDER)}"
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
        SELECT DISTINCT ON (d.series_id) d.report_id, d.quoted_on, d.low, d.high, d.mostly_low, d.mostly_high,
               d.series_id::text, s.market, s.commodity, s.variety, s.package, s.size, s.organic
        FROM day_quotes d JOIN series s USING (series_id) ORDER BY d.series_id, d.quoted_on DESC
    ) latest ORDER BY report_id, market, quoted_on, commodity, series_id
""")


Day = tuple[Series, date]
Found = tuple[Day, tuple[str, DayPrices]]
"""What the new rows of a series and day say together, and the report that says it."""


@dataclass(slots=True)
class DayRanges:
    """The ranges of all new rows of a file."""

    ranges: dict[Day, tuple[str, DayPrices]] = field(default_factory=dict)

    def add(self, series: Series, quoted_on: date, report_id: str, prices: DayPrices) -> None:
        """Note a new row that has a price and no quality flag."""
        day = (series, quoted_on)
        known = self.ranges.get(day)
        if known is None:
            self.ranges[day] = (report_id, prices)
        else:
            self.ranges[day] = (max(known[0], report_id), known[1].widened(prices))


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
        changes.withdrawn = [Withdrawn(series[one].names(), report, day) for one, report, day in withdrawn]
        changes.quotes += _read(connection.execute(_RECOMPUTE), series)
    changes.quotes += _widen(connection, [one for one in new.ranges.items() if one[0][0].is_known], series)
    touched = {quote.series.series_id for quote in changes.quotes}
    touched.update(gone.series.series_id for gone in changes.withdrawn)
    # Where the series is new no day quote can stand.
    added = [one for one in new.ranges.items() if not one[0][0].is_known]
    touched.update(its_series.series_id for (its_series, _day), _said in added)
    due.mark(connection, touched)
    for table in _STAGED:
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - constants
    end = f"{connection.scalar(text('SELECT now()'))}\n"
    copier.copy(_COPY_NEW, (f"{_line(one)}\t{one[1][1].reference}\t{end}" for one in added))
    changes.quotes += (
        DayQuote(its_series.names(), report_id, day, prices) for (its_series, day), (report_id, prices) in added
    )
    return changes


def _widen(connection: Connection, ranges: Sequence[Found], series: dict[str, Series]) -> list[DayQuote]:
    if not ranges:
        return []
    copying.copy_in(connection, _COPY, "".join([f"{_line(one)}\n" for one in ranges]))
    return _read(connection.execute(_WIDEN), series)


def latest(connection: Connection) -> Iterator[DayQuote]:
    """Yield the newest quote of every series, sorted for events."""
    for report_id, quoted_on, low, high, mostly_low, mostly_high, *names in connection.execute(_LATEST):
        yield DayQuote(SeriesNames(*names), report_id, quoted_on, DayPrices(low, high, mostly_low, mostly_high))


def _read(rows: Result[Any], series: dict[str, Series]) -> list[DayQuote]:
    found = []
    for row in rows.all():
        series_id, report_id, quoted_on, *prices = tuple(row)
        found.append(DayQuote(series[series_id].names(), report_id, quoted_on, DayPrices(*prices)))
    return found


def _line(found: Found) -> str:
    (series, quoted_on), (report_id, prices) = found
    return f"{series.series_id}\t{quoted_on.isoformat()}\t{copying.field(report_id)}\t{prices.columns}"
