from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.errors import RowProblem
from usda_ingest.reading.values import MAX_TEXT_CHARS, day, fold, price, text

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("written", ["30.00", "270", ".61", "999999.9999", "1000000", " 21.5 "])
def test_a_plain_decimal_is_the_exact_price(written: str) -> None:
    assert price(written, "low") == Decimal(written.strip())


@given(st.decimals(min_value="0.0001", max_value="1000000", places=4, allow_nan=False))
def test_no_price_loses_a_digit(number: Decimal) -> None:
    assert price(f"{number:f}", "low") == number


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-1.00", "negative"),
        ("(3.00)", "negative"),
        ("0", "zero"),
        ("0.00", "zero"),
        ("abc", "not a price"),
        ("1e5", "not a price"),
        ("NaN", "not a price"),
        ("Infinity", "not a price"),
        ("12,771", "not a price"),
        ("$34.00", "not a price"),
        ("34.00-36.00", "not a price"),
        ("١٢", "not a price"),
        ("12345678", "not a price"),
        ("1000000.0001", "above 1,000,000"),
        ("9999999", "above 1,000,000"),
        ("1.23456", "not a price"),
    ],
)
def test_what_is_no_price_is_refused_with_its_reason(written: str, reason: str) -> None:
    with pytest.raises(RowProblem, match=reason):
        price(written, "low")


def test_a_blank_price_is_none() -> None:
    assert price("  ", "low") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("4/29/17", date(2017, 4, 29)),
        ("9/24/2016", date(2016, 9, 24)),
        ("09/24/2016", date(2016, 9, 24)),
        ("01/20/2026", date(2026, 1, 20)),
        ("11/28/2026", date(2026, 11, 28)),
    ],
)
def test_every_form_of_a_day_is_read(written: str, expected: date) -> None:
    assert day(written, "date", TODAY) == expected


@pytest.mark.parametrize("written", ["", "2026-01-20", "13/01/2026", "2/30/2026", "1/1/1989", "12/01/2026", "1/1/026"])
def test_a_day_that_is_none_or_out_of_range_is_refused(written: str) -> None:
    with pytest.raises(RowProblem, match=r"not a day|out of range"):
        day(written, "date", TODAY)


def test_blanks_are_collapsed_and_n_a_means_blank() -> None:
    assert text("  two  words\n", "x") == "two words"
    assert text("N/A", "x") == text("n/a ", "x") == ""
    assert fold("  Los  ANGELES ") == "los angeles"


def test_a_control_character_or_an_endless_text_is_refused() -> None:
    with pytest.raises(RowProblem, match="control character"):
        text("a\x00b", "x")
    with pytest.raises(RowProblem, match="longer than"):
        text("x" * (MAX_TEXT_CHARS + 1), "x")
