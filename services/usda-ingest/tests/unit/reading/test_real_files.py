import csv
import gzip
import html
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from usda_ingest.errors import NotAPriceReport
from usda_ingest.reading.formats.legacy import LEGACY
from usda_ingest.reading.package_weight import net_weight
from usda_ingest.reading.quote import PER_PACKAGE, Quote
from usda_ingest.reading.report_file import OtherSection, ReportFile

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


def rendered_as_html(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, *rows]
    cells = ("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return "<html><body><table>" + "\n".join(cells) + "</table></body></html>"


def rendered_as_xml(header: list[str], rows: list[list[str]]) -> str:
    written = {ours: theirs for theirs, ours in LEGACY.also_called.items()}
    names = [written.get(name.lower(), name.lower()) for name in header]
    items = (
        "".join(f"<{name}>{html.escape(cell)}</{name}>" for name, cell in zip(names, row, strict=True)) for row in rows
    )
    return "<report>" + "".join(f"<item>{item}</item>" for item in items) + "</report>"


def rendered_as_json(header: list[str], rows: list[list[str]]) -> str:
    place = header.index("_section")
    sections: dict[str, list[dict[str, str | None]]] = {}
    for row in rows:
        pairs = ((name, cell) for name, cell in zip(header, row, strict=True) if name != "_section")
        sections.setdefault(row[place], []).append({name: cell or None for name, cell in pairs})
    return json.dumps([{"reportSection": name, "results": results} for name, results in sections.items()])


@pytest.mark.parametrize(
    ("file", "render"),
    [
        ("legacy/los-angeles_2021-06-22_2021-06-29.csv.gz", rendered_as_html),
        ("legacy/los-angeles_2021-06-22_2021-06-29.csv.gz", rendered_as_xml),
        ("mars/2308_pull-2026-01-09.csv.gz", rendered_as_json),
    ],
)
def test_a_real_file_says_the_same_in_every_container(
    real_files: Path, tmp_path: Path, file: str, render: Callable[[list[str], list[list[str]]], str]
) -> None:
    with gzip.open(real_files / file, "rt", encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    other = tmp_path / "other"
    other.write_text(render(header, rows), encoding="utf-8")
    plain, again = (list(ReportFile(path, path.name, TODAY).rows()) for path in (real_files / file, other))
    assert [identity(row) for row in again] == [identity(row) for row in plain]


def identity(row: object) -> object:
    return (row.row_key, row.value_key) if isinstance(row, Quote) else getattr(row, "report", row)


@pytest.mark.parametrize("number", [2306, 2307, 2308, 2309])
def test_every_real_report_day_has_its_title_time_and_narrative(real_files: Path, number: int) -> None:
    path = real_files / f"mars/{number}_pull-2026-01-09.csv.gz"
    days = [row.report for row in ReportFile(path, path.name, TODAY).rows() if isinstance(row, OtherSection)]
    assert len(days) == len({day.reported_on for day in days if day}) == 18
    assert all(day and day.title and day.narrative and day.published and day.market == "Los Angeles" for day in days)


def test_wide_ranges_are_known_and_nothing_is_remarked(real_files: Path) -> None:
    report = ReportFile(real_files / "legacy/allcities_2021-06-22_2021-06-29.csv.gz", "a.csv", TODAY)
    assert sum(1 for _ in report.rows()) == 55_763
    assert (len(report.wide_quotes()), report.remarks()) == (149, [])


def test_the_handbooks_weights_are_those_of_the_quoted_table(real_files: Path) -> None:
    names = {
        "Beans (Snap/Green)": "BEANS",
        "Lettuce (Iceberg)": "Lettuce, Iceberg",
        "Peppers, Bell": "Peppers, Bell Type",
    }
    with (real_files / "weights/handbook-697-package-weights.csv").open(encoding="utf-8", newline="") as stream:
        quoted = list(csv.DictReader(stream))
    assert len(quoted) == 34
    differing = {}
    for row in quoted:
        found = net_weight(names.get(row["commodity"], row["commodity"]), row["package"], PER_PACKAGE)
        if found is None or (found.source, found.lb) != ("H-697", Decimal(row["net_weight_lb"])):
            differing[row["commodity"], row["package"]] = found and (str(found.lb), found.source)
    assert differing == {
        # the text states it itself
        ("Carrots", "sacks 48 1-lb"): ("48.00", "stated"),
        ("Cherries", "18 lb cartons"): ("18.00", "stated"),
        ("Limes", "40 lb cartons"): ("40.00", "stated"),
        # the handbook's package only resembles it
        ("Apricots", "cartons 2 layer tray pack"): None,
        ("Cranberries", "cartons"): None,
        ("Mangoes", "flats 1 layer"): None,
        ("Pineapples", "cartons 1 layer"): None,
        ("Spinach", "cartons bunched"): None,
        # another weight where it is packed elsewhere, or of another size
        ("Oranges", "7/10 bushel cartons"): None,
        ("Watermelons", "cartons"): None,
    }


def test_two_of_three_rows_of_a_week_of_los_angeles_have_a_weight_and_it_is_known_from_where(real_files: Path) -> None:
    path = real_files / "legacy/los-angeles_2021-06-22_2021-06-29.csv.gz"
    sources: Counter[str] = Counter()
    for row in ReportFile(path, path.name, TODAY).rows():
        if isinstance(row, Quote):
            found = net_weight(row.traits.commodity, row.traits.package, row.traits.unit)
            sources[found.source if found else ""] += 1
    assert sources == {"stated": 3_580, "stated range": 186, "H-697": 1_083, "": 2_283}
