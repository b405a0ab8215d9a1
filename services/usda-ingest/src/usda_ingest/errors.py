"""What can go wrong here.

UsdaIngestError
├── RowProblem         one row can't be read; it is quarantined, the rest of its file is stored
├── FileRefused        a whole file can't be read; nothing of it is stored
├── NotAPriceReport    a CSV without prices; listed, not stored
├── CrawlBusy          another crawl holds the lock
├── CrawlSuperseded    this crawl lost its lock to another one and may write nothing more
├── CrawlFailed        not everything could be crawled
├── ForecastBusy       another process computes forecasts
├── ForecastFailed     some markets could not be computed; the others are
└── UnknownSource      a source was named that is not configured
"""


class UsdaIngestError(Exception):
    """Base of this service's own errors."""


class RowProblem(UsdaIngestError):
    """A row that can't be read, with a reason an operator understands."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class FileRefused(UsdaIngestError):
    """A file that can't be read; ``line`` is the physical line where it became clear, if there is one."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason = reason
        self.line = line
        super().__init__(reason if line is None else f"line {line}: {reason}")


class NotAPriceReport(UsdaIngestError):
    """A readable CSV that has no price columns."""


class CrawlBusy(UsdaIngestError):
    """Another crawl is at work."""


class CrawlSuperseded(UsdaIngestError):
    """The crawl's row says it is over: another crawl took the lock and closed it."""


class CrawlFailed(UsdaIngestError):
    """A source could not be read, or not to its end."""


class UnknownSource(UsdaIngestError):
    """A source was named that is not configured."""

    def __init__(self, unknown: list[str], configured: list[str]) -> None:
        super().__init__(f"no such source: {', '.join(unknown)}; configured: {', '.join(configured)}")


class ForecastBusy(UsdaIngestError):
    """Another process computes forecasts."""


class ForecastFailed(UsdaIngestError):
    """The arithmetic failed for some markets; what is due of them stays due."""
