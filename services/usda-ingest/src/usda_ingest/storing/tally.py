"""What was read from a file so far: the account of each report in it, of which the file's own is the sum."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from usda_ingest.storing.accounting import Accounting


@dataclass(slots=True)
class ReportTally:
    """The rows of one report in one market."""

    report_id: str
    market: str
    rows_new: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    exact_doubles: int = 0
    rows_quarantined: int = 0
    header_rows: int = 0
    days: set[date] = field(default_factory=set)

    def account(self) -> Accounting:
        """Return the account, which adds up because each row was counted in one way."""
        stored = self.rows_new + self.rows_changed + self.rows_unchanged
        return Accounting(
            rows_read=stored + self.exact_doubles + self.rows_quarantined,
            rows_new=self.rows_new,
            rows_changed=self.rows_changed,
            rows_unchanged=self.rows_unchanged,
            exact_doubles=self.exact_doubles,
            rows_quarantined=self.rows_quarantined,
            header_rows=self.header_rows,
        )


@dataclass(slots=True)
class Tally:
    """The reports of a file by id and market.

    A row that can't be read does not say whose it is: it counts with the report of the row before it, and what comes
    before every report with the first.
    """

    reports: dict[tuple[str, str], ReportTally] = field(default_factory=dict)
    current: ReportTally = field(default_factory=lambda: ReportTally("", ""))

    def report(self, report_id: str, market: str) -> ReportTally:
        """Return the tally of a report; its first one takes over what was counted before it."""
        key = (report_id, market)
        found = self.reports.get(key)
        if found is None:
            found = ReportTally(report_id, market)
            if not self.reports:
                found.rows_quarantined, found.header_rows = self.current.rows_quarantined, self.current.header_rows
            self.reports[key] = self.current = found
        return found

    @property
    def quarantined(self) -> int:
        """How many rows could not be read so far."""
        return sum(report.rows_quarantined for report in self._all())

    def account(self) -> Accounting:
        """Return the file's account."""
        return total(report.account() for report in self._all())

    @property
    def first_on(self) -> date | None:
        """The oldest day of any report."""
        return min((day for report in self._all() for day in report.days), default=None)

    @property
    def last_on(self) -> date | None:
        """The newest day of any report."""
        return max((day for report in self._all() for day in report.days), default=None)

    def _all(self) -> Iterable[ReportTally]:
        return self.reports.values() or [self.current]


def total(accounts: Iterable[Accounting]) -> Accounting:
    """Return the sum of accounts."""
    sums = dict.fromkeys(Accounting().columns(), 0)
    for account in accounts:
        for name, count in account.columns().items():
            sums[name] += count
    return Accounting(**sums)
