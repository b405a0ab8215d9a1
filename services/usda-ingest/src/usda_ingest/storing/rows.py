"""From the rows of a file to the tables, in one pass and one transaction.

Rows are compared by key (everything that describes them) and value (prices and comments), in memory, with what stands
of the same reports and days. A known value is unchanged; a key that does not stand is new and goes straight into
``quotes``; the rest is laid aside, and paired with the standing rows that the file does not repeat once all of it was
read. So neither the order of a file's rows nor an overlap of two files changes what stands in the end.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection, text

from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection, Quarantined
from usda_ingest.reading.report_header import ReportDay
from usda_ingest.storing import copying, corrections, day_quotes, report_days, series
from usda_ingest.storing.accounting import Accounting
from usda_ingest.storing.copier import Copier
from usda_ingest.storing.day_quotes import DayChanges, DayRanges
from usda_ingest.storing.described import COLUMNS, Descriptions
from usda_ingest.storing.standing import KEY_CHARS, Standing
from usda_ingest.storing.tally import Tally

Row = Quote | Quarantined | OtherSection

CHUNK_ROWS = 2_000
MAX_KEPT_QUARANTINED = 10_000
# The role's 10 s a statement are meant for requests; as many rows as may be, all corrected, take longer.
STATEMENT_TIMEOUT_S = 120
# A session may be idle in its transaction for 60 s; 256 MiB without one row that is new take longer to be read.
READING_TIMEOUT_S = 900

_COPY_QUOTES = f"COPY quotes ({COLUMNS}, ordinal, file_id, stored_at) FROM STDIN"
_COPY_QUARANTINED = "COPY quarantined_rows (file_id, line, reason, raw) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a file's rows."""

    tally: Tally
    account: Accounting
    changes: DayChanges


def store_rows(connection: Connection, copier: Copier, rows: Iterable[Row], file_id: uuid.UUID) -> Stored:
    """Store what the rows say, inside the caller's transaction; return the account of it.

    Args:
        connection: the transaction's.
        copier: copies into it; it may still be at work afterwards.
        rows: what was read.
        file_id: the file.

    Raises:
        FileRefused: from ``rows``; the caller rolls back, and nothing was stored.

    """
    connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
    connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{READING_TIMEOUT_S}s'"))
    taken = _Taken(connection, copier, file_id)
    for chunk in _chunks(rows):
        taken.take(chunk)
    copier.wait()
    if taken.corrected:
        corrections.apply(connection, taken.free(), file_id, taken.tally)
    known = taken.descriptions.series
    series.know(connection, known)
    report_days.store(connection, taken.report_days, file_id)
    changes = day_quotes.change(connection, copier, taken.days, known, has_corrections=bool(taken.corrected))
    return Stored(taken.tally, taken.tally.account(), changes)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK_ROWS)):
        yield chunk


@dataclass(slots=True)
class _Taken:
    """The rows of a file so far."""

    connection: Connection
    copier: Copier
    file_id: uuid.UUID
    tally: Tally = field(default_factory=Tally)
    days: DayRanges = field(default_factory=DayRanges)
    descriptions: Descriptions = field(init=False)
    standing: Standing = field(init=False)
    report_days: list[ReportDay] = field(default_factory=list)
    corrected: set[str] = field(default_factory=set)
    """Keys of the rows that were laid aside."""
    _seen: set[str] = field(default_factory=set)
    _ordinals: dict[str, int] = field(default_factory=dict)
    _end: str = field(init=False)

    def __post_init__(self) -> None:
        self.descriptions = Descriptions(self.tally)
        self.standing = Standing(self.connection.engine)
        self._end = f"{self.file_id}\t{self.connection.scalar(text('SELECT now()'))}\n"

    def take(self, rows: list[Row]) -> None:
        """Compare the next rows with what stands and hand them on."""
        self._look_up(rows)
        new: list[str] = []
        aside: list[str] = []
        bad: list[str] = []
        for row in rows:
            if isinstance(row, Quote):
                self._sort(row, new, aside)
            elif isinstance(row, Quarantined):
                self._quarantine(row, bad)
            else:
                self._note_header(row)
        self.copier.copy(_COPY_QUOTES, new)
        if bad:
            self.copier.wait()
            copying.copy_in(self.connection, _COPY_QUARANTINED, "".join(bad))
        if aside:
            self.copier.wait()
            corrections.stage(self.connection, "".join(aside))

    def free(self) -> list[str]:
        """Return the identities that stand under corrected keys and do not occur in the file."""
        standing = self.standing.identities - self._seen
        return [identity for identity in standing if identity[:KEY_CHARS] in self.corrected]

    def _look_up(self, rows: list[Row]) -> None:
        pairs = {(row.traits.report_id, row.quoted_on) for row in rows if isinstance(row, Quote)}
        missing = self.standing.missing(pairs)
        if missing:
            self.standing.look_up(missing)

    def _sort(self, quote: Quote, new: list[str], aside: list[str]) -> None:
        described = self.descriptions.of(quote.traits)
        report = described.report
        self.tally.current = report
        report.days.add(quote.quoted_on)
        key, value_key = quote.row_key, quote.value_key
        identity = key + value_key
        if identity in self._seen:
            report.exact_doubles += 1
            return
        self._seen.add(identity)
        if identity in self.standing.identities:
            report.rows_unchanged += 1
            return
        its_series = self.descriptions.series_of(described)
        its_series.note_day(quote.quoted_on)
        stated = self.descriptions.stated(quote.said)
        columns = f"{key}\t{value_key}\t{described.columns}\t{quote.quoted_on.isoformat()}\t{stated.columns}"
        if key in self.standing.keys:
            self.corrected.add(key)
            aside.append(f"{quote.line}\t{columns}\n")
            return
        report.rows_new += 1
        ordinal = self._ordinals[key] = self._ordinals.get(key, 0) + 1
        if stated.prices is not None and described.is_headline:
            self.days.add(its_series, quote.quoted_on, report.report_id, stated.prices)
        new.append(f"{columns}\t{ordinal}\t{self._end}")

    def _note_header(self, row: OtherSection) -> None:
        self.tally.current.header_rows += 1
        if row.report is not None:
            self.report_days.append(row.report)

    def _quarantine(self, row: Quarantined, bad: list[str]) -> None:
        if self.tally.quarantined < MAX_KEPT_QUARANTINED:
            texts = (copying.field(row.reason), copying.field(row.raw))
            bad.append("\t".join([str(self.file_id), str(row.line), *texts]) + "\n")
        self.tally.current.rows_quarantined += 1
