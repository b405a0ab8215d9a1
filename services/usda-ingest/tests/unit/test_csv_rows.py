import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from usda_ingest.api.csv_rows import COLUMNS, header, lines

AMOUNTS = ("low", "high", "mostly_low", "mostly_high", "weight_lb")
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


@given(TEXT)
def test_every_text_comes_back_when_one_apostrophe_is_taken_away(text: str) -> None:
    ((cell, *_),) = read(lines([dict.fromkeys(COLUMNS, "x") | {"series_id": text}]))
    assert cell.removeprefix("'") == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_amounts_are_written_as_they_are() -> None:
    quote = dict.fromkeys(COLUMNS) | dict.fromkeys(AMOUNTS, "-1.50") | {"organic": True, "single_price": False}
    (cells,) = read(lines([quote]))
    assert {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell} == {
        **dict.fromkeys(AMOUNTS, "-1.50"),
        "organic": "true",
        "single_price": "false",
    }


def test_the_header_is_a_line_of_its_own() -> None:
    assert header().endswith(b"weight_source,comment\r\n")
