"""One link after the other, each in one transaction: kept raw, read, stored, accounted for, announced."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import structlog
from mercadito_events.outbox import enqueue
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from usda_ingest.announcing.announcements import prices_recorded, report_ingested
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading.report_file import ReportFile
from usda_ingest.storing import crawls, files
from usda_ingest.storing.accounting import Accounting
from usda_ingest.storing.day_quotes import recompute
from usda_ingest.storing.files import NO_PRICES, NOT_FETCHED, REFUSED, STORED, Content, Finding, Known, Validators
from usda_ingest.storing.raw_files import RawFiles
from usda_ingest.storing.rows import Tally, clear_staged, store_rows

MAX_PROGRESS_EVENTS = 200
SEVERAL = "several"
_log = structlog.get_logger(__name__)


class Intake:
    """Takes in what a crawl finds. Not for use from two threads at once: files are stored one after the other."""

    def __init__(self, engine: Engine, raw_files: RawFiles, crawl_id: uuid.UUID, today: date) -> None:
        self._engine, self._raw_files, self._crawl_id, self._today = engine, raw_files, crawl_id, today
        self._announced = 0

    def known(self, url: str) -> Known | None:
        """Return what the link served last, for a conditional request."""
        with self._engine.connect() as connection:
            return files.current(connection, url)

    def page(self) -> None:
        """Count a page that was read for links."""
        with self._transaction() as connection:
            crawls.add_page(connection, self._crawl_id)

    def problem(self, url: str, reason: str) -> None:
        """Note a problem that belongs to no file."""
        with self._transaction() as connection:
            crawls.add_problem(connection, self._crawl_id, url, reason)

    def not_modified(self, url: str, *, download_ms: int) -> None:
        """Note that the server answered 304: what is stored stands."""
        with self._transaction() as connection:
            known = files.current(connection, url)
            if known is None:  # only asked for when known; gone by hand since
                crawls.add_problem(connection, self._crawl_id, url, "304 for a file that is not stored")
                return
            self._same_again(connection, url, known, Validators(), download_ms=download_ms)

    def not_fetched(self, url: str, name: str, reason: str, *, refused: bool, download_ms: int) -> None:
        """Note a link that could not be fetched whole; what an earlier crawl stored from it stays as it is.

        Args:
            url: the link.
            name: its file name.
            reason: what happened.
            refused: the server sent what we will not take (too large), rather than nothing.
            download_ms: how long it took to find out.

        """
        with self._transaction() as connection:
            file_id = files.open_file(connection, Content(url, name), self._crawl_id)
            files.close_file(connection, file_id, Finding(REFUSED if refused else NOT_FETCHED, reason))
            crawls.add_problem(connection, self._crawl_id, url, reason)
            self._count(connection, "refused", Accounting(), download_ms, time.monotonic())

    def take(self, url: str, name: str, body: bytes, validators: Validators, *, download_ms: int) -> None:
        """Store what the link served, unless it is what it served last.

        Raises:
            CrawlSuperseded: another crawl has taken over; nothing was written.

        """
        digest, path = self._raw_files.keep(body)
        content = Content(url, name, digest, len(body), validators)
        known = self.known(url)
        if known is not None and known.sha256 == digest:
            with self._transaction() as connection:
                self._same_again(connection, url, known, validators, download_ms=download_ms)
            return
        try:
            self._store(content, path, download_ms)
        except NotAPriceReport:
            self._list(content, Finding(NO_PRICES, "no price columns"), download_ms)
        except FileRefused as refusal:
            self._list(content, Finding(REFUSED, refusal.reason, refusal.line), download_ms)
        except (DataError, IntegrityError) as error:
            # Something got past the reader that the database will not hold: this file must not hold up the others.
            _log.exception("file_not_storable", file=name)
            self._list(content, Finding(REFUSED, f"could not be stored: {type(error).__name__}"), download_ms)

    def _store(self, content: Content, path: Path, download_ms: int) -> None:
        started = time.monotonic()
        report = ReportFile(path, content.name, self._today)
        with self._transaction() as connection:
            file_id = files.open_file(connection, content, self._crawl_id)
            account, tally = store_rows(connection, report.rows(), file_id)
            changed = recompute(connection)
            clear_staged(connection)
            finding = _finding(report.format.name, account, tally)
            files.close_file(connection, file_id, finding)
            if account.rows_quarantined:
                reason = f"{account.rows_quarantined} of {account.rows_read} rows quarantined"
                crawls.add_problem(connection, self._crawl_id, content.url, reason)
            for event in prices_recorded(changed):
                enqueue(connection, event)
            if finding.report_id is not None:
                enqueue(connection, report_ingested(finding, file=content.name, crawl_id=self._crawl_id))
            self._count(connection, "stored", account, download_ms, started)
        _log.info("file_stored", file=content.name, quotes_changed=len(changed), **account.columns())

    def _list(self, content: Content, finding: Finding, download_ms: int) -> None:
        """List a file of which nothing is stored; that it holds no prices is a finding, not a problem."""
        with self._transaction() as connection:
            file_id = files.open_file(connection, content, self._crawl_id)
            files.close_file(connection, file_id, finding)
            if finding.state == REFUSED:
                crawls.add_problem(connection, self._crawl_id, content.url, finding.reason or "", finding.line)
            outcome = "refused" if finding.state == REFUSED else "without_prices"
            self._count(connection, outcome, Accounting(), download_ms, time.monotonic())
        _log.warning("file_not_stored", file=content.name, state=finding.state, reason=finding.reason)

    def _same_again(
        self,
        connection: Connection,
        url: str,
        known: Known,
        validators: Validators,
        *,
        download_ms: int,
    ) -> None:
        files.seen_again(connection, known, self._crawl_id, validators)
        if known.state == REFUSED:
            crawls.add_problem(connection, self._crawl_id, url, f"still: {known.reason}", known.line)
        self._count(connection, "unchanged", known.account.seen_again(), download_ms, time.monotonic())

    def _count(
        self, connection: Connection, outcome: str, account: Accounting, download_ms: int, started: float
    ) -> None:
        store_ms = int((time.monotonic() - started) * 1000)
        crawls.add_file(connection, self._crawl_id, outcome, account, download_ms=download_ms, store_ms=store_ms)
        self._announced += 1
        if self._announced <= MAX_PROGRESS_EVENTS:
            crawls.announce_progress(connection, self._crawl_id)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            crawls.check_running(connection, self._crawl_id)
            yield connection


def _finding(format_name: str, account: Accounting, tally: Tally) -> Finding:
    return Finding(
        STORED,
        format=format_name,
        report_id=_one_of(tally.report_ids),
        market=_one_of(tally.markets),
        first_on=tally.first_on,
        last_on=tally.last_on,
        account=account,
    )


def _one_of(names: set[str]) -> str | None:
    return None if not names else next(iter(names)) if len(names) == 1 else SEVERAL
