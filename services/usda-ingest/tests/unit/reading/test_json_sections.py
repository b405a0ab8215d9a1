import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading.containers import json_text
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection, Remark

Details = Callable[..., dict[str, Any]]
HEADER = {
    "report_date": "01/08/2026",
    "published_Date": "01/08/2026 13:44:49",
    "slug_id": 2306,
    "report_title": "Los Angeles Fruit",
    "city": "Los Angeles",
    "report_narrative": "MARKET STEADY\nClear 50",
}


def section(name: str, *results: Any, **more: Any) -> dict[str, Any]:
    stats = {"totalRows:": len(results), "returnedRows:": len(results), "userAllowedRows:": 100_000}
    return {"reportSection": name, "reportSections": ["Report Header", "Report Details"], "stats": stats, **more} | {
        "results": list(results)
    }


def test_one_section_and_the_list_of_all_sections_are_read(files: Any, details: Details) -> None:
    alone = files.quote(json.dumps(section("Report Details", details())))
    header, among = files.rows(json.dumps([section("Report Header", HEADER), section("Report Details", details())]))
    assert isinstance(header, OtherSection)
    assert isinstance(among, Quote)
    assert (alone.traits, alone.prices) == (among.traits, among.prices)
    assert (alone.line, header.line, among.line) == (1, 1, 2)


def test_json_says_the_same_as_the_flattened_csv(files: Any, details: Details, mars: Callable[..., str]) -> None:
    row = details(market_tone_comments=None)
    from_json, from_csv = files.quote(json.dumps(section("Report Details", row))), files.quote(mars({}))
    assert (from_json.row_key, from_json.value_key) == (from_csv.row_key, from_csv.value_key)


@pytest.mark.parametrize("written", ["30.10", "0.1", "123456.0001", "30", ".5"])
def test_a_price_is_the_digits_that_were_sent(files: Any, details: Details, written: str) -> None:
    body = json.dumps(section("Report Details", details(low_price="@", high_price=None)))
    number = written if written[0] != "." else f'"{written}"'
    quote = files.quote(body.replace('"@"', number))
    assert str(quote.prices.low) == str(Decimal(written))


@pytest.mark.parametrize("written", ["1e2", "NaN", "-Infinity", "30.00001", "true", "[30]", '{"low": 30}', "9" * 5_000])
def test_what_is_no_price_is_quarantined(files: Any, details: Details, written: str) -> None:
    body = json.dumps(section("Report Details", details(low_price="@")))
    assert "low" in files.reason(body.replace('"@"', written))


def test_a_field_that_only_some_rows_have_is_blank_in_the_others(files: Any, details: Details) -> None:
    rows = files.rows(json.dumps(section("Report Details", details(), details(reporter_comment="few"))))
    assert [row.comment for row in rows] == ["", "few"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda body: body.replace('"low_price":', '"low_price": 1, "low_price":'), "a field occurs twice"),
        (lambda body: body.replace("HASS", "\\ud800"), "'variety' holds half a character"),
        (lambda body: body.replace('"HASS"', '["HASS"]'), "'variety' holds more than one value"),
        (lambda body: body.replace("HASS", "a\\u0000b"), "variety contains a control character"),
    ],
)
def test_a_row_that_is_none_is_quarantined(
    files: Any, details: Details, change: Callable[[str], str], reason: str
) -> None:
    (row,) = files.rows(change(json.dumps(section("Report Details", details()))))
    assert row.reason == reason
    row.raw.encode()


def test_a_result_that_is_no_object_is_quarantined(files: Any, details: Details) -> None:
    rows = files.rows(json.dumps(section("Report Details", details(), "text", None)))
    assert [getattr(row, "reason", "") for row in rows] == ["", *["a result that is no object"] * 2]


def test_an_answer_that_was_cut_short_is_read_and_remarked(files: Any, details: Details) -> None:
    stats = {"totalRows": 12_000, "returnedRows": 5_000}
    report = files.open(json.dumps(section("Report Details", details()) | {"stats": stats}))
    assert len(list(report.rows())) == 1
    assert report.remarks() == [Remark("the answer holds 5000 of 12000 rows of Report Details")]


def test_a_holiday_with_its_narrative_only_is_no_mistake(files: Any) -> None:
    answers = [section("Report Header", HEADER), [section("Report Header", HEADER), section("Report Details")]]
    for answer in answers:
        (row,) = files.rows(json.dumps(answer))
        assert row.report.narrative == "MARKET STEADY\nClear 50"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"message": "The report is not available"}', "JSON without results: 'The report is not available'"),
        ("[]", "JSON without results"),
        ("{}", "JSON without results"),
        ('{"results": []}', "no rows"),
        ('{"results": [{"a": 1}', "breaks off"),
        ('{"results": [{"a": 1}]} x', "something follows"),
        ('{"results": [], "results": []}', "named twice"),
        ('{"results": [{"a": 1} {"b": 2}]}', "instead of"),
        ("{'results': []}", "not JSON"),
        ("[" * 100_000, "not JSON|nested|breaks off"),
        ('{"x": ' + "[" * 100_000, "nested too deeply"),
        ('{"x": "' + "a" * 10_000_000 + '"}', "more than 1048576 characters"),
        ('{"results": [' + ",".join(f'{{"k{n}": 1}}' for n in range(1_001)) + "]}", "more than 1000 different"),
    ],
)
def test_json_that_is_no_answer_is_refused(files: Any, body: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        files.rows(body)


def test_an_answer_about_something_else_is_no_price_report(files: Any) -> None:
    with pytest.raises(NotAPriceReport):
        files.rows(json.dumps(section("Report Details", {"commodity": "Apples", "10000_lb_units": "12"})))


def test_values_across_the_edges_of_chunks_are_whole(
    files: Any, details: Details, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [details(item_size=f"{size}s", low_price=size + 1, high_price=None) for size in range(40)]
    body = json.dumps([section("Report Header", HEADER), section("Report Details", *rows)])
    whole = files.rows(body)
    for length in (1, 7, 64):
        monkeypatch.setattr(json_text, "_CHUNK_CHARS", length)
        assert files.rows(body) == whole
