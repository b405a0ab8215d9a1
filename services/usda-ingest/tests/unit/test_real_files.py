from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from usda_ingest.errors import NotAPriceReport
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import ReportFile

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("file", "rows", "headers", "doubles"),
    [
        ("legacy/US-pumpkins.csv", 1_757, 0, 5),
        ("legacy/US-pumpkins.utf8-bom.csv", 1_757, 0, 5),
        ("legacy/los-angeles_9-24-2016_9-30-2017.csv", 62, 0, 0),
        ("legacy/los-angeles_2021-06-22_2021-06-29.csv.gz", 7_132, 0, 0),
        ("legacy/los-angeles_2021-05-03_2021-09-28_daily.csv.gz", 5_921, 0, 0),
        ("legacy/allcities_2021-06-22_2021-06-29.csv.gz", 55_763, 0, 3),
        ("mars/2306_pull-2026-01-09.csv.gz", 3_627, 18, 0),
        ("mars/2307_pull-2026-01-09.csv.gz", 5_062, 18, 0),
        ("mars/2308_pull-2026-01-09.csv.gz", 1_062, 18, 0),
        ("mars/2309_pull-2026-01-09.csv.gz", 72, 18, 0),
    ],
)
def test_every_row_of_the_real_files_is_read(
    real_files: Path, file: str, rows: int, headers: int, doubles: int
) -> None:
    kinds: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for row in ReportFile(real_files / file, Path(file).name, TODAY).rows():
        kinds[type(row).__name__] += 1
        if isinstance(row, Quote):
            seen.add((row.row_key, row.value_key))
    expected = {"Quote": rows, **({"OtherSection": headers} if headers else {})}
    assert dict(kinds) == expected
    assert rows - len(seen) == doubles


@pytest.mark.parametrize("file", ["mars/terminal_report_slugs.csv", "weights/handbook-697-package-weights.csv"])
def test_the_csv_files_without_prices_are_no_price_reports(real_files: Path, file: str) -> None:
    with pytest.raises(NotAPriceReport):
        ReportFile(real_files / file, Path(file).name, TODAY)


def test_the_two_pumpkin_files_say_the_same(real_files: Path) -> None:
    names = ["US-pumpkins.csv", "US-pumpkins.utf8-bom.csv"]
    plain, with_bom = (list(ReportFile(real_files / "legacy" / name, name, TODAY).rows()) for name in names)
    assert plain == with_bom
    assert {row.traits.commodity for row in plain if isinstance(row, Quote)} == {"PUMPKINS"}
