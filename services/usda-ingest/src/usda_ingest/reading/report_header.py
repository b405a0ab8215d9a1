"""What a report says of its day: the ``Report Header`` rows of MARS files with title, time and narrative."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from usda_ingest.errors import RowProblem
from usda_ingest.reading.values import CONTROL, MAX_NAME_CHARS, MAX_TEXT_CHARS, day, text

# The longest of the real ones has 384 characters.
MAX_NARRATIVE_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDay:
    """One day of a report, as its own header tells it."""

    report_id: str
    reported_on: date
    title: str
    narrative: str
    """With its line breaks."""
    published: str
    """As written; its time zone is stated nowhere."""
    market: str


class HeaderReader:
    """Reads the header rows of one file.

    Args:
        names: the file's columns, folded.
        today: a report over a week after it is a mistake.

    """

    def __init__(self, names: Sequence[str], today: date) -> None:
        self._names, self._today = names, today

    def read(self, fields: Sequence[str]) -> ReportDay:
        """Return what the row says.

        Raises:
            RowProblem: it tells no report or no day, or holds what is no text.

        """
        row: dict[str, str] = {}
        for name, value in zip(self._names, fields, strict=True):
            # header and details spell published_date differently, and a flattened file has both
            row[name] = row.get(name) or value
        report_id = text(row.get("slug_id", ""), "slug_id", limit=MAX_NAME_CHARS)
        if not report_id:
            raise RowProblem("slug_id is blank")
        return ReportDay(
            report_id=report_id,
            reported_on=day(row.get("report_date", ""), "report_date", self._today),
            title=text(row.get("report_title", ""), "report_title", limit=2 * MAX_TEXT_CHARS),
            narrative=_narrative(row),
            published=text(row.get("published_date", ""), "published_date", limit=MAX_NAME_CHARS),
            market=text(row.get("market_location_city") or row.get("city", ""), "city"),
        )


def _narrative(row: Mapping[str, str]) -> str:
    written = "\n".join(row.get(name, "") for name in ("report_narrative", "special_notes"))
    if CONTROL.search(written):
        raise RowProblem("the narrative contains a control character")
    if len(written) > MAX_NARRATIVE_CHARS:
        raise RowProblem(f"the narrative is longer than {MAX_NARRATIVE_CHARS} characters")
    lines = [" ".join(line.split()) for line in written.splitlines()]
    return "\n".join(line for line in lines if line not in ("", "N/A"))
