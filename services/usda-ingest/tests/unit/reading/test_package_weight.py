from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.reading.package_weight import MAX_LB, PackageWeight, stated_weight


@pytest.mark.parametrize(
    ("package", "lb", "source"),
    [
        ("25 lb cartons", "25.00", "stated"),
        ("8 1-lb film bags", "8.00", "stated"),
        ("cartons10 1-lb film bags", "10.00", "stated"),
        ("cartons 12 4-oz packages", "3.00", "stated"),
        ("cartons 24 3 1/2-oz film bags", "5.25", "stated"),
        ("cartons 4 2-1/2 lb film bags", "10.00", "stated"),
        ("flats 12 4.4-oz/125-gm cups with lids", "3.30", "stated"),
        ("5 kg/11 lb cartons", "11.00", "stated"),
        ("9 kg (19.8 lb) containers loose", "19.80", "stated"),
        ("15 kg cartons", "33.07", "stated"),
        ("22-26 lb cartons", "24.00", "stated range"),
        ("containers approx 18 lbs", "18.00", "stated approximately"),
        ("24 inch bins 100 10-lb film bags", "1000.00", "stated"),
        ("cartons 12 22-oz (3 count) packages", "16.50", "stated"),
    ],
)
def test_a_weight_that_is_stated_is_read(package: str, lb: str, source: str) -> None:
    found = stated_weight(package)
    assert found is not None
    assert (found.lb, found.source) == (Decimal(lb), source)


@pytest.mark.parametrize(
    "package",
    [
        "cartons 2 layer",
        "1 1/9 bushel cartons",
        "36 inch bins",
        "flats 12 1-pint baskets with lids",
        "35 lb min containers",
        "bushel & 40-45 lb reusable plastic containers (RPC)",
        "1 3/4 bushel crates and 50 lb cartons",
        "cartons 10 tubes 3s 14-oz",
        "9999999 9999999-lb bags",
        "cartons 12 1/0-lb bags",
        "2 1/0 lb bags",
        "0 lb bags",
        "",
    ],
)
def test_a_weight_that_is_not_plain_is_not_guessed(package: str) -> None:
    assert stated_weight(package) is None


WHOLE = st.integers(min_value=1, max_value=99)


@given(count=WHOLE, pounds=WHOLE, unit=st.sampled_from(["lb", "oz"]))
def test_so_many_of_so_much_is_their_product_never_their_digits(count: int, pounds: int, unit: str) -> None:
    expected = (Decimal(count * pounds) / (16 if unit == "oz" else 1)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    for text in (f"cartons {count} {pounds}-{unit} film bags", f"{count} {pounds}-{unit} film bags"):
        found = stated_weight(text)
        assert found == (PackageWeight(expected, "stated") if expected else None)


@given(low=WHOLE, more=WHOLE)
def test_a_range_is_its_middle(low: int, more: int) -> None:
    found = stated_weight(f"{low}-{low + more} lb cartons")
    assert found == PackageWeight((low + Decimal(more) / 2).quantize(Decimal("0.01")), "stated range")


@given(
    number=st.decimals(min_value="0.1", max_value="999.9", places=1),
    words=st.lists(st.sampled_from(["cartons", "loose", "film", "bags", "tray pack", "48s", "2 layer"]), max_size=4),
)
def test_words_around_a_weight_change_nothing(number: Decimal, words: list[str]) -> None:
    found = stated_weight(" ".join([f"{number} lb", *words]))
    assert found == PackageWeight(number.quantize(Decimal("0.01")), "stated")


@given(st.text(max_size=60) | st.from_regex(r"([0-9]{1,7}[ ./-]?|lb |oz |kg |-lb |x|s ){0,12}", fullmatch=True))
def test_no_text_breaks_the_parser_or_weighs_nothing_or_more_than_a_truck(text: str) -> None:
    found = stated_weight(text)
    assert found is None or 0 < found.lb <= MAX_LB


@pytest.mark.parametrize("text", ["48s", "cartons 48s", "88s tray pack", "24 count cartons", "2 1/2 dozen"])
def test_a_count_tells_no_weight(text: str) -> None:
    assert stated_weight(text) is None


@pytest.mark.parametrize(("package", "lb"), [("8 1-lb film bags", "8.00"), ("65-70 lb cartons", "67.50")])
def test_the_trap_of_the_stripped_digits(package: str, lb: str) -> None:
    found = stated_weight(package)
    assert found is not None
    assert str(found.lb) == lb
