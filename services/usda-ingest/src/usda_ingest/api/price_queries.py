"""What the price API asks the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from usda_ingest.reading.values import fold

_QUOTE_COLUMNS = (
    "quote_id, series_id, report_id, market, commodity, variety, package, size, organic, origin, quality, quoted_on,"
    " low, high, mostly_low, mostly_high, single_price, unit, weight_lb, weight_source, comment"
)
_ORDER = "ORDER BY quoted_on DESC, quote_id DESC"
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

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """Return SQL conditions with their parameters."""
        conditions: list[str] = []
        values: dict[str, Any] = {}
        for name in ("commodity", "variety", "package"):
            wanted = getattr(self, name)
            if wanted is not None:
                conditions.append(f"lower({name}) = :{name}")
                values[name] = fold(wanted)
        for name, condition in _OTHER_CONDITIONS.items():
            if getattr(self, name) is not None:
                conditions.append(condition)
                values[name] = getattr(self, name)
        return conditions, values


_OTHER_CONDITIONS = {
    "series_id": "series_id = :series_id",
    "first_on": "quoted_on >= :first_on",
    "last_on": "quoted_on <= :last_on",
}


def quotes(
    connection: Connection, wanted: PriceFilter, *, after: Sequence[Any] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return rows, newest day first; one more than ``limit`` if there are more."""
    where, values = _where(wanted, after)
    statement = f"SELECT {_QUOTE_COLUMNS} FROM quotes {where} {_ORDER} LIMIT :limit"  # noqa: S608 - constants
    return connection.execute(text(statement), {**values, "limit": limit + 1}).all()


def last_of(connection: Connection, wanted: PriceFilter, *, after: Sequence[Any] | None, rows: int) -> Row[Any] | None:
    """Return the last of so many rows, if there are more of them; only what they are ordered by."""
    where, values = _where(wanted, after)
    statement = f"SELECT quoted_on, quote_id FROM quotes {where} {_ORDER} OFFSET :offset LIMIT 2"  # noqa: S608 - constants
    found = connection.execute(text(statement), {**values, "offset": rows - 1}).all()
    return found[0] if len(found) > 1 else None


def _where(wanted: PriceFilter, after: Sequence[Any] | None) -> tuple[str, dict[str, Any]]:
    conditions, values = wanted.conditions()
    if after is not None:
        conditions.append("(quoted_on, quote_id) < (:after_on, :after_id)")
        values |= {"after_on": after[0], "after_id": after[1]}
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


def commodities(connection: Connection, *, keys: Sequence[str] | None, after: str, limit: int) -> Sequence[Row[Any]]:
    """Return commodities by name, only the given ones if any are given; one more than ``limit`` if there are more."""
    return connection.execute(_COMMODITIES, {"keys": keys, "after": after, "limit": limit + 1}).all()
