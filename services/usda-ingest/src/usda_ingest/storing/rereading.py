"""Reading a kept content anew, with the reader of today, as if it had been there when the content came.

What a later content said stands: a row of a key that it set is history here, and left alone. What this content had
stored and the reader no longer finds in it is taken back: to the version before it, or altogether.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, text

from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection
from usda_ingest.storing import day_quotes
from usda_ingest.storing.accounting import Accounting
from usda_ingest.storing.copier import Copier
from usda_ingest.storing.day_quotes import DayChanges, DayRanges
from usda_ingest.storing.described import COLUMNS, Series
from usda_ingest.storing.rows import Row as FileRow

_VALUES = "value_key, low, high, mostly_low, mostly_high, single_price, comment, notes, file_id, stored_at"
_SET_LATER = text("""
    SELECT encode(uuid_send(q.row_key), 'hex')
    FROM quotes q JOIN report_files f USING (file_id), report_files this
    WHERE this.file_id = :file_id AND q.quoted_on = ANY(:days) AND f.file_id <> this.file_id
      AND coalesce(f.stored_order > this.stored_order, f.stored_at > this.stored_at)
""")
_TOLD_LATER = text("""
    SELECT d.report_id, d.reported_on
    FROM report_days d JOIN report_files f USING (file_id), report_files this
    WHERE this.file_id = :file_id AND f.file_id <> this.file_id
      AND coalesce(f.stored_order > this.stored_order, f.stored_at > this.stored_at)
""")
_STORED = text("""
    SELECT quote_id, encode(uuid_send(row_key) || uuid_send(value_key), 'hex') AS identity
    FROM quotes WHERE file_id = :file_id
""")
_STAGE = text(f"""
    INSERT INTO staged_quotes (line, {COLUMNS})
    SELECT row_number() OVER (), {COLUMNS} FROM quotes WHERE quote_id = ANY(:gone)
""")  # noqa: S608 - constants only
# The version before, unless its value stands by now as another row of the same key.
_VERSIONS_BEFORE = text("""
    SELECT DISTINCT ON (row_key, value_key) quote_id, version FROM (
        SELECT DISTINCT ON (v.quote_id) v.quote_id, v.version, v.value_key, q.row_key
        FROM quote_versions v JOIN quotes q USING (quote_id)
        WHERE v.quote_id = ANY(:gone) ORDER BY v.quote_id, v.version DESC
    ) b
    WHERE NOT EXISTS (SELECT FROM quotes q WHERE q.row_key = b.row_key AND q.value_key = b.value_key)
    ORDER BY row_key, value_key, quote_id
""")
_THESE = "unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[])) AS these (quote_id, version)"
_RESTORE = text(f"""
    UPDATE quotes q SET ({_VALUES}, version) = ({", ".join(f"v.{name}" for name in _VALUES.split(", "))}, v.version)
    FROM quote_versions v JOIN {_THESE} USING (quote_id, version) WHERE q.quote_id = v.quote_id
""")  # noqa: S608 - constants only
_FORGET_VERSION = text(f"""
    DELETE FROM quote_versions v USING {_THESE} WHERE v.quote_id = these.quote_id AND v.version = these.version
""")  # noqa: S608 - constants only
_FORGET = (
    text("DELETE FROM quote_versions WHERE quote_id = ANY(:gone)"),
    text("DELETE FROM quotes WHERE quote_id = ANY(:gone)"),
)
_SERIES = text("""
    SELECT DISTINCT s.series_id::text, s.market, s.commodity, s.category, s.variety, s.package, s.size, s.organic
    FROM staged_quotes JOIN series s USING (series_id)
""")


@dataclass(slots=True)
class Content:
    """What the reader finds in a content, gone through once before any of it is stored."""

    identities: set[str] = field(default_factory=set)
    days: set[date] = field(default_factory=set)

    @classmethod
    def of(cls, rows: Iterable[FileRow]) -> "Content":
        """Go through the rows.

        Raises:
            FileRefused: the reader can't read it.

        """
        content = cls()
        for row in rows:
            if isinstance(row, Quote):
                content.identities.add(row.row_key + row.value_key)
                content.days.add(row.quoted_on)
        return content


@dataclass(slots=True)
class Rereading:
    """The rows of a content that still have a say."""

    superseded: set[str]
    told_later: set[tuple[str, date]]
    left_alone: int = 0

    @classmethod
    def begin(cls, connection: Connection, file_id: UUID, content: Content) -> "Rereading":
        """Find out what later contents have set."""
        values = {"file_id": file_id, "days": sorted(content.days)}
        told_later = {(report, day) for report, day in connection.execute(_TOLD_LATER, {"file_id": file_id})}
        return cls(set(connection.scalars(_SET_LATER, values)), told_later)

    def account(self, stored: Accounting) -> Accounting:
        """Return the account of the whole content: what was left alone is unchanged."""
        alone = self.left_alone
        return replace(stored, rows_read=stored.rows_read + alone, rows_unchanged=stored.rows_unchanged + alone)

    def rows(self, rows: Iterable[FileRow]) -> Iterator[FileRow]:
        """Yield the rows save those of keys that a later content set; these are counted."""
        for row in rows:
            if isinstance(row, Quote) and row.row_key in self.superseded:
                self.left_alone += 1
            elif isinstance(row, OtherSection) and self._is_told_later(row):
                yield replace(row, report=None)
            else:
                yield row

    def _is_told_later(self, row: OtherSection) -> bool:
        return row.report is not None and (row.report.report_id, row.report.reported_on) in self.told_later


def take_back(connection: Connection, copier: Copier, file_id: UUID, content: Content) -> DayChanges:
    """Take back what the content had stored and no longer says; call it once its rows are stored."""
    stored = connection.execute(_STORED, {"file_id": file_id})
    gone = [row.quote_id for row in stored if row.identity not in content.identities]
    if not gone:
        return DayChanges()
    connection.execute(_STAGE, {"gone": gone})
    before = connection.execute(_VERSIONS_BEFORE, {"gone": gone}).all()
    these = {"ids": [row.quote_id for row in before], "versions": [row.version for row in before]}
    connection.execute(_RESTORE, these)
    connection.execute(_FORGET_VERSION, these)
    restored = set(these["ids"])
    for statement in _FORGET:
        connection.execute(statement, {"gone": [quote_id for quote_id in gone if quote_id not in restored]})
    series = {row.series_id: Series(*row) for row in connection.execute(_SERIES)}
    return day_quotes.change(connection, copier, DayRanges(), series, has_corrections=True)


def merged(earlier: DayChanges, later: DayChanges) -> DayChanges:
    """Return both as one change; of a series and day the later word counts."""
    said = {(quote.series.series_id, quote.quoted_on) for quote in later.quotes}
    said |= {(gone.series.series_id, gone.quoted_on) for gone in later.withdrawn}
    return DayChanges(
        [quote for quote in earlier.quotes if (quote.series.series_id, quote.quoted_on) not in said] + later.quotes,
        [gone for gone in earlier.withdrawn if (gone.series.series_id, gone.quoted_on) not in said] + later.withdrawn,
    )
