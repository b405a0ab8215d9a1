"""The demo's assortment against the spellings of the real price files."""

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from orders.application.assortment import ASSORTMENT
from orders.application.catalogue import Item, Source, choose
from orders.application.ports import Quote

FILES = Path(__file__).resolve().parents[5] / "shared" / "data" / "usda"
needs_files = pytest.mark.skipif(not FILES.is_dir(), reason="file folder ../shared/data/usda missing")


def quote(commodity: str, variety: str = "", package: str = "cartons", size: str = "", **more: object) -> Quote:
    told = {
        "series_id": str(uuid5(NAMESPACE_URL, f"{commodity}|{variety}|{package}|{size}")),
        "market": "Los Angeles",
        "report_id": "2306",
        "commodity": commodity,
        "variety": variety,
        "package": package,
        "size": size,
        "organic": False,
        "quoted_on": date(2026, 1, 8),
        "low": Decimal(10),
        "high": Decimal(12),
        "mostly_low": None,
        "mostly_high": None,
        "reference": Decimal(11),
    }
    return Quote(**{**told, **more})


ONIONS = Item("White onions", "Cebolla blanca", "roots", (Source("Onions Dry", ("white",)),), ("50 lb", "jumbo"))


def test_both_spellings_of_a_commodity_are_the_same() -> None:
    for spelling in ("Onions, Dry", "ONIONS DRY", "onions dry"):
        assert choose([quote(spelling, "WHITE")], [ONIONS])[0].item is ONIONS


def test_the_most_important_preference_decides_first() -> None:
    large, small = (quote("Onions, Dry", "WHITE", package, "jumbo") for package in ("50 lb sacks", "25 lb sacks"))
    other = quote("Onions, Dry", "WHITE", "50 lb sacks", "medium")
    assert choose([other, small, large], [ONIONS])[0].quote == large
    assert choose([other, small], [ONIONS])[0].quote == other


def test_a_series_that_is_no_longer_quoted_gives_way_to_a_recent_one() -> None:
    old = quote("Onions, Dry", "WHITE", "50 lb sacks", "jumbo", quoted_on=date(2025, 12, 10))
    recent = quote("Onions, Dry", "WHITE", "10 lb bags")
    assert choose([old, recent], [ONIONS])[0].quote == recent


def test_words_are_matched_whole() -> None:
    red = Item("Red", "Rojo", "roots", (Source("Onions Dry", ("red",)),))
    assert choose([quote("Onions, Dry", "ASSORTED COLORED")], [red]) == []


def test_organic_series_and_series_without_a_price_are_left_out() -> None:
    told = [
        quote("Onions, Dry", "WHITE", organic=True),
        quote("Onions, Dry", "WHITE", "50 lb sacks", reference=Decimal(0)),
    ]
    assert choose(told, [ONIONS]) == []


def test_no_series_is_used_twice_and_the_order_of_quotes_does_not_matter() -> None:
    twice = Item("Second", "Segunda", "roots", ONIONS.sources)
    told = [quote("Onions, Dry", "WHITE", f"{weight} lb sacks") for weight in (10, 25, 50)]
    forwards, backwards = choose(told, [ONIONS, twice]), choose(told[::-1], [ONIONS, twice])
    assert forwards == backwards
    assert len({choice.quote.series_id for choice in forwards}) == 2


def test_the_pack_says_what_the_report_says_and_nothing_for_nothing() -> None:
    assert choose([quote("Onions, Dry", "WHITE", "50 lb sacks", "jumbo")], [ONIONS])[0].pack == "50 lb sacks, jumbo"
    assert choose([quote("Onions, Dry", "WHITE", "50 lb sacks", "N/A")], [ONIONS])[0].pack == "50 lb sacks"


def test_names_are_said_once_in_each_language() -> None:
    for names in ([item.name for item in ASSORTMENT], [item.name_es for item in ASSORTMENT]):
        assert len(set(names)) == len(names)


@needs_files
@pytest.mark.parametrize("folder", ["mars", "legacy"])
def test_real_files_of_los_angeles_give_thirty_products_and_more(folder: str) -> None:
    quotes = {row.series_id: row for row in _real_quotes(FILES / folder)}
    choices = choose(quotes.values(), ASSORTMENT)
    assert len(choices) >= 50
    assert {"Hass avocados, medium", "Cilantro", "White onions", "Limes"} <= {choice.item.name for choice in choices}


def _real_quotes(folder: Path) -> Iterator[Quote]:
    for file in sorted(folder.glob("*.csv*")):
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            found = _mars(row) if folder.name == "mars" else _legacy(row)
            if found is not None:
                yield found


def _mars(row: dict[str, str]) -> Quote | None:
    if row.get("_section") != "Report Details" or not row["low_price"]:
        return None
    day = datetime.strptime(row["report_date"], "%m/%d/%Y").date()  # noqa: DTZ007 - a day has no zone
    named = (row[name] for name in ("commodity", "variety", "package", "item_size"))
    return quote(*named, quoted_on=day, reference=Decimal(row["low_price"]))


def _legacy(row: dict[str, str]) -> Quote | None:
    if row["City Name"] != "LOS ANGELES" or not row.get("Commodity Name") or not row["Low Price"]:
        return None
    day = datetime.strptime(row["Date"], "%m/%d/%Y").date()  # noqa: DTZ007 - a day has no zone
    named = (row[name] for name in ("Commodity Name", "Variety", "Package", "Item Size"))
    organic = row["Type"] == "Organic"
    return quote(*named, quoted_on=day, organic=organic, reference=Decimal(row["Low Price"]))
