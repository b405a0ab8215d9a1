"""From the rows of a file to the tables: copied beside, compared there, stored as new or changed in one transaction.

Rows are compared by key (everything that describes them) and value (prices and comments). Where several rows share a
key, those whose value is known are unchanged, the rest is paired with what stands under that key in the file's order,
and what finds no partner is new. So neither their order in the file nor an overlap of two files changes anything.
"""

import csv
import io
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types of its own
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from usda_ingest.reading.package_weight import net_weight
from usda_ingest.reading.quote import Quote, series_id, series_package
from usda_ingest.reading.report_file import OtherSection, Quarantined
from usda_ingest.reading.report_header import ReportDay
from usda_ingest.storing import report_days
from usda_ingest.storing.accounting import Accounting

Row = Quote | Quarantined | OtherSection

COPY_ROWS = 2_000
MAX_KEPT_QUARANTINED = 10_000
# A file of 56,000 rows takes 5 s on the small server; the role's 10 s a statement are meant for requests.
STATEMENT_TIMEOUT_S = 120

_COLUMNS = (
    "row_key, value_key, series_id, report_id, market, commodity, category, variety, package, series_package, size,"
    " organic, origin, quality, headline, unit, weight_lb, weight_source, quoted_on, low, high, mostly_low,"
    " mostly_high, single_price, comment, notes"
)
_TEXTS = "report_id, market, commodity, category, variety, package, series_package, size, origin, quality, unit"
_COPY_QUOTES = (
    f"COPY staged_quotes (line, {_COLUMNS}) FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL ({_TEXTS}, comment, notes))"
)
_COPY_QUARANTINED = (
    "COPY quarantined_rows (file_id, line, reason, raw) FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL (raw))"
)
_KNOWN = "EXISTS (SELECT FROM quotes q WHERE q.row_key = s.row_key AND q.value_key = s.value_key)"
_VALUES = "low, high, mostly_low, mostly_high, single_price, comment, notes"

_PAIR = text(f"""
    WITH incoming AS (
        SELECT s.line, s.row_key, row_number() OVER (PARTITION BY s.row_key ORDER BY s.line) AS place
        FROM staged_quotes s WHERE NOT {_KNOWN}
    ), standing AS (
        SELECT q.quote_id, q.row_key, row_number() OVER (PARTITION BY q.row_key ORDER BY q.ordinal) AS place
        FROM quotes q
        WHERE q.row_key IN (SELECT row_key FROM incoming)
          AND NOT EXISTS (SELECT FROM staged_quotes s WHERE s.row_key = q.row_key AND s.value_key = q.value_key)
    )
    UPDATE staged_quotes SET replaces = standing.quote_id
    FROM incoming JOIN standing USING (row_key, place)
    WHERE staged_quotes.line = incoming.line
""")  # noqa: S608 - constants only
_KEEP_VERSIONS = text(f"""
    INSERT INTO quote_versions (quote_id, version, value_key, {_VALUES}, file_id, stored_at, replaced_at)
    SELECT q.quote_id, q.version, q.value_key, {", ".join(f"q.{name}" for name in _VALUES.split(", "))},
           q.file_id, q.stored_at, now()
    FROM staged_quotes s JOIN quotes q ON q.quote_id = s.replaces
""")  # noqa: S608 - constants only
_CHANGE = text(f"""
    UPDATE quotes q
    SET value_key = s.value_key, ({_VALUES}) = ({", ".join(f"s.{name}" for name in _VALUES.split(", "))}),
        file_id = :file_id, stored_at = now(), version = q.version + 1
    FROM staged_quotes s WHERE q.quote_id = s.replaces
""")  # noqa: S608 - constants only
_ADD = text(f"""
    INSERT INTO quotes ({_COLUMNS}, ordinal, file_id, stored_at)
    SELECT {_COLUMNS},
        row_number() OVER (PARTITION BY s.row_key ORDER BY s.line)
            + coalesce((SELECT max(q.ordinal) FROM quotes q WHERE q.row_key = s.row_key), 0),
        :file_id, now()
    FROM staged_quotes s WHERE s.replaces IS NULL AND NOT {_KNOWN}
    ORDER BY s.line
""")  # noqa: S608 - constants only
_KNOW_SERIES = text("""
    INSERT INTO series (series_id, market, commodity, commodity_key, category, variety, package, size, organic,
                        first_on, last_on)
    SELECT DISTINCT ON (series_id) series_id, market, commodity, lower(commodity), category, variety, series_package,
           size, organic, min(quoted_on) OVER same, max(quoted_on) OVER same
    FROM staged_quotes WINDOW same AS (PARTITION BY series_id) ORDER BY series_id, line
    ON CONFLICT (series_id) DO UPDATE
    SET first_on = least(series.first_on, excluded.first_on), last_on = greatest(series.last_on, excluded.last_on),
        category = CASE WHEN series.category = '' THEN excluded.category ELSE series.category END
    WHERE excluded.first_on < series.first_on OR excluded.last_on > series.last_on
       OR (series.category = '' AND excluded.category <> '')
""")


@dataclass(slots=True)
class Tally:
    """What was read from a file so far."""

    rows_read: int = 0
    exact_doubles: int = 0
    quarantined: int = 0
    header_rows: int = 0
    staged: int = 0
    first_on: date | None = None
    last_on: date | None = None
    report_ids: set[str] = field(default_factory=set)
    markets: set[str] = field(default_factory=set)
    report_days: list[ReportDay] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)


def store_rows(connection: Connection, rows: Iterable[Row], file_id: uuid.UUID) -> tuple[Accounting, Tally]:
    """Store what the rows say, inside the caller's transaction; return the account of it.

    Raises:
        FileRefused: from ``rows``; the caller rolls back, and nothing was stored.

    """
    connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
    tally = Tally()
    for chunk in _chunks(rows):
        _copy_in(connection, chunk, tally, file_id)
    parameters = {"file_id": file_id}
    connection.execute(_PAIR)
    connection.execute(_KEEP_VERSIONS)
    changed = connection.execute(_CHANGE, parameters).rowcount
    added = connection.execute(_ADD, parameters).rowcount
    connection.execute(_KNOW_SERIES)
    report_days.store(connection, tally.report_days, file_id)
    account = Accounting(
        rows_read=tally.rows_read,
        rows_new=added,
        rows_changed=changed,
        rows_unchanged=tally.staged - added - changed,
        exact_doubles=tally.exact_doubles,
        rows_quarantined=tally.quarantined,
        header_rows=tally.header_rows,
    )
    return account, tally


def clear_staged(connection: Connection) -> None:
    """Empty the staging table, in the transaction that filled it."""
    connection.execute(text("DELETE FROM staged_quotes"))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, COPY_ROWS)):
        yield chunk


def _copy_in(connection: Connection, rows: list[Row], tally: Tally, file_id: uuid.UUID) -> None:
    quotes: list[Sequence[Any]] = []
    quarantined: list[Sequence[Any]] = []
    for row in rows:
        if isinstance(row, OtherSection):
            tally.header_rows += 1
            if row.report is not None:
                tally.report_days.append(row.report)
            continue
        tally.rows_read += 1
        if isinstance(row, Quarantined):
            tally.quarantined += 1
            if tally.quarantined <= MAX_KEPT_QUARANTINED:
                quarantined.append((file_id, row.line, row.reason, row.raw))
        elif _is_double(row, tally):
            tally.exact_doubles += 1
        else:
            _note(row, tally)
            quotes.append(_staged(row))
    _copy(connection, _COPY_QUOTES, quotes)
    _copy(connection, _COPY_QUARANTINED, quarantined)


def _is_double(quote: Quote, tally: Tally) -> bool:
    identity = (quote.row_key, quote.value_key)
    if identity in tally.seen:
        return True
    tally.seen.add(identity)
    return False


def _note(quote: Quote, tally: Tally) -> None:
    tally.staged += 1
    tally.report_ids.add(quote.traits.report_id)
    tally.markets.add(quote.traits.market)
    tally.first_on = min(tally.first_on or quote.quoted_on, quote.quoted_on)
    tally.last_on = max(tally.last_on or quote.quoted_on, quote.quoted_on)


def _staged(quote: Quote) -> Sequence[Any]:
    traits, prices = quote.traits, quote.prices
    package = series_package(traits.package, traits.unit)
    flags = ", ".join(flag for flag in (traits.appearance, traits.quality, traits.condition) if flag)
    weight = net_weight(traits.commodity, traits.package, traits.unit)
    return (
        quote.line,
        quote.row_key,
        quote.value_key,
        _series((traits.market, traits.commodity, traits.variety, package, traits.size), organic=traits.organic),
        traits.report_id,
        traits.market,
        traits.commodity,
        traits.category,
        traits.variety,
        traits.package,
        package,
        traits.size,
        traits.organic,
        traits.origin,
        flags,
        quote.is_headline,
        traits.unit,
        weight.lb if weight else None,
        weight.source if weight else None,
        quote.quoted_on,
        prices.low,
        prices.high,
        prices.mostly_low,
        prices.mostly_high,
        prices.single_price,
        quote.comment,
        "\n".join(quote.notes),
    )


@lru_cache(maxsize=20_000)
def _series(parts: tuple[str, str, str, str, str], *, organic: bool) -> uuid.UUID:
    return series_id(*parts, organic=organic)


def _copy(connection: Connection, statement: str, rows: list[Sequence[Any]]) -> None:
    if not rows:
        return
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    # COPY is psycopg2's own; SQLAlchemy has no form of it.
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, buffer)
    except psycopg2.Error as error:
        # SQLAlchemy's own kinds, as every other statement raises them
        raise DBAPIError.instance(
            statement, None, error, psycopg2.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()
