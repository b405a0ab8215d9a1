from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from usda_ingest.errors import FileRefused
from usda_ingest.reading.quote import Quote

Excel = Callable[..., str]


def test_the_portals_excel_export_is_read_as_the_legacy_format(files: Any, excel: Excel) -> None:
    report = files.open(excel({}), "export.xls")
    (quote,) = report.rows()
    assert report.format.name == "legacy"
    assert (quote.traits.market, quote.traits.commodity, quote.traits.size) == ("Los Angeles", "TOMATOES", "5x6")
    assert (quote.prices.low, quote.prices.high, quote.notes) == (Decimal(12), Decimal(14), ("", "ABOUT STEADY."))


def test_the_position_is_the_tables_row(files: Any, excel: Excel) -> None:
    rows = files.rows(excel({}, {"Low Price": "-1"}, {}))
    assert [(type(row).__name__, row.line) for row in rows] == [("Quote", 2), ("Quarantined", 3), ("Quote", 4)]


def test_entities_blanks_and_line_breaks_in_cells_are_text(files: Any, excel: Excel) -> None:
    row = {
        "Item Size": "2 1/2&quot; min",
        "Origin": "&nbsp;",
        "Comments": "few<br>higher &amp; lower",
        "Variety": "PI&Ntilde;A",
    }
    quote = files.quote(excel(row))
    assert (quote.traits.size, quote.traits.origin, quote.traits.variety) == ('2 1/2" min', "", "PIÑA")
    assert quote.comment == "few higher & lower"


def test_the_table_of_prices_is_found_among_others_and_within_them(files: Any, excel: Excel) -> None:
    page = excel(
        {}, before="<table><tr><td>Home</td><td>Help</td></tr></table><table><tr><td>", after="</td></tr></table>"
    )
    assert isinstance(files.quote(page), Quote)
    titled = excel({}).replace("<tr><th>", "<tr><td colspan=29>Report of 05/03/2021</td></tr><tr><th>", 1)
    assert files.quote(titled).line == 3


def test_cells_and_rows_need_no_end_tags(files: Any, excel: Excel) -> None:
    sloppy = excel({}, {}).replace("</td>", "").replace("</th>", "").replace("</tr>", "").replace("</body></html>", "")
    assert len(files.rows(sloppy)) == 2


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_a_page_is_read_in_its_encoding_whatever_it_declares(files: Any, excel: Excel, charset: str) -> None:
    page = excel({"Variety": "PIÑA"}, before='<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">')
    assert files.quote(page.encode(charset)).traits.variety == "PIÑA"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<html><head><title>503 Service Unavailable</title></head><body>x", "'503 Service Unavailable'"),
        ("<html><body><script>var a;</script><h1>Please  try</h1> again later", "'Please try again later'"),
        ("<!DOCTYPE html><html><body></body></html>", "it says nothing"),
        ("<table><tr><th>City</th><th>Code</th></tr><tr><td>LA</td><td>HC</td></tr></table>", "'City Code LA HC'"),
    ],
)
def test_a_page_that_is_no_report_is_refused_with_what_it_says(files: Any, page: str, reason: str) -> None:
    with pytest.raises(FileRefused, match="without a table of prices") as refusal:
        files.rows(page)
    assert reason in refusal.value.reason


def test_a_page_that_breaks_off_in_its_table_is_refused(files: Any, excel: Excel) -> None:
    page = excel(*[{"Item Size": f"{size}s"} for size in range(500)])
    with pytest.raises(FileRefused, match="breaks off"):
        files.rows(page[: len(page) // 2])


def test_a_row_of_other_width_is_quarantined(files: Any, excel: Excel) -> None:
    page = excel({}).replace("</table>", "<tr><td colspan=29>Source: USDA</td></tr></table>")
    _, footer = files.rows(page)
    assert (footer.reason, footer.raw) == ("1 fields instead of 29", "Source: USDA")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<table>" + "<div>" * 100_000, "nested more than 100 deep"),
        ("<table>" + "<tr><td><table>" * 60, "nested more than 100 deep"),
        ("<table><tr>" + "<td>a" * 1_000_000, "more than 1000 columns"),
        ("<table><tr><td>" + "a" * 10_000_000, "more than 131072 characters"),
        ("<table><tr><td" + "".join(f' a{n}="<>"' for n in range(300_000)), "a tag or comment of more than 1048576"),
        ("<table><!--" + "a" * 3_000_000, "a tag or comment of more than 1048576"),
        ("<table>" + "".join(f"<x{n}></x{n}>" for n in range(2_001)), "more than 2000 different tags"),
    ],
)
def test_a_page_without_bounds_is_refused(files: Any, page: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        files.rows(page)


def test_a_character_that_is_none_does_no_harm(files: Any, excel: Excel) -> None:
    (row,) = files.rows(excel({"Variety": "a&#xD800;b&#0;c"}))
    assert (row.traits.variety if isinstance(row, Quote) else row.raw).encode()
