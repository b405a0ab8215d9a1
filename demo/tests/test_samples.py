"""The sample set: the format of the real files, plain marks, the same quotes every time."""

import csv
import gzip
from datetime import date
from pathlib import Path

import pytest
from mercadito_demo.catalogue import SampleFolder, files_under
from mercadito_demo.samples import COLUMNS, REPORTS, market_days, report_csv, write_samples

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "usda" / "mars"
TODAY = date(2026, 11, 21)


def rows(number: int = 0, today: date = TODAY) -> list[dict[str, str]]:
    return list(csv.DictReader(report_csv(REPORTS[number], today).decode().splitlines(keepends=True)))


def details(today: date = TODAY) -> list[dict[str, str]]:
    return [row for n in range(len(REPORTS)) for row in rows(n, today) if row["_section"] == "Report Details"]


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/usda missing")
def test_columns_are_those_of_the_real_files() -> None:
    with gzip.open(next(REAL.glob("2306*.csv.gz")), "rt", newline="") as real:
        assert next(csv.reader(real)) == COLUMNS


def test_twenty_market_days_end_on_the_last_working_day() -> None:
    days = market_days(TODAY)
    assert len(days) == 20
    assert days[0] == date(2026, 11, 20)
    assert all(day.weekday() < 5 for day in days)


def test_there_are_enough_commodities_with_a_quote_each() -> None:
    newest = max(row["report_date"] for row in details())
    quoted = {row["commodity"] for row in details() if row["report_date"] == newest and row["low_price"]}
    assert len(quoted) >= 45


def test_every_report_says_that_it_is_a_sample() -> None:
    for number in range(len(REPORTS)):
        for row in rows(number):
            assert "SAMPLE" in row["slug_name"]
            assert "SAMPLE" in row["report_title"]
            assert "SAMPLE" in row["report_narrative"]


def test_prices_are_ordered_and_move_a_little_from_day_to_day() -> None:
    previous: dict[tuple[str, ...], float] = {}
    for row in sorted(details(), key=lambda row: row["report_date"][6:] + row["report_date"][:5]):
        if not row["low_price"]:
            assert row["reporter_comment"] == "insufficient to quote"
            continue
        low, high = float(row["low_price"]), float(row["high_price"] or row["low_price"])
        if row["mostly_low_price"]:
            assert low <= float(row["mostly_low_price"]) <= float(row["mostly_high_price"]) <= high
        assert 0 < low <= high
        line = tuple(row[name] for name in ("commodity", "variety", "package", "item_size", "organic"))
        assert abs(low - previous.get(line, low)) <= max(1.0, low * 0.12)
        previous[line] = low


def test_tomorrows_set_repeats_todays_quotes() -> None:
    def by_line(rows: list[dict[str, str]]) -> dict[tuple[str, ...], dict[str, str]]:
        names = ("report_date", "commodity", "variety", "package", "item_size", "organic")
        return {tuple(row[name] for name in names): row for row in rows}

    today, later = by_line(details(TODAY)), by_line(details(date(2026, 11, 24)))
    both = today.keys() & later.keys()
    assert len(both) > 1_000
    assert all(today[key] == later[key] for key in both)


def test_the_same_day_gives_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        write_samples(folder, TODAY)
    names = [file.name for file in files_under(folders[0])]
    assert names == [file.name for file in files_under(folders[1])]
    assert all("SAMPLE" in name for name in names)
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)


def test_the_set_is_written_anew_when_a_day_has_passed() -> None:
    day = [date(2026, 11, 19)]
    with SampleFolder(lambda: day[0]) as folder:
        before = (folder() / "SAMPLE Los Angeles fruit.csv").read_text()
        day[0] = date(2026, 11, 20)
        after = (folder() / "SAMPLE Los Angeles fruit.csv").read_text()
        path = folder()
    assert "11/20/2026" not in before
    assert "11/20/2026" in after
    assert not path.exists()
