"""What was measured, as a table and as JSON."""

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.world import ROOT

FOLDER = ROOT / ".bench"
_COLUMNS = ("", "ours", "peer or limit", "", "ratio")


def _machine() -> str:
    """Say what this ran on."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), load {load:.1f} before"


@dataclass(frozen=True)
class Figure:
    """One measured value beside what it is compared with. `ratio` = ours / beside."""

    what: str
    unit: str
    ours: float
    beside: float | None = None
    beside_is: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the other's."""
        return self.ours / self.beside if self.beside else None


@dataclass
class Report:
    """The figures of one benchmark, and what else its reader needs to know."""

    name: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: str = field(default_factory=_machine)

    def add(self, what: str, unit: str, ours: float, beside: float | None = None, beside_is: str = "") -> None:
        """Add a figure."""
        self.figures.append(Figure(what, unit, ours, beside, beside_is))

    def must(
        self, what: str, unit: str, ours: float, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Add a figure that has to keep a bound; one that does not is marked in the table."""
        bound, kind = (at_most, "at most") if at_least is None else (at_least, "at least")
        kept = (at_least is None or ours >= at_least) and (at_most is None or ours <= at_most)
        self.add(what, unit, ours, bound, kind if kept else f"{kind}: MISSED")

    def table(self) -> str:
        """Return the figures as lines of aligned columns."""
        rows = [_COLUMNS, *(_cells(figure) for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        lines = [_aligned(row, widths) for row in rows]
        return "\n".join([f"{self.name} on {self.machine}", *lines, *(f"  {note}" for note in self.notes)])

    def write(self, folder: Path = FOLDER) -> Path:
        """Write it as JSON; return where."""
        folder.mkdir(exist_ok=True)
        at = datetime.now(UTC)
        file = folder / f"{self.name}-{at:%Y%m%dT%H%M%SZ}.json"
        figures = [{**asdict(figure), "ratio": figure.ratio} for figure in self.figures]
        body = {
            "bench": self.name,
            "at": at.isoformat(),
            "machine": self.machine,
            "figures": figures,
            "notes": self.notes,
        }
        file.write_text(json.dumps(body, indent=2) + "\n")
        return file


def _cells(figure: Figure) -> tuple[str, ...]:
    beside = "" if figure.beside is None else f"{_number(figure.beside)} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return (figure.what, f"{_number(figure.ours)} {figure.unit}", beside, figure.beside_is, ratio)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, ours, beside, kind, ratio = (text.ljust(width) for text, width in zip(row, widths, strict=True))
    return f"  {first}  {ours.strip().rjust(widths[1])}  {beside.strip().rjust(widths[2])} {kind}  {ratio}".rstrip()
