import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from orders.domain.order import MAX_QUANTITY, LineRequest, OnShortage
from orders.entrypoints.pages.door import kept_form, typed_fields
from orders.entrypoints.pages.order_form import read_form, whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("  ", 0),
        ("0", 0),
        (" 7 ", 7),
        ("007", 7),
        ("10000", 10_000),
        ("10001", None),
        ("x", None),
        ("-1", None),
    ],
)
def test_a_quantity_is_a_whole_number_or_none(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@given(st.text())
def test_no_text_breaks_a_quantity(text: str) -> None:
    number = whole_number(text)
    assert number is None or 0 <= number <= MAX_QUANTITY


def test_a_posted_form_becomes_lines_with_the_prices_that_were_shown() -> None:
    typed = read_form(
        MultiDict(
            {"quantity-a": "2", "price-a": "1250", "quantity-b": "", "quantity-c": "0", "price-c": "x", "other": "1"}
        )
    )
    assert typed.lines() == (LineRequest("a", 2, 1250, keeps_limit=False),)
    assert typed.on_shortage is OnShortage.REJECT


def test_line_ends_of_a_note_do_not_count_twice() -> None:
    assert read_form(MultiDict({"note": "one\r\ntwo"})).note == "one\ntwo"


def test_partial_is_only_what_says_so() -> None:
    assert read_form(MultiDict({"on_shortage": "partial"})).on_shortage is OnShortage.PARTIAL
    assert read_form(MultiDict({"on_shortage": "yes"})).on_shortage is OnShortage.REJECT


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=40), max_size=20))
def test_no_form_breaks_the_reading(fields: dict[str, str]) -> None:
    typed = read_form(MultiDict(fields))
    assert all(line.quantity > 0 for line in typed.lines())


def test_what_waits_behind_the_sign_in_is_what_was_typed() -> None:
    form = MultiDict(
        {
            "quantity-a": "2",
            "price-a": "5",
            "quantity-b": "",
            "price-b": "6",
            "note": "",
            "store_id": "s",
            "csrf_token": "t",
        }
    )
    kept = typed_fields(form)
    assert kept == {"quantity-a": "2", "price-a": "5", "store_id": "s"}
    waiting = MultiDict({f"kept-{name}": value for name, value in kept.items()} | {"email": "e"})
    assert kept_form(waiting).to_dict() == kept
