"""A report that stays away: a problem in every crawl, told once, forgotten when it comes."""

from collections.abc import Callable
from typing import Any

import pytest
from outcome import last_crawl
from usda_site.mars import KEY, MarsSite


@pytest.fixture
def mars_site(site: Any) -> MarsSite:
    return MarsSite(site)


@pytest.fixture
def visit(crawl: Any, mars_site: MarsSite) -> Callable[..., str]:
    """Visits the MARS API on a day of the market."""
    settings = {"USDA_INDEX_URL": "", "USDA_MARS_URL": mars_site.url, "USDA_MARS_KEY": KEY}

    def run(today: str, **more: Any) -> str:
        given = {**settings, "USDA_MARS_REPORTS": "2306,2309", "USDA_TODAY": today, **more}
        return crawl.run(**given)  # type: ignore[no-any-return]

    return run


def told(db: Any) -> list[str]:
    return [event["reason"] for event in db.events("usda.crawl.failed.v1")]


def problems(db: Any) -> list[str]:
    sql = "SELECT reason FROM crawl_problems WHERE crawl_id = :id ORDER BY problem_id"
    return [row["reason"] for row in db.rows(sql, id=last_crawl(db)["crawl_id"])]


def test_three_market_days_without_a_report_are_told_once(
    visit: Callable[..., str], mars_site: MarsSite, db: Any
) -> None:
    mars_site.report("2306", {"day": "01/08/2099"}, {"day": "01/14/2099"})
    mars_site.report("2309", {"day": "01/08/2099"})
    visit("2099-01-12")  # two market days after the 8th, a Thursday
    assert (told(db), problems(db)) == ([], [])
    visit("2099-01-13")
    reason = "no report 2306 since 2099-01-08 (3 market days); no report 2309 since 2099-01-08 (3 market days)"
    assert told(db) == [reason]
    assert last_crawl(db)["state"] == "finished"
    assert [event["state"] for event in db.events("usda.crawl.progressed.v1")][-1] == "finished"
    visit("2099-01-14")
    assert told(db) == [reason]
    assert problems(db) == ["no report 2309 since 2099-01-08 (4 market days)"]
    assert db.rows("SELECT report_id FROM missing_reports") == [{"report_id": "2309"}]


def test_a_report_that_never_came_is_told_too(visit: Callable[..., str], mars_site: MarsSite, db: Any) -> None:
    mars_site.report("2306", {"day": "01/08/2099"})
    mars_site.report("2309")
    visit("2099-01-08")
    visit("2099-01-09")
    assert told(db) == ["no report 2309 in the last 60 days"]


def test_a_source_that_cannot_be_read_says_only_that(visit: Callable[..., str], mars_site: MarsSite, db: Any) -> None:
    mars_site.report("2306", {"day": "01/08/2099"})
    mars_site.report("2309")
    visit("2099-01-08", code=1, USDA_MARS_KEY="w" * 24)
    (reason,) = told(db)
    assert "check USDA_MARS_KEY" in reason
    assert not any(problem.startswith("no report") for problem in problems(db))
