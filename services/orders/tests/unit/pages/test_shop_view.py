"""Which offers a request asks for, and how the page's small figures are written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.application.shop import MAX_SEARCH_WORDS, View, plain
from orders.entrypoints.pages.shop_view import address, asked_view, pressed_view
from orders.entrypoints.pages.sparklines import HEIGHT, MAX_POINTS, WIDTH, sparkline
from orders.entrypoints.pages.typed_money import cents_of, dollars_of

SHOWN = {"view_category": "herbs", "view_q": "", "view_page": "3", "q": "half typed"}


@pytest.mark.parametrize(
    ("pressed", "view"),
    [
        ({}, View("herbs", "", 3)),
        ({"category": "citrus"}, View("citrus")),
        ({"category": ""}, View()),
        ({"page": "4"}, View("herbs", "", 4)),
        ({"find": "1"}, View(None, "half typed")),
        ({"remove": "some-id"}, View("herbs", "", 3)),
    ],
)
def test_each_button_leads_where_it_says(pressed: dict[str, str], view: View) -> None:
    assert pressed_view({**SHOWN, **pressed}) == view


def test_an_address_leads_back_to_its_view() -> None:
    view = View("onions & potatoes", "año nuevo", 2)
    assert address("s", view) == "/order?store=s&category=onions+%26+potatoes&q=a%C3%B1o+nuevo&page=2"
    assert asked_view({"category": "onions & potatoes", "q": "año nuevo", "page": "2"}) == view


@given(st.dictionaries(st.sampled_from(["category", "q", "page"]), st.text(max_size=300)))
def test_no_address_breaks_a_view(arguments: dict[str, str]) -> None:
    view = asked_view(arguments)
    assert view.page >= 1
    assert len(view.words) <= MAX_SEARCH_WORDS
    assert "\x00" not in f"{view.category}{view.text}"
    f"{view.category}{view.text}".encode()


def test_words_are_searched_without_accents_and_case() -> None:
    assert View(text="PLÁTANO  Ñame").words == ("platano", "name")
    assert plain("Jalapeño") == "jalapeno"


@pytest.mark.parametrize(
    ("text", "cents"),
    [("12", 1_200), ("12.5", 1_250), ("12,50", 1_250), ("$ 3.05", 305), (" 0.99 ", 99), ("", None), ("1.234", None),
     ("-1", None), ("1e3", None), ("٣", None), ("99999999.99", None), ("12.50 $", 1_250)],
)  # fmt: skip
def test_dollars_are_read_as_people_type_them(text: str, cents: int | None) -> None:
    assert cents_of(text) == cents


@given(st.integers(0, 99_999_999))
def test_an_amount_reads_back_as_it_was_written(cents: int) -> None:
    assert cents_of(dollars_of(cents)) == cents


@given(st.lists(st.floats(0.01, 1_000_000), min_size=3, max_size=60))
def test_a_line_stays_in_its_frame_and_is_small(values: list[float]) -> None:
    path = sparkline(tuple(values)) or ""
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    x, y = numbers[0], numbers[1]
    for index in range(2, len(numbers), 2):
        x, y = x + numbers[index], y + numbers[index + 1]
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert x == WIDTH
    assert len(numbers) <= 2 * MAX_POINTS
    assert len(path) <= 8 * MAX_POINTS


def test_two_points_are_no_line() -> None:
    assert sparkline((1.0, 2.0)) is None
    assert sparkline((2.0, 2.0, 2.0)) == f"M0 {HEIGHT // 2}l30 0 30 0"
