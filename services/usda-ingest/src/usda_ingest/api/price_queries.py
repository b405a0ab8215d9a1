"""What the price API asks the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from usda_ingest.reading.values import fold

_COLUMNS = (
    "quote_id, series_id, report_id, market, commodity, variety, package, size, organic, origin, quality, quoted_on,"
    " low, high, mostly_low, mostly_high, single_price, unit, weight_lb, weight_source, comment"
)
_ORDER = "ORDER BY quoted_on DESC, quote_id DESC"
# Where the goods are named, the newest rows of each of their series, by its index; the series' own days say which of
# them need not be looked at. So `quotes` needs no index by name, which every row stored would have to pay for.
_OF_SERIES = """
    FROM series s CROSS JOIN LATERAL (
        SELECT * FROM quotes q WHERE q.series_id = s.series_id {rows} ORDER BY q.quoted_on DESC, q.quote_id DESC
        LIMIT :most
    ) q WHERE {series}
"""
_COMMODITIES = text("""
    SELECT commodity_key, (array_agg(commodity ORDER BY last_on DESC, commodity))[1] AS name,
           max(category) AS category, count(*) AS series, max(last_on) AS last_on
    FROM series
    WHERE commodity_key > :after AND (CAST(:keys AS text[]) IS NULL OR commodity_key = ANY (CAST(:keys AS text[])))
    GROUP BY commodity_key ORDER BY commodity_key LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class PriceFilter:
    """What rows are wanted; texts match whole, whatever their case and spacing."""

    commodity: str | None = None
    variety: str | None = None
    package: str | None = None
    series_id: uuid.UUID | None = None
    first_on: date | None = None
    last_on: date | None = None

    def names_goods(self) -> bool:
        """Say whether rows of certain series are wanted, rather than of days."""
        return any(value is not None for value in (self.commodity, self.variety, self.package, self.series_id))


def quotes(
    connection: Connection, wanted: PriceFilter, *, after: Sequence[Any] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return rows, newest day first; one more than ``limit`` if there are more."""
    source, values = _source(wanted, after)
    columns = ", ".join(f"q.{name}" for name in _COLUMNS.split(", "))
    statement = f"SELECT {columns} {source} {_ORDER} LIMIT :most"
    return connection.execute(text(statement), {**values, "most": limit + 1}).all()


def last_of(connection: Connection, wanted: PriceFilter, *, after: Sequence[Any] | None, rows: int) -> Row[Any] | None:
    """Return the last of so many rows, if there are more of them; only what they are ordered by."""
    source, values = _source(wanted, after)
    statement = f"SELECT q.quoted_on, q.quote_id {source} {_ORDER} OFFSET :offset LIMIT 2"
    found = connection.execute(text(statement), {**values, "most": rows + 1, "offset": rows - 1}).all()
    return found[0] if len(found) > 1 else None


def _source(wanted: PriceFilter, after: Sequence[Any] | None) -> tuple[str, dict[str, Any]]:
    """Return where rows come from, with the values for it."""
    values: dict[str, Any] = {name: value for name in _CONDITIONS if (value := getattr(wanted, name, None)) is not None}
    values |= {name: fold(values[name]) for name in _NAMES if name in values}
    if after is not None:
        values |= {"after_on": after[0], "after_id": after[1]}
    found = [_CONDITIONS[name] for name in values if name in _CONDITIONS]
    rows = [row for row, _ in found if row]
    if not wanted.names_goods():
        return f"FROM quotes q {'WHERE' if rows else ''} {' AND '.join(rows)}", values
    series = [of_series for _, of_series in found if of_series]
    return _OF_SERIES.format(rows="".join(f" AND {row}" for row in rows), series=" AND ".join(series)), values


_NAMES = ("commodity", "variety", "package")
# What is asked of a row, and what it says of the series that can have such rows.
_CONDITIONS = {
    "commodity": ("", "s.commodity_key = :commodity"),
    "variety": ("", "lower(s.variety) = :variety"),
    "package": ("lower(q.package) = :package", "starts_with(lower(s.package), :package)"),
    "series_id": ("", "s.series_id = :series_id"),
    "first_on": ("q.quoted_on >= :first_on", "s.last_on >= :first_on"),
    "last_on": ("q.quoted_on <= :last_on", "s.first_on <= :last_on"),
    "after_on": ("(q.quoted_on, q.quote_id) < (:after_on, :after_id)", "s.first_on <= :after_on"),
}


def commodities(connection: Connection, *, keys: Sequence[str] | None, after: str, limit: int) -> Sequence[Row[Any]]:
    """Return commodities by name, only the given ones if any are given; one more than ``limit`` if there are more."""
    return connection.execute(_COMMODITIES, {"keys": keys, "after": after, "limit": limit + 1}).all()
