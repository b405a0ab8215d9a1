"""robots.txt: obeyed, and a host whose rules can't be read is left alone."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from outcome import files, last_crawl
from usda_site import faults
from usda_site.site import Route, Site


def rules(text: str) -> Route:
    return faults.status(200, text.encode(), Content_Type="text/plain")


@pytest.fixture
def hang() -> Any:
    found = faults.Hang()
    yield found
    found.release()


def test_what_it_forbids_is_not_asked(site: Site, crawl: Any, db: Any, mars: Callable[..., str]) -> None:
    site.routes["/robots.txt"] = rules("User-agent: *\nDisallow: /private/\n")
    site.page("/", "private/a.csv", "b.csv")
    site.file("/private/a.csv", mars({}).encode())
    site.file("/b.csv", mars({}).encode())
    crawl.run()
    assert not site.asked("/private/a.csv")
    found = files(db)
    assert (found["a.csv"]["state"], found["a.csv"]["reason"]) == ("refused", "forbidden by robots.txt")
    assert found["b.csv"]["state"] == "stored"
    assert len(site.asked("/robots.txt")) == 1


def test_rules_for_us_by_name_count_and_those_for_others_do_not(site: Site, crawl: Any, db: Any) -> None:
    site.routes["/robots.txt"] = rules("User-agent: mercadito-usda-ingest\nDisallow: /\n\nUser-agent: *\nDisallow:\n")
    crawl.run(code=1)
    assert last_crawl(db)["reason"] == "the index could not be read: forbidden by robots.txt"
    assert not site.asked("/")
    site.routes["/robots.txt"] = rules("User-agent: badbot\nDisallow: /\n")
    site.page("/", "/about")
    crawl.run()


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_host_without_rules_may_be_asked(
    *, site: Site, crawl: Any, db: Any, mars: Callable[..., str], code: int
) -> None:
    site.routes["/robots.txt"] = faults.status(code)
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    assert files(db)["a.csv"]["state"] == "stored"


@pytest.mark.parametrize("fault", ["500", "429", "reset", "cut", "endless", "drip", "hang", "away", "loop"])
def test_a_host_whose_rules_cannot_be_read_is_left_alone(
    *, site: Site, crawl: Any, db: Any, hang: Any, fault: str
) -> None:
    served: dict[str, Route] = {
        "500": faults.status(500),
        "429": faults.status(429, Retry_After="3600"),
        "reset": faults.reset,
        "cut": faults.cut(b"User-agent: *\nDisallow:\n"),
        "endless": faults.endless,
        "drip": faults.drip,
        "hang": hang,
        "away": faults.redirect("http://localhost:1/robots.txt"),
        "loop": faults.redirect("/robots.txt"),
    }
    site.routes["/robots.txt"] = served[fault]
    site.page("/", "a.csv")
    crawl.run(code=1, USDA_DOWNLOAD_TIMEOUT_S="1", USDA_RETRIES="0")
    reason = last_crawl(db)["reason"]
    assert reason.startswith("the index could not be read: robots.txt could not be read (")
    assert reason.endswith("), so nothing may be asked there")
    assert not site.asked("/")


def test_rules_behind_a_redirect_of_the_same_host_count(site: Site, crawl: Any, db: Any) -> None:
    site.routes["/robots.txt"] = faults.redirect("/rules")
    site.routes["/rules"] = rules("User-agent: *\nDisallow: /\n")
    crawl.run(code=1)
    assert last_crawl(db)["reason"].endswith("forbidden by robots.txt")


def test_the_delay_it_asks_for_is_kept(site: Site, crawl: Any, mars: Callable[..., str]) -> None:
    times: list[float] = []
    site.routes["/robots.txt"] = rules("User-agent: *\nCrawl-delay: 2\n")
    site.page("/", "a.csv", "b.csv")
    for name in ("/a.csv", "/b.csv"):
        site.file(name, mars({}).encode())
        site.routes[name] = faults.clocked(site.routes[name], times, time.monotonic)
    crawl.run()
    assert len(times) == 2
    assert times[1] - times[0] > 0.9  # two seconds, give or take the half that hides a rhythm
