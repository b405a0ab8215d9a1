from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from usda_ingest.reading.report_file import OtherSection, Remark
from usda_ingest.reading.report_header import ReportDay

NAMES = "report_date,slug_id,_section,published_Date,city,report_title,report_narrative,special_notes,published_date,"
NAMES += "market_location_city,commodity,variety,package,item_size,organic,origin,appearance,quality,condition,"
NAMES += "low_price,high_price"
HEADER = ["01/08/2026", "2306", "Report Header", "01/08/2026 13:44:49", "Los Angeles", "Fruit", "a  b \n\nc", "N/A"]


def header_rows(*rows: list[str]) -> str:
    columns = NAMES.count(",") + 1
    lines = [",".join(f'"{value}"' for value in [*row, *[""] * (columns - len(row))]) for row in rows]
    return NAMES + "\n" + "\n".join(lines) + "\n"


def changed(place: int, value: str) -> list[str]:
    return [*HEADER[:place], value, *HEADER[place + 1 :]]


def test_a_header_row_tells_of_its_reports_day(files: Any) -> None:
    (row,) = files.rows(header_rows(HEADER))
    assert row == OtherSection(
        2,
        ReportDay(
            report_id="2306",
            reported_on=date(2026, 1, 8),
            title="Fruit",
            narrative="a b\nc",
            published="01/08/2026 13:44:49",
            market="Los Angeles",
        ),
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (changed(0, "soon"), "report_date is not a day: 'soon'"),
        (changed(1, ""), "slug_id is blank"),
        (changed(6, "x" * 30_000), "the narrative is longer than 20000 characters"),
        (changed(6, "a\x00b"), "the narrative contains a control character"),
    ],
)
def test_a_header_row_that_can_not_be_read_is_remarked_and_still_counted(
    files: Any, row: list[str], reason: str
) -> None:
    report = files.open(header_rows(row, HEADER))
    assert [each.report is None for each in report.rows()] == [True, False]
    assert report.remarks() == [Remark(f"a report header can't be read: {reason}", 2)]


def test_a_row_of_any_other_section_is_only_counted(files: Any, mars: Callable[..., str]) -> None:
    assert files.rows(mars({"_section": "Report Volume"})) == [OtherSection(2)]
