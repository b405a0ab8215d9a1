"""What is odd about the USDA's rows, one made-up row each (reference, section 4)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Mars = Callable[..., str]


@pytest.mark.parametrize("flag", ["FINEAPPEAR", "Fine Appearance", "FR QUAL", "Fair Quality", "HOLDOVERS"])
@pytest.mark.parametrize("column", ["appearance", "quality", "condition"])
def test_a_quality_flag_in_either_spelling_sets_the_row_apart(files: Any, mars: Mars, column: str, flag: str) -> None:
    assert not files.quote(mars({column: flag})).is_headline
    assert files.quote(mars({column: "N/A"})).is_headline


@pytest.mark.parametrize(
    ("column", "spellings"),
    [
        ("item_size", ("lge", "large")),
        ("commodity", ("CANTALOUPS", "Cantaloupes")),
        ("commodity", ("LETTUCE, ICEBERG", "Lettuce, Romaine")),
    ],
)
def test_words_are_kept_as_written_and_never_taken_for_each_other(
    files: Any, mars: Mars, column: str, spellings: tuple[str, str]
) -> None:
    rows = [files.quote(mars({column: spelling})) for spelling in spellings]
    assert rows[0].row_key != rows[1].row_key


def test_case_and_blanks_do_not_tell_rows_apart(files: Any, mars: Mars) -> None:
    plain, odd = files.quote(mars({})), files.quote(mars({"commodity": " AVOCADOS ", "package": "cartons  2 layer"}))
    assert plain.row_key == odd.row_key


@pytest.mark.parametrize("column", ["repack", "storage", "transportation_mode", "grade", "crop", "environment"])
def test_what_describes_a_row_tells_it_apart(files: Any, mars: Mars, column: str) -> None:
    body = mars({}).replace("reporter_comment", column)
    one, other = files.quote(body[:-1] + "N\n"), files.quote(body[:-1] + "LE\n")
    assert one.row_key != other.row_key


@pytest.mark.parametrize(
    "comment", ["offerings insufficient to quote", "OFFERINGS INSUFFICIENT TO QUOTE", "no offerings"]
)
def test_a_row_without_prices_keeps_its_comment(files: Any, mars: Mars, comment: str) -> None:
    quote = files.quote(mars({"low_price": "", "high_price": "", "reporter_comment": comment}))
    assert (quote.prices.low, quote.comment) == (None, comment)


def test_prices_in_a_comment_stay_a_comment(files: Any, mars: Mars) -> None:
    quote = files.quote(mars({"reporter_comment": "fair appearance 20.00-22.00,  few 26.75"}))
    assert (quote.prices.low, quote.prices.high) == (Decimal(30), Decimal(32))
    assert quote.comment == "fair appearance 20.00-22.00, few 26.75"


def test_a_quote_of_inches_and_a_comma_are_part_of_the_text(files: Any, mars: Mars) -> None:
    quote = files.quote(mars({"commodity": "Peppers, Bell Type", "item_size": "X"}).replace("X", '"2 1/2"" min"'))
    assert (quote.traits.commodity, quote.traits.size) == ("Peppers, Bell Type", '2 1/2" min')


def test_a_wide_range_is_read_and_known(files: Any, mars: Mars) -> None:
    rows = [{"low_price": low, "high_price": "100"} for low in ("60", "59.99", "100", "20")]
    report = files.open(mars(*rows))
    assert len(list(report.rows())) == 4
    assert [quote.line for quote in report.wide_quotes()] == [3, 5]


@pytest.mark.parametrize(
    ("unit_of_sale", "unit"), [("PER LB", "lb"), ("PER BIN", "package"), ("ON THE VINE", "package"), ("EACH", "each")]
)
def test_unit_of_sale_is_a_unit_only_where_it_names_one(files: Any, mars: Mars, unit_of_sale: str, unit: str) -> None:
    body = mars({"package": "36 inch bins"}).replace("reporter_comment", "unit_sales")
    assert files.quote(body[:-1] + unit_of_sale + "\n").traits.unit == unit


def test_rows_of_one_key_with_two_prices_differ_in_value_only(files: Any, mars: Mars) -> None:
    one, other, again = files.rows(mars({}, {"low_price": "15"}, {}))
    assert one.row_key == other.row_key
    assert one.value_key != other.value_key
    assert (one.row_key, one.value_key) == (again.row_key, again.value_key)
