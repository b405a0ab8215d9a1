from typing import Any

import pytest
from mercadito_events.envelope import Event, MalformedEvent, new_event
from realtime.projection import MAX_TEXT_CHARS, News, news_of


def event(type_: str, **data: Any) -> Event:
    return new_event(type_, data, source="/mercadito/test")


OFFER = {"offer_id": "o1", "version": 4, "remaining": 3, "available": 9, "unit_price_cents": 250}
ORDER = {
    "order_id": "x",
    "number": 12,
    "store_id": "s1",
    "store_name": "Tienda",
    "state": "placed",
    "version": 2,
    "total_cents": 900,
}


def test_offers_go_to_their_cycle_and_to_the_staff_without_what_is_not_on_the_list() -> None:
    news = news_of(event("orders.offers.changed.v1", cycle_id="c1", offers=[{**OFFER, "cost_cents": 1, "name": "x"}]))
    data = {"offer_id": "o1", "remaining": 3, "available": 9, "unit_price_cents": 250}
    assert news == [News("cycle:c1", "offer", data, 4, "offer:o1"), News("staff", "offer", data, 4, "offer:o1")]


def test_how_full_a_case_is_goes_along_where_it_is_told() -> None:
    (news, _) = news_of(
        event("orders.offers.changed.v1", cycle_id="c1", offers=[{**OFFER, "ordered": 7, "case_size": 12}])
    )
    assert (news.data["ordered"], news.data["case_size"]) == (7, 12)


COMMENT = {
    "order_id": "x",
    "number": 12,
    "store_id": "s1",
    "store_name": "Tienda",
    "comment_id": "k1",
    "text": "¿Por atrás?",
    "at": "2026-11-22T04:00:00Z",
}


def test_a_comment_goes_to_its_store_and_to_the_staff_with_who_wrote_it_and_no_more() -> None:
    actor = {"person_id": "p1", "role": "buyer", "name": "Lupe", "email": "lupe@tienda.example"}
    news = news_of(event("orders.comment.posted.v1", **COMMENT, actor=actor))
    data = {**COMMENT, "role": "buyer", "name": "Lupe"}
    assert news == [News("store:s1", "comment", data), News("staff", "comment", data)]


def test_a_comment_without_its_writer_is_malformed() -> None:
    for actor in (None, "Lupe", {"person_id": "p1"}):
        with pytest.raises(MalformedEvent):
            news_of(event("orders.comment.posted.v1", **COMMENT, actor=actor))


def test_an_offer_without_limit_is_shown_as_such() -> None:
    (news, _) = news_of(
        event("orders.offers.changed.v1", cycle_id="c1", offers=[{**OFFER, "remaining": None, "available": None}])
    )
    assert (news.data["remaining"], news.data["available"]) == (None, None)


@pytest.mark.parametrize("what", ["placed", "amended", "cancelled", "packed", "delivered"])
def test_orders_go_to_their_store_and_to_the_staff_at_once_and_without_their_lines(what: str) -> None:
    news = news_of(event(f"orders.order.{what}.v1", **ORDER, lines=[{"offer_id": "o1"}], actor={"person_id": "p"}))
    assert news == [News("store:s1", "order", ORDER, 2), News("staff", "order", ORDER, 2)]


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("scheduled", "scheduled"),
        ("opened", "open"),
        ("closing", "open"),
        ("closed", "closed"),
        ("packing", "packing"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_cycle_tells_its_state_and_cutoff(what: str, state: str) -> None:
    news = news_of(event(f"orders.cycle.{what}.v1", cycle_id="c1", cutoff_at="2026-11-22T04:00:00Z", name="secret?"))
    data = {"cycle_id": "c1", "state": state, "cutoff_at": "2026-11-22T04:00:00Z"}
    assert news == [News("cycle:c1", "cycle", data), News("staff", "cycle", data)]


def test_a_sign_out_tells_the_person_whether_it_was_everywhere_and_never_which_session() -> None:
    everywhere = event("orders.person.signed_out.v1", person_id="p1", until="2026-11-22T04:00:00Z")
    one = event("orders.person.signed_out.v1", person_id="p1", until="2026-11-22T04:00:00Z", session_id="s")
    assert news_of(everywhere) == [News("person:p1", "signed_out", {"all": True})]
    assert news_of(one) == [News("person:p1", "signed_out", {"all": False})]


TASK = {"task_id": "t1", "person_id": "p1", "kind": "export", "state": "running", "done": 3, "total": 9}


@pytest.mark.parametrize("total", [9, None])
def test_a_task_tells_only_who_started_it_how_far_it_is(total: int | None) -> None:
    news = news_of(event("orders.task.progressed.v1", **{**TASK, "total": total}, path="/srv/secret"))
    data = {"task_id": "t1", "kind": "export", "state": "running", "done": 3, "total": total}
    assert news == [News("person:p1", "task", data)]


def test_prices_are_shown_per_series_and_day() -> None:
    quote = {"series_id": "q1", "date": "2026-11-20", "low": "20.00", "high": "22.00", "reference": "21.00"}
    (news,) = news_of(event("usda.price.recorded.v1", quotes=[{**quote, "commodity": "Avocados"}]))
    assert news == News("prices", "price", quote, None, "price:q1:2026-11-20")


def test_a_withdrawn_day_is_a_price_without_prices() -> None:
    quote = {"series_id": "q1", "date": "2026-11-20", "low": "20.00", "high": "22.00", "reference": "21.00"}
    taken = {"series_id": "q1", "date": "2026-11-21"}
    first, second = news_of(event("usda.price.recorded.v1", quotes=[quote], withdrawn=[{**taken, "why": "corrected"}]))
    assert first == News("prices", "price", quote, None, "price:q1:2026-11-20")
    nothing = {"low": None, "high": None, "reference": None}
    assert second == News("prices", "price", {**taken, **nothing}, None, "price:q1:2026-11-21")


def test_crawls_tell_how_far_they_are_and_how_many_problems_there_were() -> None:
    told = {"crawl_id": "k", "state": "running", "files": 2, "files_total": 5, "rows": 90}
    (news,) = news_of(event("usda.crawl.progressed.v1", **told, problems=["secret path"]))
    assert news == News("crawls", "crawl", {**told, "problems": 1})
    (older,) = news_of(event("usda.crawl.progressed.v1", crawl_id="k", state="running", files=2, rows=90, problems=0))
    assert older.data["files_total"] is None
    (failed,) = news_of(event("usda.crawl.failed.v1", crawl_id="k", reason="no answer"))
    unknown = {"files": None, "files_total": None, "rows": None, "problems": None}
    assert failed.data == {"crawl_id": "k", "state": "failed", **unknown}


@pytest.mark.parametrize("type_", ["orders.store.changed.v1", "usda.report.ingested.v1", "orders.offers.changed.v2"])
def test_what_no_channel_shows_gives_no_news(type_: str) -> None:
    assert news_of(event(type_, anything=1)) == []


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("orders.offers.changed.v1", {}),
        ("orders.offers.changed.v1", {"cycle_id": "c1"}),
        ("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [1]}),
        ("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [{**OFFER, "version": None}]}),
        ("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [{**OFFER, "remaining": {"deep": 1}}]}),
        ("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [{**OFFER, "remaining": 10**30}]}),
        ("orders.offers.changed.v1", {"cycle_id": "c1", "offers": [{**OFFER, "version": 2**63}]}),
        ("orders.offers.changed.v1", {"cycle_id": "c 1", "offers": []}),
        ("orders.order.placed.v1", {key: value for key, value in ORDER.items() if key != "total_cents"}),
        ("orders.order.placed.v1", {**ORDER, "store_id": "a:b"}),
        ("orders.order.placed.v1", {**ORDER, "version": True}),
        ("orders.cycle.opened.v1", {"cycle_id": "c1"}),
        ("orders.person.signed_out.v1", {"person_id": 7}),
        ("orders.task.progressed.v1", {**TASK, "person_id": "p 1"}),
        ("orders.task.progressed.v1", {**TASK, "done": None}),
        ("orders.task.progressed.v1", {**TASK, "state": ["running"]}),
        ("usda.price.recorded.v1", {"quotes": {}}),
        ("usda.crawl.progressed.v1", {"crawl_id": "k"}),
    ],
)
def test_an_event_that_lacks_what_is_shown_is_malformed(type_: str, data: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        news_of(event(type_, **data))


def test_an_endless_text_is_cut() -> None:
    (news, _) = news_of(event("orders.order.placed.v1", **{**ORDER, "store_name": "x" * 5_000}))
    assert len(news.data["store_name"]) == MAX_TEXT_CHARS
