"""What the USDA service said: the latest quote of each series, and how its crawls went."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, text

from orders.application.ports import CrawlSeen, Quote, WithdrawnQuote
from orders.application.trends import Forecast

_COLUMNS = (
    "series_id, market, report_id, commodity, variety, package, size, organic, quoted_on, low, high, mostly_low,"
    " mostly_high, reference"
)
_RECORD = text(
    f"INSERT INTO series_quotes ({_COLUMNS}) VALUES (CAST(:series_id AS uuid), :market, :report_id, :commodity,"
    " :variety, :package, :size, :organic, :quoted_on, :low, :high, :mostly_low, :mostly_high, :reference)"
    " ON CONFLICT (series_id) DO UPDATE SET market = excluded.market, report_id = excluded.report_id,"
    " quoted_on = excluded.quoted_on, low = excluded.low, high = excluded.high, mostly_low = excluded.mostly_low,"
    " mostly_high = excluded.mostly_high, reference = excluded.reference, recorded_at = clock_timestamp()"
    " WHERE series_quotes.quoted_on <= excluded.quoted_on"
)
# One statement for a whole event: the first crawl brings tens of thousands of days.
_RECORD_DAYS = text(
    "INSERT INTO series_days (series_id, quoted_on, low, high, reference)"
    # Of a day that one event tells twice, the later word counts.
    " SELECT DISTINCT ON (series_id, quoted_on) series_id, quoted_on, low, high, reference"
    " FROM unnest(CAST(:series AS uuid[]), CAST(:days AS date[]),"
    " CAST(:lows AS numeric[]), CAST(:highs AS numeric[]), CAST(:references AS numeric[]))"
    " WITH ORDINALITY AS day (series_id, quoted_on, low, high, reference, place)"
    " ORDER BY series_id, quoted_on, place DESC"
    " ON CONFLICT (series_id, quoted_on) DO UPDATE SET low = excluded.low, high = excluded.high,"
    " reference = excluded.reference"
)
_TAKEN_BACK = "unnest(CAST(:series AS uuid[]), CAST(:days AS date[])) AS taken (series_id, quoted_on)"
# In this order: days, then the latest quotes that stood on them, then forecasts that were made from them (a later one
# would be older by its day, and be ignored).
_FORGET = (
    text(
        f"DELETE FROM series_days USING {_TAKEN_BACK}"
        " WHERE series_days.series_id = taken.series_id AND series_days.quoted_on = taken.quoted_on"
    ),
    text(
        "UPDATE series_quotes SET quoted_on = day.quoted_on, low = day.low, high = day.high, reference = day.reference,"
        " mostly_low = NULL, mostly_high = NULL, recorded_at = clock_timestamp()"
        f" FROM {_TAKEN_BACK} JOIN LATERAL (SELECT * FROM series_days WHERE series_days.series_id = taken.series_id"
        " ORDER BY quoted_on DESC LIMIT 1) AS day ON TRUE"
        " WHERE series_quotes.series_id = taken.series_id AND series_quotes.quoted_on = taken.quoted_on"
    ),
    text(
        f"DELETE FROM series_quotes USING {_TAKEN_BACK}"
        " WHERE series_quotes.series_id = taken.series_id AND series_quotes.quoted_on = taken.quoted_on"
    ),
    text(
        f"DELETE FROM series_forecasts USING {_TAKEN_BACK}"
        " WHERE series_forecasts.series_id = taken.series_id AND series_forecasts.as_of >= taken.quoted_on"
    ),
)
_RECORD_FORECASTS = text(
    "INSERT INTO series_forecasts (series_id, as_of, trend_pct_week, method, points, coverage)"
    " SELECT DISTINCT ON (series_id) series_id, as_of, trend_pct_week, method, points, coverage"
    " FROM jsonb_to_recordset(CAST(:forecasts AS jsonb)) AS told (series_id uuid, as_of date, trend_pct_week numeric,"
    " method text, points jsonb, coverage numeric, place integer) ORDER BY series_id, as_of DESC, place DESC"
    " ON CONFLICT (series_id) DO UPDATE SET as_of = excluded.as_of, trend_pct_week = excluded.trend_pct_week,"
    " method = excluded.method, points = excluded.points, coverage = excluded.coverage, recorded_at = clock_timestamp()"
    " WHERE series_forecasts.as_of <= excluded.as_of"
)
_CRAWL = text(
    "INSERT INTO market_feed (source, crawl_id, state, at, failed_at)"
    " VALUES (:source, :crawl_id, :state, :at, CASE WHEN :state = 'failed' THEN :at END)"
    " ON CONFLICT (source) DO UPDATE SET crawl_id = excluded.crawl_id, state = excluded.state, at = excluded.at,"
    # While the next crawl runs, it is still true that the last one failed.
    " failed_at = CASE WHEN excluded.state IN ('failed', 'finished') THEN excluded.failed_at"
    " ELSE market_feed.failed_at END"
    " WHERE market_feed.at <= excluded.at"
)
_FINISHED = text(
    "SELECT source, crawl_id, state, at FROM market_feed WHERE state = 'finished' ORDER BY at DESC LIMIT 1"
)
_LATEST = text(
    f"SELECT {_COLUMNS} FROM series_quotes WHERE position(lower(:market) in lower(market)) > 0 ORDER BY series_id"
)


class SqlMarket:
    """`Market` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, quotes: Sequence[Quote]) -> int:
        """Keep each quote unless a later day's is known; see the port."""
        # In the order of the key, so that two consumers can't lock each other out.
        ordered = sorted(quotes, key=lambda quote: quote.series_id)
        self._record_days(ordered)
        return sum(self._connection.execute(_RECORD, asdict(quote)).rowcount for quote in ordered)

    def _record_days(self, quotes: Sequence[Quote]) -> None:
        self._connection.execute(
            _RECORD_DAYS,
            {
                "series": [quote.series_id for quote in quotes],
                "days": [quote.quoted_on for quote in quotes],
                "lows": [quote.low for quote in quotes],
                "highs": [quote.high for quote in quotes],
                "references": [quote.reference for quote in quotes],
            },
        )

    def forget(self, withdrawn: Sequence[WithdrawnQuote]) -> None:
        """Forget days that a correction took back; see the port."""
        if not withdrawn:
            return
        taken = {"series": [one.series_id for one in withdrawn], "days": [one.quoted_on for one in withdrawn]}
        for statement in _FORGET:
            self._connection.execute(statement, taken)

    def record_forecasts(self, forecasts: Sequence[Forecast]) -> None:
        """Keep each forecast unless a later one is known."""
        told = [{**_stored(forecast), "place": place} for place, forecast in enumerate(forecasts)]
        self._connection.execute(_RECORD_FORECASTS, {"forecasts": json.dumps(told)})

    def crawl_seen(self, crawl: CrawlSeen) -> None:
        """Note how a crawl went, unless something later is known."""
        self._connection.execute(_CRAWL, asdict(crawl))

    def finished_crawl(self) -> CrawlSeen | None:
        """Return the last crawl that finished."""
        row = self._connection.execute(_FINISHED).one_or_none()
        return None if row is None else CrawlSeen(row.source, row.crawl_id, row.state, row.at)

    def latest(self, market_contains: str) -> Sequence[Quote]:
        """Return the latest quote of every series of the markets whose name contains the text."""
        rows = self._connection.execute(_LATEST, {"market": market_contains}).mappings()
        return [Quote(**{**row, "series_id": str(row["series_id"])}) for row in rows]


def _stored(forecast: Forecast) -> dict[str, Any]:
    points = [
        {"date": point.on.isoformat(), "value": str(point.value), "low": str(point.low), "high": str(point.high)}
        for point in forecast.points
    ]
    return {
        "series_id": forecast.series_id,
        "as_of": forecast.as_of.isoformat(),
        "trend_pct_week": None if forecast.trend_pct_week is None else str(forecast.trend_pct_week),
        "method": forecast.method,
        "points": points,
        "coverage": None if forecast.coverage is None else str(forecast.coverage),
    }
