"""Which files the site offers: every CSV file under a folder, or the sample set of the day."""

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from zoneinfo import ZoneInfo

from mercadito_demo.samples import write_samples

MARKET_ZONE = ZoneInfo("America/Los_Angeles")
SUFFIXES = (".csv", ".csv.gz")
MAX_FILES = 1_000  # more are not listed: an index page stays a page
READ_BYTES = 1 << 20

Folder = Callable[[], Path]


@dataclass(frozen=True, slots=True)
class PriceFile:
    """One file as the site shows it: ``name`` is its path below the folder, with slashes."""

    name: str
    path: Path
    size: int
    modified_ns: int

    @property
    def last_modified(self) -> str:
        """Return the time of the last change as HTTP writes it."""
        return format_datetime(datetime.fromtimestamp(self.modified_ns // 10**9, UTC), usegmt=True)

    @property
    def content_type(self) -> str:
        """Return the type of the file itself: a packed one is a download, not a content coding."""
        return "application/gzip" if self.name.endswith(".gz") else "text/csv"


def market_today() -> date:
    """Return today's date at the market."""
    return datetime.now(MARKET_ZONE).date()


def files_under(folder: Path) -> list[PriceFile]:
    """Return the CSV files of a folder and those below it, by name; links that lead out of it are left out."""
    inside = folder.resolve()
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not name.endswith(SUFFIXES) or not path.resolve().is_relative_to(inside) or not path.is_file():
            continue
        status = path.stat()
        found.append(PriceFile(name, path, status.st_size, status.st_mtime_ns))
    return found[:MAX_FILES]


class ETags:
    """Entity tags from the files' contents, read again only when size or time of a file changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def of(self, file: PriceFile) -> str:
        """Return the strong entity tag of a file."""
        version = (file.size, file.modified_ns)
        known = self._known.get(file.path)
        if known is None or known[0] != version:
            digest = hashlib.sha256()
            with file.path.open("rb") as source:
                while block := source.read(READ_BYTES):
                    digest.update(block)
            known = (version, f'"{digest.hexdigest()[:32]}"')
            self._known[file.path] = known
        return known[1]


class SampleFolder(AbstractContextManager["SampleFolder"]):
    """A temporary folder with the sample set, written anew when a market day has passed."""

    def __init__(self, today: Callable[[], date]) -> None:
        self._today = today
        self._temporary = tempfile.TemporaryDirectory(prefix="mercadito-samples-")
        self._written_on: date | None = None
        self._lock = Lock()

    def __call__(self) -> Path:
        """Return the folder as it stands today."""
        folder = Path(self._temporary.name)
        today = self._today()
        with self._lock:
            if self._written_on != today:
                write_samples(folder, today)
                self._written_on = today
        return folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the folder."""
        self._temporary.cleanup()
