from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading import raw_text, report_file
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection, Quarantined, ReportFile

TODAY = date(2026, 11, 21)
LEGACY = "Commodity Name,City Name,Type,Package,Variety,Sub Variety,Date,Low Price,High Price,Origin,Item Size"
ROW = "APPLES,LOS ANGELES,,cartons tray pack,FUJI,,9/24/2016,30,32,WASHINGTON,88s"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(body: str | bytes, name: str = "report.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(body.encode() if isinstance(body, str) else body)
        return path

    return write


def read(path: Path) -> list[Quote | Quarantined | OtherSection]:
    return list(ReportFile(path, path.name, TODAY).rows())


def only_quote(path: Path) -> Quote:
    (row,) = read(path)
    assert isinstance(row, Quote), row
    return row


def only_reason(path: Path) -> str:
    (row,) = read(path)
    assert isinstance(row, Quarantined), row
    return row.reason


def test_columns_are_found_by_name_in_any_order(write: Write) -> None:
    names, values = LEGACY.split(","), ROW.split(",")
    quote = only_quote(write(",".join(reversed(names)) + "\n" + ",".join(reversed(values)) + "\n"))
    assert (quote.traits.commodity, quote.traits.market, quote.traits.size) == ("APPLES", "Los Angeles", "88s")
    assert (quote.prices.low, quote.prices.high) == (Decimal(30), Decimal(32))
    assert quote.traits.report_id == "mnp-los-angeles"


def test_bom_and_crlf_and_gzip_change_nothing(write: Write, zipped: Callable[[str], bytes]) -> None:
    plain = only_quote(write(f"{LEGACY}\n{ROW}\n"))
    assert only_quote(write(f"\ufeff{LEGACY}\r\n{ROW}\r\n")) == plain
    assert only_quote(write(zipped(f"{LEGACY}\n{ROW}\n"))) == plain


def test_text_that_is_not_utf_8_is_read_as_windows_1252(write: Write) -> None:
    quote = only_quote(write(f"{LEGACY}\n{ROW}\n".replace("FUJI", "PIÑA").encode("cp1252")))
    assert quote.traits.variety == "PIÑA"


def test_the_commodity_is_in_the_file_name_where_the_column_is_missing(write: Write) -> None:
    body = f"{LEGACY.removeprefix('Commodity Name,')}\n{ROW.removeprefix('APPLES,')}\n"
    assert only_quote(write(body, "US-pumpkins.utf8-bom.csv")).traits.commodity == "PUMPKINS"
    assert "no commodity" in only_reason(write(body, "export.csv"))


def test_the_line_is_the_physical_one_where_the_record_starts(write: Write, mars: Callable[..., str]) -> None:
    path = write(
        mars(
            {"reporter_comment": "first\nsecond\nthird"},
            {"low_price": "nonsense", "reporter_comment": "a\nb"},
            {},
        )
    )
    lines = [(type(row).__name__, row.line) for row in read(path)]
    assert lines == [("Quote", 2), ("Quarantined", 5), ("Quote", 7)]


def test_rows_of_other_sections_are_no_quotes(write: Write, mars: Callable[..., str]) -> None:
    rows = read(write(mars({"_section": "Report Header", "commodity": "", "low_price": ""}, {})))
    assert [type(row) for row in rows] == [OtherSection, Quote]


def test_a_single_price_is_low_and_high(write: Write, mars: Callable[..., str]) -> None:
    quote = only_quote(write(mars({"high_price": "", "mostly_low_price": "30"})))
    assert (quote.prices.low, quote.prices.high, quote.prices.single_price) == (Decimal(30), Decimal(30), True)
    assert (quote.prices.mostly_low, quote.prices.mostly_high) == (Decimal(30), Decimal(30))


def test_no_price_is_a_row_without_a_quote_and_with_a_comment(write: Write, mars: Callable[..., str]) -> None:
    quote = only_quote(write(mars({"low_price": "", "high_price": "", "reporter_comment": "insufficient to quote"})))
    assert (quote.prices.low, quote.prices.high, quote.comment) == (None, None, "insufficient to quote")
    assert only_quote(write(mars({"low_price": "", "high_price": ""}))).comment == "no quote given"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"low_price": "33"}, "low 33 is above high 32.00"),
        ({"low_price": "-1"}, "low price is negative"),
        ({"high_price": "0"}, "high price is zero"),
        ({"low_price": "about 30"}, "low price is not a price"),
        ({"low_price": ""}, "without a low price"),
        ({"mostly_low_price": "29", "mostly_high_price": "31"}, "not a range within"),
        ({"mostly_high_price": "31"}, "without a mostly low"),
        ({"report_date": "02/30/2026"}, "report_date is not a day"),
        ({"report_date": "01/08/2099"}, "report_date is out of range"),
        ({"commodity": ""}, "commodity is blank"),
        ({"market_location_city": "N/A"}, "market_location_city is blank"),
        ({"organic": "maybe"}, "neither Y nor N"),
        ({"variety": "a\x00b"}, "control character"),
        ({"package": "x" * 400}, "longer than"),
    ],
)
def test_a_row_that_can_not_be_meant_is_quarantined_with_its_reason(
    write: Write, mars: Callable[..., str], changes: dict[str, str], reason: str
) -> None:
    assert reason in only_reason(write(mars(changes)))


def test_a_row_with_too_few_or_too_many_fields_is_quarantined(write: Write) -> None:
    rows = read(write(f"{LEGACY}\n{ROW},extra\n{ROW}\nAPPLES,LOS ANGELES\n"))
    assert [type(row) for row in rows] == [Quarantined, Quote, Quarantined]


def test_blank_lines_count_as_lines_but_not_as_rows(write: Write) -> None:
    (quote,) = read(write(f"{LEGACY}\n\n\n{ROW}\n"))
    assert quote.line == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xef\xbb\xbf \n<!doctype html><title>Error</title>", "an HTML page without a table of prices: .Error."),
        (b"<table><tr><td>APPLES", "breaks off within a table"),
        (b"\x1f\x8b\x08\x00garbage", "gzip"),
        ("\ufeffCommodity Name\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\x00\x00", "zip archive"),
        (f"{LEGACY}\n".encode(), "no rows"),
        (b"commodity,low_price\nApples,3\n", "columns are missing"),
        (f"{LEGACY},Low Price\n{ROW},3\n".encode(), "columns occur twice: low price"),
        (f'{LEGACY}\n{ROW}\n"open quote{ROW}\n'.encode(), "not CSV"),
        (f"{LEGACY}\n{ROW}\n".encode() + b"\x81\x8d", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_a_file_that_is_no_report_is_refused_with_its_reason(write: Write, body: bytes, reason: str) -> None:
    path = write(body)
    with pytest.raises(FileRefused, match=reason):
        read(path)


def test_a_refusal_names_the_line(write: Write) -> None:
    with pytest.raises(FileRefused) as refusal:
        read(write(f'{LEGACY}\n{ROW}\n{ROW}\n"open quote\n'))
    assert refusal.value.line == 4


def test_a_truncated_gzip_is_refused(write: Write, zipped: Callable[[str], bytes]) -> None:
    whole = zipped(f"{LEGACY}\n" + f"{ROW}\n" * 1000)
    with pytest.raises(FileRefused, match="truncated"):
        read(write(whole[: len(whole) // 2]))


def test_a_gzip_that_unpacks_without_end_is_refused(
    write: Write, zipped: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_text, "MAX_TEXT_BYTES", 100_000)
    with pytest.raises(FileRefused, match="more than 100000 bytes"):
        read(write(zipped("x" * 10_000_000)))


def test_too_many_rows_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_file, "MAX_ROWS", 3)
    with pytest.raises(FileRefused, match="more than 3 rows"):
        read(write(f"{LEGACY}\n" + f"{ROW}\n" * 4))


def test_a_csv_without_prices_is_not_a_price_report(write: Write) -> None:
    with pytest.raises(NotAPriceReport):
        read(write("city,code\nLos Angeles,HC\n"))
