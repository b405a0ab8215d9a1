"""Staff plan market days in a browser without scripts: from nothing, from a copy, changed, cancelled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.pages.planning_desk import HOSTILE, HUB, Desk, desk, local, ordered
from tests.integration.planning.conftest import quoted

__all__ = ["desk", "quoted"]


def test_without_any_day_the_list_offers_to_plan_the_first(desk: Desk) -> None:
    page = desk.get("/cycles")
    assert "No market day yet" in page.words
    assert page.read.having("a", class_="button")[0]["href"] == "/staff/cycles/new"


def test_the_list_has_the_next_day_on_top_and_a_copy_as_the_first_button(world: Any, desk: Desk) -> None:
    done = world.cycle(state="done", opens_in_s=-90_000, cutoff_in_s=-80_000)
    world.offer(done)
    later = world.cycle(state="scheduled", opens_in_s=900_000, cutoff_in_s=990_000)
    nearest = world.cycle(state="scheduled", opens_in_s=900, cutoff_in_s=9_900)
    page = desk.get("/cycles")
    links = [link["href"] for link in page.read.having("a") if "/staff/cycles/" in link.get("href", "")]
    assert links[0] == f"/staff/cycles/new?from={done}"
    assert [link.rsplit("/", 1)[1] for link in links[2:]] == [nearest, later, done]
    assert "Opens by itself" in page.words


def test_many_past_days_lie_behind_a_link(world: Any, desk: Desk) -> None:
    for number in range(31):
        world.cycle(state="done", opens_in_s=-90_000 - number, cutoff_in_s=-80_000 - number)
    page = desk.get("/cycles")
    [older] = [link["href"] for link in page.read.having("a", class_="quiet") if "cursor" in link["href"]]
    assert desk.browser.get(older).html.count('class="card"') == 1
    assert 400 <= desk.get("/cycles?cursor=%00").status < 500


def test_a_day_is_planned_from_nothing_by_the_hubs_clock(world: Any, desk: Desk) -> None:
    page = desk.plan(opens_at="2039-01-08T18:00", cutoff_at="2039-01-09T18:00", delivery_on="2039-01-10")
    assert (page.status, "The market day is planned." in page.words) == (422, False)
    page = desk.plan()
    assert "The market day is planned." in page.words
    [cycle] = world.rows("SELECT * FROM cycles")
    assert cycle.opens_at.astimezone(HUB).strftime("%Y-%m-%dT%H:%M") == local(days=1)
    assert cycle.packing_at.astimezone(HUB).hour == 3
    assert "America/Los_Angeles" in desk.get("/cycles/new").words


def test_a_form_sent_twice_plans_one_day(world: Any, desk: Desk) -> None:
    form = desk.get("/cycles/new").form("/staff/cycles?")
    plan = {"name": "x", "opens_at": local(days=1), "cutoff_at": local(days=2), "delivery_on": local(days=3)[:10]}
    pages = [desk.browser.post(form.action, {**form.fields, **plan}, follow=False) for _ in range(2)]
    assert [page.status for page in pages] == [303, 303]
    assert world.value("SELECT count(*) FROM cycles") == 1


@pytest.mark.parametrize("name", ["name", "opens_at", "cutoff_at", "delivery_on", "remind_at", "packing_at"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_plans_come_back_as_typed_with_a_sentence(world: Any, desk: Desk, name: str, text: str) -> None:
    page = desk.plan(**{name: text})
    if page.status == 200:
        # A NUL is as good as nothing, which these may be.
        assert name == "name" or (text == "\x00" and name in ("remind_at", "packing_at"))
        assert "<script>alert" not in page.html
    else:
        assert page.status == 422, page.words[:500]
        assert page.read.having("input", id=name, aria_invalid="true")
        assert 'value="Friday"' in page.html or name == "name"
        assert world.value("SELECT count(*) FROM cycles") == 0


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"name": ""}, "name", "Fill this in."),
        ({"cutoff_at": ""}, "cutoff_at", "Fill this in."),
        ({"cutoff_at": local(hours=-2), "opens_at": local(hours=-4)}, "cutoff_at", "over already"),
        ({"cutoff_at": local(hours=20)}, "cutoff_at", "after the opening"),
        ({"delivery_on": "2020-01-01"}, "delivery_on", "From the day of the cutoff"),
        ({"remind_at": local(days=9)}, "remind_at", "Between the opening and the cutoff."),
        ({"packing_at": local(hours=1)}, "packing_at", "Not before the cutoff."),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field(
    desk: Desk, fields: dict[str, str], name: str, words: str
) -> None:
    page = desk.plan(**fields)
    assert page.status == 422
    assert words in page.html.split(f'id="said-{name}"')[1].split("</div>")[0]
    assert "Something needs a look." in page.words


def test_a_time_that_the_clocks_skip_is_refused_and_said(world: Any, desk: Desk, app: Any) -> None:
    year = datetime.now(HUB).year + 1
    march = datetime(year, 3, 8, tzinfo=UTC)
    sunday = march + timedelta(days=(6 - march.weekday()) % 7)  # the second Sunday of March
    page = desk.plan(cutoff_at=sunday.strftime("%Y-%m-%dT02:30"), delivery_on=sunday.strftime("%Y-%m-%d"))
    assert "This time does not exist" in page.words
    ok = desk.plan(cutoff_at=sunday.strftime("%Y-%m-%dT03:30"), delivery_on=sunday.strftime("%Y-%m-%d"))
    assert ok.status == 200, ok.words
    assert "PDT" in ok.words


def test_the_last_day_is_copied_with_two_clicks(world: Any, desk: Desk) -> None:
    last = world.cycle(state="closed", opens_in_s=-90_000, cutoff_in_s=-80_000)
    world.offer(last, name="Apples", available=12)
    world.offer(last, name="Ugly fruit")
    world.run("UPDATE products SET active = false WHERE name = 'Ugly fruit'")
    link = desk.get("/cycles").read.having("a", class_="button")[0]["href"]
    proposed = desk.browser.get(link)
    form = proposed.form("/staff/cycles?")
    assert form.fields["copy_from"] == last
    assert form.fields["cutoff_at"] > local()
    page = desk.browser.send(form)
    assert "The market day is copied." in page.words
    assert "1 offer came along" in page.words
    assert "Not sold any more, so not copied: Ugly fruit" in page.words
    assert world.value("SELECT count(*) FROM cycles WHERE copied_from = CAST(:id AS uuid)", id=last) == 1


def test_copying_what_is_not_there_is_not_found(desk: Desk) -> None:
    assert desk.get(f"/cycles/new?from={uuid4()}").status == 404
    assert desk.get("/cycles/new?from=nonsense%00").status == 404


def test_the_page_says_what_happens_next_and_changes_the_cutoff_of_an_open_day(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    page = desk.get(f"/cycles/{cycle}")
    assert "Closes by itself" in page.words
    form = next(form for form in page.read.forms if form.action == f"/staff/cycles/{cycle}")
    assert "opens_at" not in form.fields
    after = desk.browser.post(form.action, {**form.fields, "cutoff_at": local(hours=9)})
    assert "Your changes are saved." in after.words
    cutoff = world.value("SELECT cutoff_at FROM cycles")
    assert cutoff.astimezone(HUB).strftime("%Y-%m-%dT%H:%M") == local(hours=9)
    late = desk.browser.post(form.action, {**form.fields, "cutoff_at": local(hours=3)})
    assert (late.status, "Somebody changed this in the meantime." in late.words) == (412, True)
    assert f'value="{local(hours=3)}"' in late.html
    past = desk.browser.post(form.action, {**form.fields, "version": "2", "cutoff_at": local(hours=-3)})
    assert (past.status, "over already" in past.words) == (422, True)


def test_saving_a_plan_untouched_changes_nothing(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    before = world.rows("SELECT * FROM cycles")
    form = next(f for f in desk.get(f"/cycles/{cycle}").read.forms if f.action == f"/staff/cycles/{cycle}")
    assert desk.browser.send(form).status == 200
    assert world.rows("SELECT * FROM cycles") == before


def test_halves_of_characters_in_a_form_are_no_server_error(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    form = desk.get(f"/cycles/{cycle}/cancel").form(f"/staff/cycles/{cycle}/cancel")
    token = form.fields["csrf_token"]
    for raw in (b"%ED%A0%80", b"%FF%FE", b"\xff\xfe"):
        body = b"csrf_token=" + token.encode() + b"&version=1&name=" + raw + b"&cutoff_at=" + raw
        answer = desk.browser.client.post(
            f"/staff/cycles/{cycle}", data=body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code in (403, 422)  # a form that is not text at all has no token either


def test_cancelling_says_whom_it_hits_and_wants_a_reason(
    world: Any, desk: Desk, transactions: Any, signed_in: Callable[..., Any]
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)
    ordered(world, transactions, cycle, offer, 2)
    page = desk.get(f"/cycles/{cycle}/cancel")
    assert "1 order of 1 store is cancelled." in page.words
    assert "Worth $30.00." in page.words
    empty = desk.browser.send(page.form(f"/staff/cycles/{cycle}/cancel"), reason="  ")
    assert (empty.status, "Fill this in." in empty.words) == (422, True)
    done = desk.browser.send(empty.form(f"/staff/cycles/{cycle}/cancel"), reason="Strike\nat the market")
    assert "The market day is cancelled." in done.words
    assert "Strike at the market" in done.words
    assert "can not be cancelled any more" in desk.get(f"/cycles/{cycle}/cancel").words
    assert "No market day yet" in desk.get("").words
    buyer = signed_in(world.buyer()[0])
    assert buyer.get("/order").status == 200


def test_who_renames_a_day_does_not_put_back_the_cutoff_that_another_moved_meanwhile(world: Any, desk: Desk) -> None:
    cycle = world.cycle(state="scheduled", opens_in_s=3_600, cutoff_in_s=86_400)
    path = f"/staff/cycles/{cycle}"
    mine, theirs = desk.browser.get(path), desk.browser.get(path)
    cutoff = local(hours=30)
    late = {"cutoff_at": cutoff, "delivery_on": local(days=3)[:10]}
    assert desk.browser.send(theirs.form(path), **late).status == 200
    again = desk.browser.send(mine.form(path), name="Saturday")
    assert (again.status, "Somebody changed this in the meantime." in again.words) == (412, True)
    fields = again.form(path).fields
    assert (fields["name"], fields["cutoff_at"]) == ("Saturday", cutoff)
    saved = desk.browser.send(again.form(path))
    assert saved.status == 200, saved.words
    [day] = world.rows("SELECT name, cutoff_at FROM cycles")
    assert (day.name, day.cutoff_at.astimezone(HUB).strftime("%Y-%m-%dT%H:%M")) == ("Saturday", cutoff)


def test_what_both_changed_of_a_day_is_told_and_stays_as_typed(world: Any, desk: Desk) -> None:
    cycle = world.cycle(state="scheduled", opens_in_s=3_600, cutoff_in_s=86_400)
    path = f"/staff/cycles/{cycle}"
    mine, theirs = desk.browser.get(path), desk.browser.get(path)
    desk.browser.send(theirs.form(path), name="Sunday")
    again = desk.browser.send(mine.form(path), name="Saturday")
    assert again.form(path).fields["name"] == "Saturday"
    assert "Saved meanwhile: Sunday. Save again to keep yours." in again.words


def test_a_buyer_whose_day_is_cancelled_under_the_fingers_keeps_what_was_typed(
    world: Any, market: Any, transactions: Any
) -> None:
    page = market.browser.get("/order")
    world.run("UPDATE cycles SET state = 'cancelled'")
    again = market.browser.order(page, {market.apples: "2"})
    assert (again.status, "This market day was cancelled." in again.words) == (409, True)
    assert 'value="2"' in again.html
    assert market.browser.get("/order").status == 200


def test_planning_is_not_for_buyers(world: Any, market: Any) -> None:
    token = market.browser.get("/orders").form("/sign-out").fields["csrf_token"]
    cycle, offer = market.cycle, market.apples
    for path in ("", "/new", f"/new?from={cycle}", f"/{cycle}", f"/{cycle}/cancel", f"/{cycle}/add"):
        assert market.browser.get(f"/staff/cycles{path}").status == 403, path
    assert market.browser.get(f"/staff/offers/{offer}").status == 403
    posts = ("", f"/{cycle}", f"/{cycle}/cancel", f"/{cycle}/add", f"/{cycle}/accept", f"/{cycle}/offers/{offer}")
    more = (f"/{cycle}/offers/{offer}/accept", f"/{cycle}/offers/{offer}/remove")
    for path in (*posts, *more):
        answer = market.browser.post(f"/staff/cycles{path}", {"csrf_token": token, "reason": "x"})
        assert answer.status == 403, path
    assert world.value("SELECT state FROM cycles") == "open"
