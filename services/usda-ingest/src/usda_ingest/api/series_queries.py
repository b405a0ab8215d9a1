"""What the series endpoints ask the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from usda_ingest.api.search import Kind
from usda_ingest.reading.values import fold

MAX_POINTS = 2_000
MAX_MARKETS = 50
MAX_MARKET_POINTS = 260
"""A year of market days."""

_AMOUNTS = ("low", "high", "mostly_low", "mostly_high", "reference")


def _exact(name: str) -> str:
    """Return SQL for an amount as ``decimal_text`` writes it: 1,300 points of five take milliseconds in Python."""
    return f"CAST(round({name}, greatest(2, min_scale({name}))) AS text) AS {name}"


_ORDER = "commodity_key, market, variety, package, size, organic, series_id"
_AFTER = f"({_ORDER}) > (SELECT {_ORDER} FROM series WHERE series_id = :after)"  # noqa: S608 - constants only
_LIST = """
    WITH page AS (SELECT * FROM series {where} ORDER BY {order} LIMIT :limit)
    SELECT page.*, newest.quoted_on, newest.low, newest.high, newest.reference, before.reference AS reference_before,
           (SELECT count(*) FROM day_quotes d WHERE d.series_id = page.series_id) AS quotes
    FROM page
    LEFT JOIN LATERAL (
        SELECT * FROM day_quotes d WHERE d.series_id = page.series_id ORDER BY d.quoted_on DESC LIMIT 1
    ) newest ON true
    LEFT JOIN LATERAL (
        SELECT d.reference FROM day_quotes d
        WHERE d.series_id = page.series_id AND d.quoted_on BETWEEN newest.quoted_on - 14 AND newest.quoted_on - 5
        ORDER BY d.quoted_on DESC LIMIT 1
    ) before ON true
    ORDER BY {page_order}
"""
_SERIES = text("""
    SELECT s.*, told.unit, told.weight_lb, told.weight_source
    FROM series s LEFT JOIN LATERAL (
        SELECT q.unit, q.weight_lb, q.weight_source FROM quotes q
        WHERE q.series_id = s.series_id ORDER BY q.quoted_on DESC, q.quote_id DESC LIMIT 1
    ) told ON true
    WHERE s.series_id = :series_id
""")
_POINTS = text(f"""
    SELECT quoted_on, report_id, {", ".join(_exact(name) for name in _AMOUNTS)} FROM (
        SELECT * FROM day_quotes WHERE series_id = :series_id ORDER BY quoted_on DESC LIMIT :limit
    ) newest ORDER BY quoted_on
""")  # noqa: S608 - constants only
_REPORT = text("""
    SELECT d.report_id, d.reported_on, d.title, d.published, d.narrative, f.url
    FROM report_days d LEFT JOIN report_files f USING (file_id)
    WHERE d.report_id = :report_id AND d.reported_on = :day
""")
_MARKETS = text(f"""
    WITH same AS (
        SELECT s.series_id, s.market FROM series s JOIN series this
            ON s.commodity_key = this.commodity_key AND lower(s.variety) = lower(this.variety)
            AND lower(s.package) = lower(this.package) AND lower(s.size) = lower(this.size) AND s.organic = this.organic
        WHERE this.series_id = :series_id
        ORDER BY s.series_id = this.series_id DESC, lower(s.market), s.series_id LIMIT :markets
    )
    SELECT same.series_id, same.market, point.quoted_on, {_exact("low")}, {_exact("high")}, {_exact("reference")}
    FROM same LEFT JOIN LATERAL (
        SELECT * FROM day_quotes d WHERE d.series_id = same.series_id ORDER BY d.quoted_on DESC LIMIT :points
    ) point ON true
    ORDER BY lower(same.market), same.series_id, point.quoted_on
""")  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """What series are wanted; texts match whole, whatever their case and spacing."""

    commodity: str | None = None
    market: str | None = None
    variety: str | None = None
    package: str | None = None
    organic: bool | None = None

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """Return SQL conditions with their parameters."""
        conditions: list[str] = []
        values: dict[str, Any] = {}
        for name, column in _TEXTS.items():
            wanted = getattr(self, name)
            if wanted:
                conditions.append(f"{column} = :{name}")
                values[name] = fold(wanted)
        if self.organic is not None:
            conditions.append("organic = :organic")
            values["organic"] = self.organic
        return conditions, values


_TEXTS = {
    "commodity": "commodity_key",
    "market": "lower(market)",
    "variety": "lower(variety)",
    "package": "lower(package)",
}


def listed(
    connection: Connection,
    wanted: SeriesFilter,
    *,
    kinds: Sequence[Kind] | None,
    after: uuid.UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return series with their newest quote, in a fixed order; one more than ``limit`` if there are more.

    Args:
        connection: to the service's database.
        wanted: what they must be.
        kinds: the commodities and varieties that they must be of, if it matters.
        after: the last one of the page before.
        limit: how many.

    """
    conditions, values = wanted.conditions()
    if kinds is not None:
        conditions.append(
            "(commodity_key, lower(variety))"
            " IN (SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:varieties AS text[])))"
        )
        values |= {"keys": [key for key, _ in kinds], "varieties": [variety for _, variety in kinds]}
    if after is not None:
        conditions.append(_AFTER)
        values["after"] = after
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    page_order = ", ".join(f"page.{name}" for name in _ORDER.split(", "))
    statement = text(_LIST.format(where=where, order=_ORDER, page_order=page_order))
    return connection.execute(statement, {**values, "limit": limit + 1}).all()


def one(connection: Connection, series_id: uuid.UUID) -> Row[Any] | None:
    """Return the series' own row, with unit and weight as its newest quote has them."""
    return connection.execute(_SERIES, {"series_id": series_id}).one_or_none()


def points(connection: Connection, series_id: uuid.UUID) -> Sequence[Row[Any]]:
    """Return the newest day quotes of a series, oldest first."""
    return connection.execute(_POINTS, {"series_id": series_id, "limit": MAX_POINTS}).all()


def markets(connection: Connection, series_id: uuid.UUID) -> Sequence[Row[Any]]:
    """Return the newest points of the series with the same other parts, market by market, oldest first."""
    values = {"series_id": series_id, "markets": MAX_MARKETS, "points": MAX_MARKET_POINTS}
    return connection.execute(_MARKETS, values).all()


def report(connection: Connection, newest: Row[Any]) -> Row[Any] | None:
    """Return what the report of a point tells of its day in words, if it has any."""
    return connection.execute(_REPORT, {"report_id": newest.report_id, "day": newest.quoted_on}).one_or_none()
