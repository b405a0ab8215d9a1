"""Products as people and spreadsheets write them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.application.product_sheet import MAX_ROWS, read_sheet, write_sheet
from orders.application.product_text import COLUMNS, read_product, written
from orders.domain.product import MAX_PRICE_CENTS, Product, Rule, faults, tidy

NAMES = {"name": "Limes", "name_es": "Limón", "category": "citrus", "pack": "40 lb cartons"}


def value(column: str, text: str) -> object:
    """Return what a column is read as, or the rule that refuses it."""
    read = read_product({**NAMES, column: text}, None)
    if read.product is None:
        assert [fault.field for fault in read.faults] == [column]
        return read.faults[0].rule
    name = {"yield_percent": "yield_share", "markup_percent": "markup", "floor": "floor_cents"}.get(column, column)
    return getattr(read.product, name)


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("floor", "$1,234.50", 123_450),
        ("floor", " 1234.5 ", 123_450),
        ("floor", "0", 0),
        ("floor", "", None),
        ("floor", "1.005", Rule.TOO_PRECISE),
        ("floor", "-1", Rule.TOO_LITTLE),
        ("floor", "30000000", Rule.TOO_MUCH),
        ("floor", "12,5", Rule.DECIMAL_COMMA),
        ("floor", "1.234,50", Rule.NOT_A_NUMBER),
        ("floor", "1,23,4", Rule.NOT_A_NUMBER),
        ("floor", "9" * 5_000, Rule.NOT_A_NUMBER),
        ("floor", "1E+05", Rule.NOT_A_NUMBER),
        ("floor", "٣", Rule.NOT_A_NUMBER),
        ("floor", "2026-01-08", Rule.A_DATE),
        ("floor", "1/8/2026", Rule.A_DATE),
        ("floor", "#REF!", Rule.SPREADSHEET_ERROR),
        ("floor", "######", Rule.SPREADSHEET_ERROR),
        ("units_per_package", "1,000", Decimal(1_000)),
        ("units_per_package", "0.5", Decimal("0.5")),
        ("units_per_package", "", Decimal(1)),
        ("units_per_package", "0", Rule.TOO_LITTLE),
        ("units_per_package", "two", Rule.NOT_A_NUMBER),
        ("yield_percent", "95", Decimal("0.95")),
        ("yield_percent", "95 %", Decimal("0.95")),
        ("yield_percent", "95.25%", Decimal("0.9525")),
        ("yield_percent", "0.95", Rule.NOT_IN_PER_CENT),
        ("yield_percent", "1", Rule.NOT_IN_PER_CENT),
        ("yield_percent", "1%", Decimal("0.01")),
        ("yield_percent", "101", Rule.TOO_MUCH),
        ("yield_percent", "0", Rule.TOO_LITTLE),
        ("yield_percent", "%", Rule.NOT_A_NUMBER),
        ("markup_percent", "12", Decimal("0.12")),
        ("markup_percent", "-10%", Decimal("-0.1")),
        ("markup_percent", "0.12", Rule.NOT_IN_PER_CENT),
        ("markup_percent", "0", Decimal(0)),
        ("markup_percent", "-100", Rule.TOO_LITTLE),
        ("case_size", "12", 12),
        ("case_size", "12.0", 12),
        ("case_size", "12.5", Rule.NOT_WHOLE),
        ("case_size", "1", Rule.TOO_LITTLE),
        ("active", "Sí", True),
        ("active", "NO", False),
        ("active", "", True),
        ("active", "perhaps", Rule.NOT_YES_OR_NO),
        ("pack", "2-Jan", Rule.A_DATE),
        ("pack", "1/2 cartons", "1/2 cartons"),
        ("pack", "12-lbs", "12-lbs"),
        ("name", "x" * 81, Rule.TOO_LONG),
        ("name", "a\x00", Rule.NOT_TEXT),
        ("name", "\ud800", Rule.NOT_TEXT),
        ("name", " ", Rule.MISSING),
        ("series_id", "5F1B7D3E-4B0A-5C8E-9D43-0F6A2B1C7E90", "5f1b7d3e-4b0a-5c8e-9d43-0f6a2b1c7e90"),
        ("series_id", "hass", Rule.NOT_AN_ID),
    ],
)
def test_a_cell_is_read_or_says_why_not(column: str, text: str, expected: object) -> None:
    assert value(column, text) == expected


def test_a_ceiling_below_the_floor_is_said_of_the_ceiling() -> None:
    read = read_product({**NAMES, "floor": "2", "ceiling": "1"}, None)
    assert [(fault.field, fault.rule) for fault in read.faults] == [("ceiling", Rule.BELOW_FLOOR)]


def test_an_empty_cell_takes_away_what_is_optional_and_leaves_what_is_not() -> None:
    base = Product(**NAMES, markup=Decimal("0.3"), floor_cents=5, active=False)  # type: ignore[arg-type]
    read = read_product({"markup_percent": "", "floor": "", "active": ""}, base).product
    assert read is not None
    assert (read.markup, read.floor_cents, read.active) == (Decimal("0.3"), None, False)


texts = (
    st.text(min_size=1, max_size=80)
    .map(tidy)
    .filter(lambda text: not list(faults(Product(text, "x", "x", "x"))) and value("pack", text) == text)
)
cents = st.none() | st.integers(0, MAX_PRICE_CENTS)
products = st.builds(
    Product,
    name=texts,
    name_es=texts,
    category=texts,
    pack=texts,
    series_id=st.none() | st.uuids().map(str),
    units_per_package=st.decimals("0.001", "9999999.999", places=3),
    yield_share=st.decimals("0.0001", "1", places=4),
    markup=st.decimals("-0.9999", "99.9999", places=4),
    floor_cents=cents,
    case_size=st.none() | st.integers(2, 10_000),
    active=st.booleans(),
)


@given(products)
def test_what_is_written_is_read_back_the_same(product: Product) -> None:
    assert read_product(written(product), None).product == product


@settings(max_examples=30)
@given(st.lists(products, min_size=1, max_size=5), st.booleans())
def test_a_file_that_was_written_is_read_back_the_same(kept: list[Product], with_bom: bool) -> None:
    body = "".join(write_sheet(map(written, kept), with_bom=with_bom)).encode()
    sheet = read_sheet(body)
    assert sheet.faults == ()
    assert [read_product(row.cells, None).product for row in sheet.rows] == kept


@given(st.dictionaries(st.sampled_from(COLUMNS[1:]), st.text(max_size=200)))
def test_no_text_breaks_the_reading(cells: dict[str, str]) -> None:
    read = read_product(cells, None)
    assert (read.product is None) == bool(read.faults)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading_of_a_file(body: bytes) -> None:
    sheet = read_sheet(body)
    assert sheet.rows or sheet.faults


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1dx", "'=x", "''=x", "=cmd|' /C calc'!A0"])
def test_no_cell_leaves_as_a_formula_and_each_comes_back_as_it_was(formula: str) -> None:
    product = Product(formula, formula, formula, formula)
    body = "".join(write_sheet([written(product)], with_bom=False))
    row = body.splitlines()[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\uff1d")) for cell in row.replace('"', "").split(","))
    assert read_product(read_sheet(body.encode()).rows[0].cells, None).product == product


@pytest.mark.parametrize(
    "body",
    [
        "name,pack\nLimes,40 lb\n",
        "\ufeffname,pack\r\nLimes,40 lb\r\n",
        "sep=;\r\nname;pack\r\nLimes;40 lb\r\n",
        "NAME \tPack\nLimes\t40 lb",
        '\n\n"name";"pack"\n\n"Limes";"40 lb"\n;;\n',
        "pack,name,\n40 lb,Limes,\n",
        "name,pack\rLimes,40 lb\r",
    ],
)
def test_files_come_in_many_shapes(body: str) -> None:
    for encoded in (body.encode(), body.removeprefix("\ufeff").encode("utf-16")):
        sheet = read_sheet(encoded)
        assert sheet.faults == ()
        assert [dict(row.cells) for row in sheet.rows] == [{"name": "Limes", "pack": "40 lb"}]


@pytest.mark.parametrize(
    ("body", "line", "rule"),
    [
        (b"", 1, Rule.EMPTY_FILE),
        (b" \n ", 1, Rule.EMPTY_FILE),
        (b"name,pack\n", 1, Rule.EMPTY_FILE),
        (b"name,pack\nLim\xf3n,x\n", 2, Rule.NOT_UTF8),
        (b"name,pack,colour\na,b,c\n", 1, Rule.UNKNOWN_COLUMN),
        (b"name,pack,pack\na,b,c\n", 1, Rule.COLUMN_TWICE),
        (b"name,category\na,b\n", 1, Rule.COLUMN_MISSING),
        (b'name,pack\n"a,b\nc,d\n', 2, Rule.BROKEN_QUOTES),
        (b"name,pack\na,b,c\n", 2, Rule.TOO_MANY_CELLS),
        (b"name,pack\n" + b"a,b\n" * (MAX_ROWS + 1), MAX_ROWS + 2, Rule.TOO_MANY_ROWS),
        (b"," * 1_000_000, 1, Rule.EMPTY_FILE),
        (b"a," * 1_000_000, 1, Rule.TOO_MANY_CELLS),
    ],
)
def test_what_is_no_file_of_products_says_why_and_where(body: bytes, line: int, rule: Rule) -> None:
    [fault] = read_sheet(body).faults
    assert (fault.line, fault.fault.rule) == (line, rule)


def test_a_line_is_counted_as_an_editor_counts_it() -> None:
    sheet = read_sheet(b'name,pack\n\n"two\nlines",x\nlast,y\n')
    assert [row.line for row in sheet.rows] == [3, 5]
