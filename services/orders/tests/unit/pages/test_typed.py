"""What staff type, read as they mean it or refused; never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.entrypoints.pages.typed import MAX_DIGITS
from orders.entrypoints.pages.typed_money import cents_of, dollars_of


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("34.5", 3_450),
        ("34,5", 3_450),
        ("$34.50", 3_450),
        ("34,50", 3_450),
        ("$ 1,234", 123_400),
        ("1,234.5", 123_450),
        ("1.234,50", 123_450),
        ("1 234,50", 123_450),
        ("0.07", 7),
        ("1,234,567.89", 123_456_789),
    ],
)
def test_dollars_are_read_as_they_are_written_on_both_sides_of_the_border(text: str, cents: int) -> None:
    assert cents_of(text) == cents


@pytest.mark.parametrize(
    "text", ["", "1.234", "3.", ".5", "1.2.3", "34.505", "-1", "1e3", "٣٤", "½", "12,34,567", "9" * 50, "\x00"]
)
def test_what_is_doubtful_is_refused(text: str) -> None:
    assert cents_of(text) is None


@given(st.integers(min_value=0, max_value=10**MAX_DIGITS))
def test_what_a_field_shows_is_read_back(cents: int) -> None:
    assert cents_of(dollars_of(cents)) == cents


@given(st.text(max_size=100))
def test_no_text_breaks_it(text: str) -> None:
    found = cents_of(text)
    assert found is None or found >= 0
