"""The old portal: from navigation to export, and where the way is broken."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from outcome import files, last_crawl, problems
from usda_site import faults
from usda_site.portal import PortalSite
from usda_site.site import Site

Settings = Callable[..., dict[str, str]]
NAVIGATION, REPORT = "/mnp/fv-nav-byCom", "/mnp/fv-report-top-filters"


def questions(site: Site, path: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(query, keep_blank_values=True)) for asked, query in site.questions if asked == path]


@pytest.mark.parametrize("format_", ["text", "excel", "xml"])
def test_every_commodity_is_found_and_its_export_stored(
    *, site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any, format_: str
) -> None:
    portal.sell("APL", "APPLES", {"Date": "01/05/2099"}, {"Date": "12/01/2098"}, exports=(format_,))
    portal.sell("ONDRY", "ONIONS DRY", {"Date": "01/08/2099"}, class_="ONPO", exports=(format_,))
    portal.sell("ROSE", "ROSES", {"Date": "01/08/2099"}, class_="ORNAMENTALS", exports=(format_,))
    portal.sell("CHE", "CHERRIES", exports=(format_,))
    crawl.run(**of_portal())
    rows = db.rows("SELECT lower(commodity) AS commodity, quoted_on::text AS day, low FROM quotes ORDER BY 1")
    assert [(row["commodity"], row["day"], str(row["low"])) for row in rows] == [
        ("apples", "2099-01-05", "20.0000"),
        ("onions dry", "2099-01-08", "20.0000"),
    ]
    suffix = {"text": "csv", "excel": "xls", "xml": "xml"}[format_]
    assert sorted(files(db)) == [f"mnp_HC_{code}_2099-01-02_2099-01-08.{suffix}" for code in ("APL", "ONDRY")]
    assert [asked["navClass"] for asked in questions(site, NAVIGATION)] == [
        "FRUITS",
        "VEGETABLES",
        "ONPO",
        "HERBS",
        "NUTS",
    ]
    asked = questions(site, REPORT)
    assert {(report["repDate"], report["endDate"], report["locAbr"]) for report in asked} == {
        ("01/02/2099", "01/08/2099", "HC")
    }
    assert "ONIONS DRY" in {report["commName"] for report in asked}
    # The cherries' page says that there is no data; the herbs' and nuts' navigation is empty.
    empty = "the navigation page of {} has no links to reports"
    assert [row["reason"] for row in problems(db)] == [empty.format(name) for name in ("VEGETABLES", "HERBS", "NUTS")]
    assert last_crawl(db)["source"] == "portal"


def test_excel_is_taken_before_xml_and_text_because_it_has_the_comments(
    site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any
) -> None:
    row = {"Date": "01/05/2099", "Low Price": "", "High Price": "", "Price Comment": "offerings insufficient to quote"}
    portal.sell("APL", "APPLES", row)
    crawl.run(**of_portal())
    assert [report["format"] for report in questions(site, REPORT) if "format" in report] == ["excel"]
    assert db.value("SELECT comment FROM quotes") == "offerings insufficient to quote"


def test_exports_without_rows_are_nothing_and_the_same_export_again_is_a_no_op(
    site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any
) -> None:
    portal.sell("APL", "APPLES", {"Date": "01/05/2099"}, exports=("text",))
    empty = portal.sell("FIG", "FIGS", {"Date": "01/06/2099"}, exports=("text",))

    def without_rows(handler: Any) -> None:
        rows, empty.rows = empty.rows, empty.rows if "format=" not in handler.path else []
        portal.report(handler)
        empty.rows = rows

    site.routes[REPORT] = without_rows
    crawl.run(**of_portal())
    assert sorted(files(db)) == ["mnp_HC_APL_2099-01-02_2099-01-08.csv"]
    crawl.run(**of_portal())
    assert (last_crawl(db)["files_unchanged"], last_crawl(db)["rows_unchanged"], last_crawl(db)["rows_new"]) == (
        1,
        1,
        0,
    )
    assert db.value("SELECT count(*) FROM report_files") == 1


def test_all_markets_are_asked_for_when_wanted(
    site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any
) -> None:
    portal.sell("APL", "APPLES", {"Date": "01/05/2099", "City Name": "CHICAGO"}, exports=("text",))
    crawl.run(**of_portal(USDA_PORTAL_MARKET="all"))
    assert {report["locAbr"] for report in questions(site, REPORT)} == {""}
    assert list(files(db)) == ["mnp_all_APL_2099-01-02_2099-01-08.csv"]


def test_one_broken_page_costs_only_what_it_leads_to(
    site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any
) -> None:
    portal.sell("APL", "APPLES", {"Date": "01/05/2099"}, exports=("text",))
    portal.sell("BAN", "BANANAS", {"Date": "01/05/2099"}, exports=())
    portal.sell("FIG", "FIGS", {"Date": "01/05/2099"})
    portal.sell("KIW", "KIWIFRUIT", {"Date": "01/05/2099"})
    portal.sell("LEM", "LEMONS", {"Date": "01/05/2099"}, exports=("excel",))
    away = faults.status(
        200, b'<html><a href="https://elsewhere.example/x?format=excel">Excel</a></html>', Content_Type="text/html"
    )
    broken = {
        "FIG": faults.error_page(),
        "KIW": away,
        "LEM": faults.first(portal.report, faults.error_page()),  # the page is right, its export is an excuse
    }

    def serve(handler: Any) -> None:
        code = dict(parse_qsl(handler.path.partition("?")[2]))["commAbr"]
        broken.get(code, portal.report)(handler)

    def navigate(handler: Any) -> None:
        (faults.status(404) if "VEGETABLES" in handler.path else portal.navigation)(handler)

    site.routes[REPORT], site.routes[NAVIGATION] = serve, navigate
    crawl.run(**of_portal())
    found = files(db)
    assert found.pop("mnp_HC_APL_2099-01-02_2099-01-08.csv")["state"] == "stored"
    assert [(name, row["state"]) for name, row in found.items()] == [
        ("mnp_HC_LEM_2099-01-02_2099-01-08.xls", "refused")
    ]
    reasons = [row["reason"] for row in problems(db)]
    assert reasons.count("the report page has no export link") == 3
    assert "the portal could not be read: HTTP 404" in reasons
    assert last_crawl(db)["state"] == "finished"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.status(404), "the portal could not be read: HTTP 404"),
        (faults.error_page(), "the navigation page of NUTS has no links to reports"),
        (faults.status(200, b"a,b", Content_Type="text/csv"), "the page about NUTS is not an HTML page"),
    ],
)
def test_without_its_navigation_the_portal_fails_and_other_sources_go_on(
    *, site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any, mars: Any, fault: Any, reason: str
) -> None:
    site.routes[NAVIGATION] = fault
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    assert reason in crawl.run(code=1, **of_portal(USDA_INDEX_URL=f"{site.url}/"))
    assert (last_crawl(db)["state"], last_crawl(db)["reason"]) == ("failed", reason)
    assert last_crawl(db)["source"] == "index, portal"
    assert files(db)["a.csv"]["state"] == "stored"
    states = {row["source"]: (row["state"], row["reason"]) for row in db.rows("SELECT * FROM crawl_sources")}
    assert states == {"index": ("finished", None), "portal": ("failed", reason)}


@pytest.mark.parametrize("charset", ["ISO-8859-1", "windows-1252", "UTF-16", "no-such-charset"])
def test_links_are_found_whatever_the_pages_charset(
    *, site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any, charset: str
) -> None:
    portal.sell("JAL", "JALAPE\u00d1O", {"Date": "01/05/2099", "Commodity Name": "PEPPERS"}, exports=("text",))
    coding = "latin-1" if charset == "no-such-charset" else charset
    page = (
        '<html><body>\u00a9\u00a0<div class="rptNavList"><a href="fv-nav-report?&commAbr=JAL&commName=JALAPE\u00d1O S'
        '&navType=byComm">Jalape\u00f1o</a></div></body></html>'
    )
    site.routes[NAVIGATION] = faults.status(200, page.encode(coding), Content_Type=f"text/html; charset={charset}")
    crawl.run(**of_portal())
    assert db.value("SELECT count(*) FROM quotes") == 1


def test_what_a_server_does_wrong_on_any_of_the_portals_pages_costs_only_what_it_leads_to(
    site: Site, portal: PortalSite, of_portal: Settings, crawl: Any, db: Any
) -> None:
    on_pages = {
        "cut": faults.cut(b"<html></html>", "text/html"),
        "drip": faults.drip,
        "away": faults.redirect(f"http://localhost:{site.port}/x"),
    }
    on_exports = {"reset": faults.reset, "endless": faults.endless, "bomb": faults.bomb(20), "503": faults.status(503)}
    on_classes = {"VEGETABLES": faults.endless, "ONPO": faults.reset}
    for name in ("fine1", *on_pages, "fine2", *on_exports, "fine3"):
        portal.sell(name, name.upper(), {"Date": "01/05/2099"}, exports=("text",))

    def report(handler: Any) -> None:
        query = dict(parse_qsl(handler.path.partition("?")[2]))
        wrong = (on_exports if "format" in query else on_pages).get(query["commAbr"], portal.report)
        wrong(handler)

    def navigate(handler: Any) -> None:
        class_ = dict(parse_qsl(handler.path.partition("?")[2]))["navClass"]
        on_classes.get(class_, portal.navigation)(handler)

    site.routes[REPORT], site.routes[NAVIGATION] = report, navigate
    bounds = {"USDA_DOWNLOAD_MAX_BYTES": "100000", "USDA_DOWNLOAD_TIMEOUT_S": "1", "USDA_RETRIES": "0"}
    crawl.run(**of_portal(**bounds))
    states = {name.split("_")[2]: row["state"] for name, row in files(db).items()}
    fine = dict.fromkeys(("fine1", "fine2", "fine3"), "stored")
    assert states == {**fine, "reset": "not fetched", "endless": "refused", "bomb": "refused", "503": "not fetched"}
    assert db.value("SELECT count(*) FROM quotes") == 3
    assert last_crawl(db)["state"] == "finished"
    reasons = [row["reason"] for row in problems(db)]
    assert sum("took longer than" in reason or "not in USDA_ALLOWED_HOSTS" in reason for reason in reasons) == 2
    assert sum(reason.startswith("the portal could not be read: ") for reason in reasons) == 2
    assert not site.asked("/x")
