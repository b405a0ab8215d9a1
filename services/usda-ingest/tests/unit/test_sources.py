"""What each kind of source asks, and how it judges what comes back; no network."""

import json
import tracemalloc
from datetime import date
from typing import Any

import pytest
from scrapy.http import HtmlResponse, Response
from usda_ingest.sources.configured import build
from usda_ingest.sources.exports import is_empty
from usda_ingest.sources.links import file_name, is_csv, is_page, is_versioned
from usda_ingest.sources.source import NOTHING, TAKE, Ask, Kind, Source
from usda_ingest.sources.source_settings import SourceSettings
from usda_ingest.sources.visit import Visit
from usda_ingest.sources.window import Window
from usda_site.portal import export

MARS = SourceSettings("mars", "https://api.test/services/v1.2", ("2306", "2307"), can_backfill=True, key="k")
PORTAL = SourceSettings("portal", "https://portal.test/mnp/", can_backfill=True, market="HC")
WEEK = Window(date(2026, 1, 2), date(2026, 1, 8))


def source(settings: SourceSettings) -> Source:
    (built,) = build([settings])
    return built


def section(rows: list[Any], **stats: Any) -> dict[str, Any]:
    return {"reportSection": "Report Details", "stats": stats, "results": rows}


def asks(visit: Visit) -> list[str]:
    return [ask.url.removeprefix("https://api.test/services/v1.2/reports/") for ask in source(MARS).begin(visit)]


def test_the_api_is_asked_for_days_and_nothing_else() -> None:
    assert asks(Visit(WEEK)) == [
        f"{report}?q=report_begin_date=01/02/2026:01/08/2026&allSections=true" for report in ("2306", "2307")
    ]


def test_a_long_window_is_asked_for_in_months_report_by_report() -> None:
    found = asks(Visit(Window(date(2026, 1, 1), date(2026, 2, 28))))
    days = [question.partition("=report_begin_date=")[2].partition("&")[0] for question in found]
    assert days == ["01/01/2026:01/31/2026"] * 2 + ["02/01/2026:02/28/2026"] * 2


def test_corrections_are_asked_for_with_the_apis_own_spelling() -> None:
    found = asks(Visit(WEEK, corrections_since=date(2025, 12, 30)))
    assert found[2:] == [
        f"{report}?correctionsOnly=true&anyChangesSince=2025/12/30&allSections=true" for report in ("2306", "2307")
    ]


@pytest.mark.parametrize(
    ("answer", "taken", "halves"),
    [
        ([section([1, 2], **{"totalRows:": 2, "returnedRows:": 2, "userAllowedRows:": 100_000})], True, 0),
        ([section([1, 2], totalRows=3, returnedRows=2, userAllowedRows=2)], False, 2),
        ([section([1, 2], **{"totalRows:": "3"})], False, 2),
        ([section([]), section([1] * 5_000)], False, 2),
        (section([1] * 100_000), False, 2),
        (section([1] * 5_000, userAllowedRows=100_000, totalRows=5_000), True, 0),
        (section([1], stats="none"), True, 0),
        ([section([]), section([])], False, 0),
        ([], False, 0),
        ({"message": "no"}, True, 0),
        ([1], True, 0),
        ("text", True, 0),
        ({"results": "none"}, True, 0),
    ],
)
def test_an_answer_is_whole_cut_empty_or_for_the_reader_to_refuse(answer: Any, *, taken: bool, halves: int) -> None:
    api = source(MARS)
    ask = next(api.begin(Visit(WEEK)))
    judgement = api.judge(ask, json.dumps(answer).encode())
    assert (judgement.take, len(judgement.asks), judgement.problem) == (taken, halves, None)


def test_cut_corrections_are_taken_and_said_because_they_have_no_days_to_halve() -> None:
    api = source(MARS)
    *_, ask = api.begin(Visit(WEEK, corrections_since=date(2025, 12, 30)))
    judgement = api.judge(ask, json.dumps(section([1], totalRows=2)).encode())
    assert judgement.take
    assert "left out rows" in str(judgement.problem)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'[{"results": [', b"[" * 100_000, b"<html>", b"NaN"])
def test_what_is_no_json_is_for_the_reader_to_refuse(body: bytes) -> None:
    api = source(MARS)
    assert api.judge(next(api.begin(Visit(WEEK))), body) is TAKE


@pytest.mark.parametrize(
    ("url", "brings"),
    [
        ("https://api.test/services/v1.2/reports/2306?q=x", True),
        ("https://api.test/services/v1.2/reports.evil", False),
        ("https://api.test/robots.txt", False),
        ("http://api.test/services/v1.2/reports/2306", False),
        ("https://api.test:8443/services/v1.2/reports/2306", False),
        ("https://api.test.evil/services/v1.2/reports/2306", False),
        ("https://api.test@evil.test/services/v1.2/reports/2306", False),
    ],
)
def test_the_key_is_for_the_apis_reports_only(url: str, *, brings: bool) -> None:
    assert ("Authorization" in source(MARS).headers(url)) is brings


def test_an_answer_of_a_hundred_thousand_rows_is_counted_and_not_held() -> None:
    body = json.dumps(section([{}] * 100_000, userAllowedRows=200_000)).encode()
    api = source(MARS)
    tracemalloc.start()
    try:
        assert api.judge(next(api.begin(Visit(WEEK))), body) is TAKE
        assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    finally:
        tracemalloc.stop()


def page(url: str, html: str) -> HtmlResponse:
    return HtmlResponse(url, body=html.encode(), encoding="utf-8")


def test_a_link_of_the_navigation_becomes_the_report_page_of_these_days() -> None:
    portal = source(PORTAL)
    entry = next(portal.begin(Visit(WEEK)))
    assert entry.url == "https://portal.test/mnp/fv-nav-byCom?navClass=FRUITS&navType=byComm"
    html = """
        <a href="fv-nav-report?&commAbr=NO">n</a>
        <div class="rptNavList">
        <a href=" fv-nav-report?&commAbr=A/P\u00e9&commName=ONIONS DRY&locAbr=NX&repDate=1 ">x</a>
        <a href="fv-nav-report?&commName=WITHOUT CODE">y</a>
        <a href="fv-help">z</a></div>"""
    (ask,) = portal.read_page(entry, page(entry.url, html), Visit(WEEK)).asks
    assert ask.url == (
        "https://portal.test/mnp/fv-report-top-filters?commAbr=A%2FP%C3%A9&commName=ONIONS+DRY&locAbr=HC"
        "&repDate=01%2F02%2F2026&locName=&type=termPrice&repType=termPriceDaily&endDate=01%2F08%2F2026"
    )
    assert (ask.kind, ask.topic, ask.window) == (Kind.PAGE, "HC_AP", WEEK)


def test_a_report_pages_export_is_its_own_address_with_the_links_query_about_the_days_asked_for() -> None:
    portal = source(PORTAL)
    ask = Ask("https://portal.test/mnp/fv-report-top-filters?x=1", Kind.PAGE, window=WEEK, topic="HC_APL")
    html = '<a href="/other?format=excel">no</a><a href="?commAbr=APL&format=xml&repDate=01/01/2020">XML</a>'
    (export_ask,) = portal.read_page(ask, page(ask.url, html), Visit(WEEK)).asks
    assert export_ask.url == (
        "https://portal.test/mnp/fv-report-top-filters?commAbr=APL&format=xml"
        "&repDate=01%2F02%2F2026&endDate=01%2F08%2F2026"
    )
    assert export_ask.name == "mnp_HC_APL_2026-01-02_2026-01-08.xml"


def test_a_page_that_says_there_is_no_data_is_no_problem_and_one_without_export_is() -> None:
    portal = source(PORTAL)
    ask = Ask("https://portal.test/mnp/r", Kind.PAGE, window=WEEK, topic="HC_APL")
    assert portal.read_page(ask, page(ask.url, "<p>No Data Available</p>"), Visit(WEEK)).problem is None
    assert (
        portal.read_page(ask, page(ask.url, "<p>Sorry</p>"), Visit(WEEK)).problem
        == "the report page has no export link"
    )
    assert portal.read_page(ask, Response(ask.url, body=b"%PDF"), Visit(WEEK)).problem


@pytest.mark.parametrize("format_", ["text", "excel", "xml"])
def test_an_export_with_headers_only_is_nothing(format_: str) -> None:
    portal, ask = source(PORTAL), Ask("https://portal.test/mnp/x", Kind.FILE)
    empty, _ = export(format_, [])
    full, _ = export(format_, [{"Date": "01/05/2026"}])
    assert portal.judge(ask, empty) is NOTHING
    assert portal.judge(ask, full) is TAKE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"<table><tr><th>Commodity Name</th>",
        b"<html>down</html>",
        b"Commodity Name\n",
        b"<?xml version='1.0'?><a><b/></a>",
    ],
)
def test_when_in_doubt_an_export_is_not_empty(body: bytes) -> None:
    assert not is_empty(body)


@pytest.mark.parametrize(
    ("url", "csv", "leads_on", "versioned", "name"),
    [
        ("https://ers.test/media/6210/all-fruits.csv?v=22396", True, False, True, "all-fruits.csv"),
        ("https://ers.test/a%20b.CSV.GZ", True, False, False, "a b.CSV.GZ"),
        ("https://ers.test/a.xlsx?v=3", False, False, True, "a.xlsx"),
        ("https://ers.test/a.zip?name=b.csv", False, False, False, "a.zip"),
        ("https://portal.test/report?x=1&format=text", True, True, False, "report"),
        ("https://ers.test/data/", False, True, False, "data"),
        ("https://ers.test/index.aspx", False, True, False, "index.aspx"),
        ("https://ers.test", False, True, False, "index"),
        ("https://ers.test/a%00%FF.csv", True, False, False, "a␀\ufffd.csv"),
    ],
)
def test_an_address_tells_what_it_promises(url: str, *, csv: bool, leads_on: bool, versioned: bool, name: str) -> None:
    assert (is_csv(url), is_page(url), is_versioned(url), file_name(url)) == (csv, leads_on, versioned, name)
