"""The MARS API: what is asked, cut answers, codes, and the key that nobody sees."""

import csv
import gzip
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outcome import files, last_crawl, problems
from usda_site import faults
from usda_site.mars import KEY, MarsSite, row
from usda_site.site import Site, answer

Settings = Callable[..., dict[str, str]]
WEEK = "q=report_begin_date=01/02/2099:01/08/2099&allSections=true"


def test_each_report_is_asked_for_the_newest_days_with_the_key_and_nobody_sees_it(
    *, site: Site, api: MarsSite, of_mars: Settings, crawl: Any, db: Any
) -> None:
    api.report("2306", {"day": "01/05/2099"}, {"day": "01/07/2099"}, {"day": "12/01/2098"})
    api.report("2307")
    output = crawl.run(**of_mars(LOG_LEVEL="debug"))
    assert api.asked("2306") == api.asked("2307") == [WEEK]
    assert list(files(db)) == ["2306_2099-01-02_2099-01-08.json"]
    days = "SELECT report_id, quoted_on::text AS day FROM quotes ORDER BY quoted_on"
    assert db.rows(days) == [{"report_id": "2306", "day": day} for day in ("2099-01-05", "2099-01-07")]
    # A report without rows in these days is nothing: neither a file nor a problem.
    assert (last_crawl(db)["state"], problems(db), last_crawl(db)["source"]) == ("finished", [], "mars")

    crawl.run(**of_mars())
    assert (last_crawl(db)["files_unchanged"], last_crawl(db)["rows_unchanged"]) == (1, 2)
    assert "If-None-Match" in site.asked("/services/v1.2/reports/2306")[1]
    tables = [table["tablename"] for table in db.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    stored = "".join(str(db.rows(f"SELECT t::text FROM {table} t")) for table in tables)
    raw = b"".join(path.read_bytes() for path in crawl.raw_dir.rglob("*/*"))
    sent = site.asked("/services/v1.2/reports/2306")[0]["Authorization"].removeprefix("Basic ")
    for secret in (KEY, sent):
        assert secret not in output + stored + str(site.questions)
        assert secret.encode() not in raw


@pytest.mark.parametrize("tells_limit", [True, False])
def test_a_cut_answer_is_asked_again_in_halves_until_nothing_is_missing(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, tells_limit: bool
) -> None:
    days = [f"01/0{day}/2099" for day in range(2, 9)]
    if tells_limit:
        api.limit, each = 5, 2
    else:
        api.limit, api.tells_limit, each = 5_000, False, 1_700
    api.report("2306", *({"day": day, "item_size": f"{size}s"} for day in days for size in range(each)))
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    spans = [question.removeprefix("q=report_begin_date=").split("&")[0] for question in api.asked("2306")]
    assert spans[0] == "01/02/2099:01/08/2099"
    assert sorted(spans[1:]) == [
        "01/02/2099:01/02/2099",
        "01/02/2099:01/04/2099",
        "01/03/2099:01/04/2099",
        "01/05/2099:01/06/2099",
        "01/05/2099:01/08/2099",
        "01/07/2099:01/08/2099",
    ]
    assert db.value("SELECT count(*) FROM quotes") == 7 * each
    assert min(files(db)) == "2306_2099-01-02_2099-01-02.json"
    assert len(files(db)) == 4
    assert problems(db) == []


def test_a_single_day_with_too_many_rows_is_stored_as_far_as_it_comes_and_said(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any
) -> None:
    api.limit = 5
    api.report("2306", *({"day": "01/05/2099", "item_size": f"{size}s"} for size in range(8)))
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    assert db.value("SELECT count(*) FROM quotes") == 5
    assert "the API left out rows, and less can't be asked for" in [problem["reason"] for problem in problems(db)]


def test_the_real_reports_come_whole_by_the_api_of_who_may_have_5000_rows_at_once(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, real_files: Path
) -> None:
    api.limit = 5_000
    for slug in ("2306", "2307", "2308", "2309"):
        with gzip.open(
            real_files / "mars" / f"{slug}_pull-2026-01-09.csv.gz", "rt", encoding="utf-8", newline=""
        ) as text:
            rows = [{name: value or None for name, value in line.items()} for line in csv.DictReader(text)]
        api.report(slug)
        api.rows[slug] = [line for line in rows if line.pop("_section") == "Report Details"]
    settings = of_mars(USDA_MARS_REPORTS="2306,2307,2308,2309", USDA_TODAY="")
    process = crawl.start("--from", "2025-12-10", "--to", "2026-01-08", **settings)
    assert process.wait() == 0, process.output.read_text()
    stored = db.rows("SELECT report_id, count(*)::int AS rows FROM quotes GROUP BY 1 ORDER BY 1")
    assert stored == [
        {"report_id": slug, "rows": rows}
        for slug, rows in (("2306", 3627), ("2307", 5062), ("2308", 1062), ("2309", 72))
    ]
    assert [len(api.asked(slug)) for slug in ("2306", "2307", "2308", "2309")] == [1, 3, 1, 1]
    assert all("a range of more than half their middle" in problem["reason"] for problem in problems(db))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("another-key-of-somebody-else", "mars: HTTP 401: the API refuses the key; check USDA_MARS_KEY"),
        (None, "mars: HTTP 403: the API wants a key that it knows; check USDA_MARS_KEY"),
    ],
)
def test_a_key_that_is_refused_ends_the_source_after_one_question(
    *, site: Site, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, key: str | None, reason: str
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    if key is None:
        for slug in ("2306", "2307"):
            site.routes[f"/services/v1.2/reports/{slug}"] = faults.status(403, b"{}")
    output = crawl.run(code=1, **of_mars(USDA_MARS_KEY=key or KEY))
    assert reason in output
    assert (key or KEY) not in output
    assert (last_crawl(db)["state"], last_crawl(db)["reason"]) == ("failed", reason)
    assert len(api.asked("2306")) + len(api.asked("2307")) == 1


@pytest.mark.parametrize(
    ("code", "reason", "tries"),
    [
        (202, "HTTP 202: the API is still preparing its answer; the next crawl asks again", 2),
        (400, "HTTP 400: the API does not understand the question about report 2306", 1),
        (404, "HTTP 404: the API knows no report 2306; check USDA_MARS_REPORTS", 1),
        (418, "HTTP 418", 1),
        (500, "HTTP 500: the API failed at report 2306; the next crawl asks again", 2),
    ],
)
def test_every_code_says_what_it_means_and_costs_its_own_report_only(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, code: int, reason: str, tries: int
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    api.faults["2306"] = faults.status(code, b'{"message": "no"}', Content_Type="application/json")
    crawl.run(**of_mars())
    assert [problem["reason"] for problem in problems(db)] == [reason]
    assert len(api.asked("2306")) == tries
    assert files(db)["2306_2099-01-02_2099-01-08.json"]["state"] == "not fetched"
    assert db.value("SELECT count(*) FROM quotes WHERE report_id = '2307'") == 1
    api.faults.clear()
    crawl.run(**of_mars())
    assert db.value("SELECT count(*) FROM quotes WHERE report_id = '2306'") == 1


def test_who_is_asked_too_often_is_left_alone_until_the_next_crawl(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    api.faults["2306"] = faults.status(429, Retry_After="3600")
    reason = "mars: HTTP 429: the API has been asked too often; the rest waits for the next crawl"
    assert reason in crawl.run(code=1, **of_mars())
    assert (len(api.asked("2306")), len(api.asked("2307"))) == (1, 0)
    assert last_crawl(db)["reason"] == reason


@pytest.mark.parametrize("body", ["cut", "page", "nested", "other"])
def test_an_answer_that_is_not_the_apis_is_refused_and_asked_for_again(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, body: str
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    whole = json.dumps(api.sections([row("2306", day="01/05/2099")])).encode()
    wrong = {"cut": whole[: len(whole) // 2], "page": faults.ERROR_PAGE, "nested": b"[" * 200_000, "other": b'{"a": 1}'}
    api.faults["2306"] = faults.status(200, wrong[body], Content_Type="application/json")
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    assert files(db)["2306_2099-01-02_2099-01-08.json"]["state"] in ("refused", "not a price report")
    assert db.value("SELECT count(*) FROM quotes") == 0
    api.faults.clear()
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    assert db.value("SELECT count(*) FROM quotes") == 1


def test_what_was_corrected_since_the_last_crawl_is_asked_for_and_changes_what_is_stored(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    assert not any("correctionsOnly" in question for question in api.asked("2306"))
    # Long out of the newest days by then.
    api.corrected["2306"] = [row("2306", day="01/05/2099", high_price=36.0)]
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306", USDA_TODAY="2099-02-05"))
    (asked,) = (question for question in api.asked("2306") if "correctionsOnly" in question)
    assert re.fullmatch(r"correctionsOnly=true&anyChangesSince=20\d\d/\d\d/\d\d&allSections=true", asked)
    assert db.rows("SELECT high::text AS high, version FROM quotes") == [{"high": "36.0000", "version": 2}]
    api.corrected.clear()
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306", USDA_TODAY="2099-02-05"))
    assert problems(db) == []


def test_a_crawl_after_one_that_was_killed_passes_over_what_that_one_had_taken(
    *, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, eventually: Callable[..., Any]
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    hang = faults.Hang()
    api.faults["2307"] = hang
    settings = of_mars(USDA_DOWNLOAD_TIMEOUT_S="60")
    process = crawl.start(**settings)
    eventually(lambda: api.asked("2307") and db.value("SELECT count(*) FROM quotes"), 30)
    process.signal(signal.SIGKILL)
    process.wait()
    hang.release()
    api.faults.clear()
    crawl.run(**settings)
    assert (len(api.asked("2306")), len(api.asked("2307"))) == (1, 2)
    assert db.value("SELECT count(*) FROM quotes") == 2
    assert (last_crawl(db)["files"], last_crawl(db)["files_unchanged"]) == (2, 1)


def test_a_window_with_an_answer_missing_is_not_done(*, api: MarsSite, of_mars: Settings, crawl: Any, db: Any) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    api.faults["2306"] = faults.status(500)
    days = ("--from", "2099-01-01", "--to", "2099-01-08")
    assert crawl.start(*days, **of_mars()).wait() == 1
    reason = "answers that could not be had: 1; the same days are to be asked for again"
    assert (last_crawl(db)["state"], last_crawl(db)["reason"]) == ("failed", reason)
    assert db.value("SELECT count(*) FROM quotes") == 1
    api.faults["2306"] = faults.status(404)  # which will not pass by asking again
    assert crawl.start(*days, **of_mars()).wait() == 0
    api.faults.clear()
    assert crawl.start(*days, **of_mars()).wait() == 0
    assert db.value("SELECT count(*) FROM quotes") == 2


def test_the_key_does_not_follow_a_redirect(*, site: Site, api: MarsSite, of_mars: Settings, crawl: Any) -> None:
    api.report("2306", {"day": "01/05/2099"})
    elsewhere = "/elsewhere/reports/2306"
    api.faults["2306"] = faults.redirect(elsewhere)
    site.routes[elsewhere] = lambda handler: answer(handler, 200, b"{}", {"Content-Type": "application/json"})
    crawl.run(**of_mars(USDA_MARS_REPORTS="2306"))
    assert "Authorization" in site.asked("/services/v1.2/reports/2306")[0]
    (followed,) = site.asked(elsewhere)
    assert "Authorization" not in followed
    assert all("Authorization" not in headers for headers in site.asked("/robots.txt"))


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("cut", "not fetched"),
        ("reset", "not fetched"),
        ("drip", "not fetched"),
        ("503", "not fetched"),
        ("endless", "refused"),
        ("away", "refused"),
        ("bomb", "refused"),
        ("packed", "stored"),
    ],
)
def test_what_a_server_does_wrong_on_the_way_costs_that_answer_only(
    *, site: Site, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, fault: str, state: str
) -> None:
    api.report("2306", {"day": "01/05/2099"})
    api.report("2307", {"day": "01/05/2099"})
    whole = json.dumps(api.sections([row("2306", day="01/05/2099")])).encode()
    served = {
        "cut": faults.cut(whole, "application/json"),
        "reset": faults.reset,
        "drip": faults.drip,
        "503": faults.status(503, Retry_After="3600"),
        "endless": faults.endless,
        "away": faults.redirect(f"http://localhost:{site.port}/services/v1.2/reports/2307"),
        "bomb": faults.bomb(20),
        "packed": faults.encoded(whole, "application/json"),
    }
    api.faults["2306"] = served[fault]
    bounds = {"USDA_DOWNLOAD_MAX_BYTES": "100000", "USDA_DOWNLOAD_TIMEOUT_S": "1", "USDA_RETRIES": "0"}
    output = crawl.run(**of_mars(**bounds))
    assert files(db)["2306_2099-01-02_2099-01-08.json"]["state"] == state
    assert files(db)["2307_2099-01-02_2099-01-08.json"]["state"] == "stored"
    assert KEY not in output
    assert all(headers["Host"].startswith("127.0.0.1") for _, headers in site.requests)


@pytest.mark.parametrize("fault", ["nobody there", "503", "rules unread"])
def test_an_api_that_answers_nothing_was_not_seen(
    *, site: Site, api: MarsSite, of_mars: Settings, crawl: Any, db: Any, fault: str
) -> None:
    """Fewer reports than failures in a row that end a source: the crawl must not pass for finished all the same."""
    for report in ("2306", "2307"):
        api.report(report, {"day": "01/05/2099"})
    settings = of_mars(USDA_RETRIES="0")
    if fault == "nobody there":
        settings["USDA_MARS_URL"] = "http://127.0.0.1:1/services/v1.2/reports"
    elif fault == "503":
        api.faults |= dict.fromkeys(("2306", "2307"), faults.status(503))
    else:
        site.routes["/robots.txt"] = faults.status(500)
    crawl.run(code=1, **settings)
    last = last_crawl(db)
    assert (last["state"], last["files_refused"]) == ("failed", 2)
    assert last["reason"].startswith("mars: no answer to any question (the last: ")
    assert {found["state"] for found in files(db).values()} == {"not fetched"}
    assert db.value("SELECT count(*) FROM outbox WHERE type = 'usda.crawl.failed.v1'") == 1
