"""How far a source is in this crawl: what has been asked of it, and whether it is of any use."""

from dataclasses import dataclass, field

from usda_ingest.crawling.politeness import HostRule
from usda_ingest.sources.source import Ask, Kind, Source

# A server that fails so often without one answer between is down; the rest waits for the next crawl.
MAX_FAILURES_IN_A_ROW = 5


@dataclass(slots=True)
class SourceProgress:
    """Counts of one source; ``failure`` ends it, whatever is still to be asked."""

    source: Source
    rule: HostRule
    asked: set[str] = field(default_factory=set)
    pages: int = 0
    files: int = 0
    open: int = 0
    entries: int = 0
    entries_lost: int = 0
    failures_in_a_row: int = 0
    not_fetched: int = 0
    is_there: bool = False
    """Whether any question was answered."""
    last_problem: str = ""
    broke: str = ""
    """What went wrong here, not there, with an answer: others may do, but the source was not seen whole."""
    failure: str | None = None

    @property
    def bounds(self) -> str:
        """How much of this source a crawl takes, for people."""
        return f"a crawl takes at most {self.source.max_files} files and {self.source.max_pages} pages"

    def has_room(self, ask: Ask) -> bool:
        """Count a question; say whether it is within the source's bounds."""
        if ask.is_entry:
            return True
        if ask.kind is Kind.PAGE:
            self.pages += 1
            return self.pages <= self.source.max_pages
        self.files += 1
        return self.files <= self.source.max_files

    def end(self, reason: str) -> None:
        """Ask nothing more of this source."""
        self.failure = self.failure or reason

    def entry_lost(self, reason: str) -> bool:
        """Note that a page where the source begins leads nowhere; return whether it was the last of them."""
        self.entries_lost += 1
        if self.entries_lost < self.entries:
            return False
        self.end(reason)
        return True

    def answered(self) -> None:
        """Note that the server is there."""
        self.is_there = True
        self.failures_in_a_row = 0

    def server_failed(self, reason: str) -> None:
        """Note that the server did not answer, or only that it can't now."""
        self.not_fetched += 1
        self.failures_in_a_row += 1
        self.last_problem = reason
        if self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            self.end(
                f"{self.source.name}: given up after {self.failures_in_a_row} failures in a row (the last: {reason});"
                " the rest waits for the next crawl"
            )

    def ended(self) -> None:
        """Note that nothing is left to be asked: a source that has answered nothing at all was not seen."""
        if self.broke:
            self.end(f"{self.source.name}: {self.broke}")
        if self.not_fetched and not self.is_there:
            self.end(f"{self.source.name}: no answer to any question (the last: {self.last_problem})")
