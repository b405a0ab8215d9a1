import csv
from collections import Counter
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from usda_ingest.commodities import known
from usda_ingest.errors import NotAPriceReport
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import ReportFile
from usda_ingest.reading.values import fold

CATEGORIES = {"Fruits", "Vegetables", "Onions And Potatoes", "Nuts", "Ornamentals"}


def test_both_spellings_of_a_commodity_have_a_spanish_name_and_a_category() -> None:
    for name in ("Avocados", "AVOCADOS", " avocados "):
        found = known(name)
        assert found is not None
        assert (found.name_es, found.category) == ("Aguacates", "Fruits")


def test_an_unknown_commodity_is_not_guessed() -> None:
    assert known("Xyloberries") is None


def test_the_table_is_whole_and_in_order() -> None:
    lines = files("usda_ingest").joinpath("commodities.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    names = [row["name"] for row in rows]
    assert names == sorted(set(names))
    for row in rows:
        assert row["name"] == fold(row["name"])
        assert row["name_es"] == row["name_es"].strip() != ""
        assert row["category"] in CATEGORIES, row


@pytest.fixture(scope="module")
def commodities(real_files: Path) -> Counter[tuple[str, str]]:
    """Every commodity, with its category where a report gives it, in all of the USDA's files that we have."""
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted(real_files.rglob("*.csv*")):
        try:
            rows = ReportFile(path, path.name, date(2026, 11, 21)).rows()
            found.update((row.traits.commodity, row.traits.category) for row in rows if isinstance(row, Quote))
        except NotAPriceReport:
            continue
    assert len(found) > 400
    return found


def test_every_commodity_of_the_real_files_has_a_spanish_name(commodities: Counter[tuple[str, str]]) -> None:
    assert [name for name, _ in commodities if known(name) is None] == []


def test_the_table_puts_a_commodity_where_the_reports_do(commodities: Counter[tuple[str, str]]) -> None:
    told = {name: category for name, category in commodities if category}
    assert len(told) > 100
    assert {name: known(name).category for name in told} == told  # type: ignore[union-attr]
