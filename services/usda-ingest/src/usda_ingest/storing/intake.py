"""One link after the other, each in one transaction: kept raw, read, stored, accounted for, announced."""

import gc
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import structlog
from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from usda_ingest.announcing.announcements import prices_recorded, report_ingested
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading.commodity_names import ONLY_FROM_NAMES, CommodityNames
from usda_ingest.reading.report_file import Remark, ReportFile
from usda_ingest.storing import crawl_sources, crawls, files, price_version, rereading, tries, wide_ranges
from usda_ingest.storing.accounting import Accounting
from usda_ingest.storing.copier import Copier
from usda_ingest.storing.crawl_sources import Counts
from usda_ingest.storing.crawls import Took
from usda_ingest.storing.files import (
    NO_PRICES,
    NOT_FETCHED,
    REFUSED,
    SEVERAL,
    STORED,
    Content,
    Finding,
    Known,
    Validators,
)
from usda_ingest.storing.progress import Progress
from usda_ingest.storing.raw_files import RawFiles
from usda_ingest.storing.rows import Stored, store_rows

INDEX = "index"
NOT_READ_ANEW, LOST = "not read anew", "its bytes are not in USDA_RAW_DIR any more"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where an answer came from, and how long it took."""

    source: str
    download_ms: int


class Intake:
    """Takes in what a crawl finds. Not for use from two threads at once: files are stored one after the other."""

    def __init__(
        self,
        engine: Engine,
        raw_files: RawFiles,
        crawl_id: uuid.UUID,
        today: date,
        commodities: CommodityNames = ONLY_FROM_NAMES,
    ) -> None:
        self._engine, self._raw_files, self._crawl_id, self._today = engine, raw_files, crawl_id, today
        self._commodities = commodities
        self._progress = Progress(crawl_id)

    def known(self, url: str) -> Known | None:
        """Return what the link served last, for a conditional request."""
        with self._engine.connect() as connection:
            return files.current(connection, url)

    def source_started(self, source: str) -> None:
        """Note that a source is being asked."""
        with self._transaction() as connection:
            crawl_sources.start(connection, self._crawl_id, source)

    def source_finished(self, source: str, reason: str | None = None) -> None:
        """Note that a source is done with; ``reason`` says why it was not seen whole."""
        with self._transaction() as connection:
            crawl_sources.close(connection, self._crawl_id, source, reason)

    def planned(self, answers: int, *, source: str) -> None:
        """Note that so many more answers are to be taken in; tell it, so that a progress bar is true from the start."""
        with self._transaction() as connection:
            crawl_sources.add(connection, self._crawl_id, source, Counts(planned=answers))
            self._progress.tell(connection)

    def nothing(self, *, source: str, download_ms: int) -> None:
        """Note an answer without anything in it, as for a day without a report: neither a file nor a problem."""
        with self._transaction() as connection:
            crawls.add_download(connection, self._crawl_id, download_ms)
            crawl_sources.add(connection, self._crawl_id, source, Counts(done=1))
            self._progress.tell(connection)

    def page(self, *, source: str = INDEX) -> None:
        """Count a page that was read for links."""
        with self._transaction() as connection:
            crawls.add_page(connection, self._crawl_id)
            crawl_sources.start(connection, self._crawl_id, source)

    def problem(self, url: str, reason: str, *, source: str = INDEX) -> None:
        """Note a problem that belongs to no file."""
        with self._transaction() as connection:
            crawls.add_problem(connection, self._crawl_id, url, reason, source=source)

    def not_modified(self, url: str, *, source: str = INDEX, download_ms: int) -> None:
        """Note that the server answered 304: what is stored stands."""
        with self._transaction() as connection:
            known = files.current(connection, url)
            if known is None:  # only asked for when known; gone by hand since
                reason = "304 for a file that is not stored"
                crawls.add_problem(connection, self._crawl_id, url, reason, source=source)
                return
            self._same_again(connection, url, known, Validators(), Fetched(source, download_ms))

    def not_fetched(
        self, url: str, name: str, reason: str, *, refused: bool, source: str = INDEX, download_ms: int
    ) -> None:
        """Note a link that could not be fetched whole; what an earlier crawl stored from it stays as it is.

        Args:
            url: the link.
            name: its file name.
            reason: what happened.
            refused: the server sent what we will not take (too large), rather than nothing.
            source: which source has the link.
            download_ms: how long it took to find out.

        """
        with self._transaction() as connection:
            file_id = files.open_file(connection, Content(url, name), self._crawl_id)
            files.close_file(connection, file_id, Finding(REFUSED if refused else NOT_FETCHED, reason))
            crawls.add_problem(connection, self._crawl_id, url, reason, source=source)
            self._count(connection, "refused", Accounting(), Fetched(source, download_ms), time.monotonic())

    def take(
        self, url: str, name: str, body: bytes, validators: Validators, *, source: str = INDEX, download_ms: int
    ) -> None:
        """Store what the link served, unless it is what it served last.

        Raises:
            CrawlSuperseded: another crawl has taken over; nothing was written.

        """
        digest, path = self._raw_files.keep(body)
        content, fetched = Content(url, name, digest, len(body), validators), Fetched(source, download_ms)
        known = self.known(url)
        if known is not None and known.sha256 == digest:
            with self._transaction() as connection:
                self._same_again(connection, url, known, validators, fetched)
            return
        with self._engine.connect() as connection:
            file_id = files.read_by_older(connection, url, digest)
        if file_id is None:
            self._read(content, path, fetched)
            return
        self._read_anew(file_id, content, path, fetched)
        with self._transaction() as connection:
            files.seen_again(connection, file_id, self._crawl_id, validators)

    def read_again(self, file_id: uuid.UUID, content: Content, *, source: str) -> bool:
        """Read a kept content anew with the reader of today; return False if its bytes are not there any more.

        What the reader can't read any more at all stays as it is, and is a problem if anything is stored of it.
        """
        path, fetched = self._raw_files.find(content.sha256), Fetched(source, 0)
        if path is None:
            with self._transaction() as connection:
                self._not_read_anew(connection, content, f"{NOT_READ_ANEW}: {LOST}", fetched)
            return False
        self._read_anew(file_id, content, path, fetched)
        return True

    def _read_anew(self, file_id: uuid.UUID, content: Content, path: Path, fetched: Fetched) -> None:
        try:
            with tries.counted(self._engine, path, content.sha256, self._crawl_id), _undisturbed():
                self._store_again(file_id, content, path, fetched)
        except (NotAPriceReport, FileRefused, DataError, IntegrityError) as error:
            is_ours = isinstance(error, FileRefused | NotAPriceReport)
            problem = f"{NOT_READ_ANEW}: {error if is_ours else type(error).__name__}"
            with self._transaction() as connection:
                if files.leave_unread(connection, file_id, problem):
                    self._not_read_anew(connection, content, problem, fetched)
                else:  # an older reader found nothing in it either, and it was told then
                    outcome = "without_prices" if isinstance(error, NotAPriceReport) else "refused"
                    self._count(connection, outcome, Accounting(), fetched, time.monotonic())

    def _not_read_anew(self, connection: Connection, content: Content, problem: str, fetched: Fetched) -> None:
        crawls.add_problem(connection, self._crawl_id, content.url, problem, source=fetched.source)
        self._count(connection, "refused", Accounting(), fetched, time.monotonic())

    def _store_again(self, file_id: uuid.UUID, content: Content, path: Path, fetched: Fetched) -> None:
        started = time.monotonic()
        said = rereading.Content.of(self._report(content, path).rows())
        report = self._report(content, path)
        with self._transaction() as connection:
            still = rereading.Rereading.begin(connection, file_id, said)
            place = files.reopen(connection, file_id)
            with Copier(connection) as copier:
                stored = store_rows(connection, copier, still.rows(report.rows()), file_id)
                copier.wait()
                gone = rereading.take_back(connection, copier, file_id, said)
            changes = rereading.merged(stored.changes, gone)
            account = still.account(stored.account)
            files.close_file(connection, file_id, replace(_finding(report, stored), account=account))
            files.keep_place(connection, file_id, place)
            for event in prices_recorded(changes.quotes, changes.withdrawn):
                enqueue(connection, event)
            self._count(connection, "stored", account, fetched, started)
            price_version.grow(connection)

    def _report(self, content: Content, path: Path) -> ReportFile:
        modified = content.validators.last_modified
        return ReportFile(path, content.name, self._today, commodities=self._commodities, last_modified=modified)

    def _read(self, content: Content, path: Path, fetched: Fetched) -> None:
        try:
            with tries.counted(self._engine, path, content.sha256, self._crawl_id), _undisturbed():
                self._store(content, path, fetched)
        except NotAPriceReport as other:
            self._list(content, Finding(NO_PRICES, str(other)), fetched)
        except FileRefused as refusal:
            self._list(content, Finding(REFUSED, refusal.reason, refusal.line), fetched)
        except (DataError, IntegrityError) as error:
            # Something got past the reader that the database will not hold: this file must not hold up the others.
            _log.exception("file_not_storable", file=content.name)
            self._list(content, Finding(REFUSED, f"could not be stored: {type(error).__name__}"), fetched)

    def _store(self, content: Content, path: Path, fetched: Fetched) -> None:
        started = time.monotonic()
        report = self._report(content, path)
        with self._transaction() as connection:
            known = files.says_what_stands(connection, report.content_key)
            file_id = files.open_file(connection, content, self._crawl_id)
            if known is not None:
                files.close_file(connection, file_id, known)
                self._count(connection, "unchanged", known.account, fetched, started)
                return
            with Copier(connection) as copier:
                stored = store_rows(connection, copier, report.rows(), file_id)
                events = list(prices_recorded(stored.changes.quotes, stored.changes.withdrawn))
            account = stored.account
            files.close_file(connection, file_id, _finding(report, stored))
            for remark in _remarks(connection, file_id, report, account):
                reason, line = remark.text, remark.line
                crawls.add_problem(connection, self._crawl_id, content.url, reason, line, source=fetched.source)
            for event in events:
                enqueue(connection, event)
            for told in stored.tally.reports.values():
                enqueue(connection, report_ingested(told, file=content.name, crawl_id=self._crawl_id))
            self._count(connection, "stored", account, fetched, started)
            price_version.grow(connection)
        _log.info("file_stored", file=content.name, quotes_changed=len(stored.changes.quotes), **account.columns())

    def _list(self, content: Content, finding: Finding, fetched: Fetched) -> None:
        """List a file of which nothing is stored; that it holds no prices is a finding, not a problem."""
        with self._transaction() as connection:
            file_id = files.open_file(connection, content, self._crawl_id)
            files.close_file(connection, file_id, finding)
            if finding.state == REFUSED:
                reason, line = finding.reason or "", finding.line
                crawls.add_problem(connection, self._crawl_id, content.url, reason, line, source=fetched.source)
            outcome = "refused" if finding.state == REFUSED else "without_prices"
            self._count(connection, outcome, Accounting(), fetched, time.monotonic())
        _log.warning("file_not_stored", file=content.name, state=finding.state, reason=finding.reason)

    def _same_again(
        self, connection: Connection, url: str, known: Known, validators: Validators, fetched: Fetched
    ) -> None:
        files.seen_again(connection, known.file_id, self._crawl_id, validators)
        if known.state == REFUSED:
            reason = f"still: {known.reason}"
            crawls.add_problem(connection, self._crawl_id, url, reason, known.line, source=fetched.source)
        self._count(connection, "unchanged", known.account.seen_again(), fetched, time.monotonic())

    def _count(
        self, connection: Connection, outcome: str, account: Accounting, fetched: Fetched, started: float
    ) -> None:
        took = Took(fetched.download_ms, int((time.monotonic() - started) * 1000))
        crawls.add_file(connection, self._crawl_id, outcome, account, source=fetched.source, took=took)
        self._progress.tell(connection)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            crawls.check_running(connection, self._crawl_id)
            yield connection


def _remarks(connection: Connection, file_id: uuid.UUID, report: ReportFile, account: Accounting) -> Iterator[Remark]:
    if account.rows_quarantined:
        yield Remark(f"{account.rows_quarantined} of {account.rows_read} rows quarantined")
    yield from report.remarks()
    if unusual := wide_ranges.unusual(connection, file_id, report.wide_quotes()):
        text = "rows with a range of more than half their middle, unlike on the day before"
        yield Remark(f"{text}: {len(unusual)}; the first is named", unusual[0].line)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from looking again and again through what only grows until the file is read."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _finding(report: ReportFile, stored: Stored) -> Finding:
    tally = stored.tally
    return Finding(
        STORED,
        format=report.format.name,
        report_id=_one_of({report_id for report_id, _ in tally.reports}),
        market=_one_of({market for _, market in tally.reports}),
        first_on=tally.first_on,
        last_on=tally.last_on,
        account=stored.account,
        content_key=report.content_key,
    )


def _one_of(names: set[str]) -> str | None:
    return None if not names else next(iter(names)) if len(names) == 1 else SEVERAL
