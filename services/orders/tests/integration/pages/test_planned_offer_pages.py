"""The offers of a market day in a browser without scripts: priced, stocked, added, taken out, remembered."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.integration.pages.planning_desk import HOSTILE, HUB, Desk, desk, local, ordered
from tests.integration.pages.test_soundness import _faults
from tests.integration.planning.conftest import quoted

__all__ = ["desk", "quoted"]


def test_an_offer_shows_its_suggestion_with_source_age_trend_and_estimate(
    world: Any, desk: Desk, quoted: Callable[..., str]
) -> None:
    cycle = world.cycle()
    fresh, stale = quoted("30.00", days_ago=1), quoted("40.00", days_ago=20)
    for offer in (
        world.offer(cycle, name="Fresh", series_id=fresh),
        world.offer(cycle, name="Stale", series_id=stale),
        world.offer(cycle, name="Unknown"),
    ):
        assert offer
    world.run(
        "INSERT INTO series_days (series_id, quoted_on, reference) VALUES (CAST(:id AS uuid), '2025-12-30', 25)",
        id=fresh,
    )
    world.run(
        "INSERT INTO series_forecasts (series_id, as_of, method, points) VALUES (CAST(:id AS uuid), '2026-01-08', 'm',"
        """ '[{"date": "2026-01-09", "value": "31", "low": "28.5", "high": "33"}]')""",
        id=fresh,
    )
    words = desk.get(f"/cycles/{cycle}").words
    assert "Suggested $33.00 USDA Los Angeles" in words
    assert "report HC_FV010 · 1 day old" in words
    assert "+20.0 % in a week" in words
    assert "$28.50\u2013$33.00 a package" in words
    assert "Old price · USDA Los Angeles" in words
    assert "20 days old" in words
    assert "No market price reported" in words


def test_one_click_takes_a_suggested_price_and_one_more_all_fresh_ones(
    world: Any, desk: Desk, quoted: Callable[..., str]
) -> None:
    cycle = world.cycle()
    offers = [world.offer(cycle, name=name, series_id=quoted("30.00")) for name in ("Apples", "Limes", "Pears")]
    stale = world.offer(cycle, series_id=quoted("40.00", days_ago=20))
    page = desk.press(cycle, offers[0], "accept")
    assert "Apples: the suggested price is the price now." in page.words
    assert [desk.offer(one).unit_price_cents for one in offers] == [3_300, 1_500, 1_500]
    form = page.form(f"/staff/cycles/{cycle}/accept")
    after = desk.browser.send(form)
    assert "2 prices changed. 1 from an old quote was left as it is." in after.words
    assert desk.offer(stale).unit_price_cents == 1_500
    assert "1 price changed." in desk.browser.send(after.form(f"/staff/cycles/{cycle}/accept"), which="all").words
    assert desk.offer(stale).unit_price_cents == 4_400


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("34.5", 3_450),
        ("$34.50", 3_450),
        ("34,50", 3_450),
        (" $ 1,234.50 ", 123_450),
        ("1.234,50", 123_450),
        ("7", 700),
        ("0", 0),
    ],
)
def test_a_price_may_be_typed_as_people_write_dollars(world: Any, desk: Desk, typed: str, cents: int) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, name="Apples", price=1_501)
    assert "Apples: saved." in desk.row(cycle, offer, unit_price_cents=typed).words
    assert desk.offer(offer).unit_price_cents == cents


@pytest.mark.parametrize("typed", ["", "1.234", "34.505", "abc", "1e3", "$", "--3", "1000000", "12,34,567"])
def test_what_is_no_price_is_said_beside_it_and_stays_typed(world: Any, desk: Desk, typed: str) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)
    page = desk.row(cycle, offer, unit_price_cents=typed, available="7")
    assert page.status == 422
    assert page.read.having("input", id=f"unit_price_cents-{offer}", aria_invalid="true")
    [box] = page.read.having("input", id=f"available-{offer}")
    assert box["value"] == "7"
    assert desk.offer(offer).version == 1


@pytest.mark.parametrize("name", ["unit_price_cents", "available", "max_per_store", "case_size", "cutoff_at", "reason"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_offers_never_break_the_page(world: Any, desk: Desk, name: str, text: str) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)
    page = desk.row(cycle, offer, **{name: text, "available": text if name == "available" else "9"})
    assert page.status in (200, 422)
    assert "<script>alert" not in page.html
    assert world.value("SELECT count(*) FROM offers") == 1


def test_all_fields_of_a_row_are_saved_and_empty_ones_mean_no_limit(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10)
    cutoff = local(minutes=30)
    desk.row(cycle, offer, max_per_store="4", case_size="6", cutoff_at=cutoff, reason="cold night")
    row = desk.offer(offer)
    assert (row.max_per_store, row.case_size, row.version) == (4, 6, 2)
    assert row.cutoff_at.astimezone(HUB).strftime("%Y-%m-%dT%H:%M") == cutoff
    page = desk.row(cycle, offer, available="", max_per_store="", case_size="1", cutoff_at="")
    row = desk.offer(offer)
    assert (row.available, row.max_per_store, row.case_size, row.cutoff_at) == (None, None, None, None)
    assert "not limited" in page.words


def test_less_than_is_ordered_is_refused_with_the_figure(world: Any, desk: Desk, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10)
    ordered(world, transactions, cycle, offer, 7)
    page = desk.row(cycle, offer, available="6")
    assert (page.status, "7 are ordered already: write 7 or more." in page.words) == (422, True)


def test_two_people_at_one_row_do_not_overwrite_each_other(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, price=1_500, available=10)
    old = desk.get(f"/cycles/{cycle}").form(f"/staff/cycles/{cycle}/offers/{offer}")
    desk.row(cycle, offer, unit_price_cents="20")
    late = desk.browser.post(old.action, {**old.fields, "unit_price_cents": "30"})
    assert (late.status, "Somebody changed this in the meantime." in late.words) == (412, True)
    assert desk.offer(offer).unit_price_cents == 2_000
    assert desk.browser.post(old.action, {**old.fields, "available": "11"}).status == 200
    assert (desk.offer(offer).unit_price_cents, desk.offer(offer).available) == (2_000, 11)
    again = desk.browser.post(old.action, {**old.fields, "unit_price_cents": "20"})
    assert again.status == 200  # sent twice: it is as wanted


def test_what_nobody_touched_of_a_refused_row_is_as_it_is_by_now(world: Any, desk: Desk, transactions: Any) -> None:
    """Else the second press of whoever mistyped a price sells again what was closed by hand."""
    cycle = world.cycle()
    offer = world.offer(cycle, price=1_500, available=20)
    ordered(world, transactions, cycle, offer, 3)
    row = f"/staff/cycles/{cycle}/offers/{offer}"
    old = desk.get(f"/cycles/{cycle}").form(row)
    desk.press(cycle, offer, "remove")
    again = desk.browser.post(old.action, {**old.fields, "unit_price_cents": "a lot", "reason": "dearer"})
    form = again.form(row)
    assert (again.status, form.fields["available"], form.fields["was_available"]) == (422, "3", "3")
    assert (form.fields["unit_price_cents"], form.fields["reason"]) == ("a lot", "dearer")
    assert desk.browser.post(form.action, {**form.fields, "unit_price_cents": "16"}).status == 200
    saved = desk.offer(offer)
    assert (saved.unit_price_cents, saved.available, saved.remaining) == (1_600, 3, 0)
    assert saved.withdrawn_at is not None


def test_what_both_touched_of_a_row_is_told_and_stays_as_typed(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, price=1_500, available=20)
    row = f"/staff/cycles/{cycle}/offers/{offer}"
    old = desk.get(f"/cycles/{cycle}").form(row)
    desk.row(cycle, offer, available="10", max_per_store="2")
    again = desk.browser.post(old.action, {**old.fields, "available": "15"})
    form = again.form(row)
    assert (again.status, form.fields["available"], form.fields["max_per_store"]) == (412, "15", "2")
    assert "Saved meanwhile: 10. Save again to keep yours." in again.words
    assert desk.browser.post(form.action, form.fields).status == 200
    assert (desk.offer(offer).available, desk.offer(offer).max_per_store) == (15, 2)


def test_taking_out_and_closing_are_told_apart(world: Any, desk: Desk, transactions: Any) -> None:
    cycle = world.cycle()
    limes, apples = world.offer(cycle, name="Limes"), world.offer(cycle, name="Apples")
    ordered(world, transactions, cycle, apples, 3)
    assert "Limes: taken out." in desk.press(cycle, limes, "remove").words
    page = desk.press(cycle, apples, "remove")
    assert "Apples: closed, not taken out. 3 are ordered and stay so." in page.words
    assert "Closed by hand" in page.words
    assert (desk.offer(apples).available, desk.offer(apples).remaining) == (3, 0)


def test_a_form_from_elsewhere_changes_nothing(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)
    page = desk.row(cycle, offer, unit_price_cents="99", csrf_token="0" * 64)
    assert (page.status, desk.offer(offer).version) == (403, 1)
    assert desk.plan(csrf_token="0").status == 403
    for path in (f"/cycles/{cycle}/cancel", f"/cycles/{cycle}/accept", f"/cycles/{cycle}/add", f"/cycles/{cycle}"):
        assert desk.browser.post(f"/staff{path}", {"reason": "x", "name": "y", "product": "z"}).status == 403
    assert world.value("SELECT state FROM cycles WHERE id = CAST(:id AS uuid)", id=cycle) == "open"


def test_offers_are_searched_filtered_and_paged_and_saving_stays_there(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    for number in range(103):
        world.offer(cycle, name=f"Apple {number:03}")
    lime = world.offer(cycle, name="Lime", category="citrus")
    page = desk.get(f"/cycles/{cycle}?category=fruit")
    assert page.html.count("data-planned=") == 100
    [more] = [link["href"] for link in page.read.having("a", class_="quiet") if "cursor" in link["href"]]
    rest = desk.browser.get(more)
    assert rest.html.count("data-planned=") == 3
    form = next(form for form in rest.read.forms if "/offers/" in form.action)
    after = desk.browser.post(form.action, {**form.fields, "available": "77"}, follow=False)
    assert "cursor=" in after.headers["Location"]
    found = desk.get(f"/cycles/{cycle}?q=lim")
    assert [given["data-planned"] for given in found.read.having("li") if "data-planned" in given] == [lime]
    assert "No offer is called that" in desk.get(f"/cycles/{cycle}?q=zzz<script>").words
    assert desk.get(f"/cycles/{cycle}?q=%00&category=%ff&cursor=nonsense").status in (200, 422)


def test_products_are_added_by_search_and_by_category(world: Any, desk: Desk, quoted: Callable[..., str]) -> None:
    cycle, other = world.cycle(state="scheduled", opens_in_s=900), world.cycle(state="done", cutoff_in_s=-60)
    series = quoted("30.00")
    for name in ("Apples", "Pears"):
        world.offer(other, name=name, price=700, series_id=series if name == "Apples" else None)
    world.offer(other, name="Limes", category="citrus", price=800)
    world.run(
        "INSERT INTO products (id, name, name_es, category, pack)"
        " VALUES (gen_random_uuid(), 'New', 'Nuevo', 'fruit', 'x')"
    )
    page = desk.get(f"/cycles/{cycle}/add?q=pea")
    form = page.form(f"/staff/cycles/{cycle}/add?")
    assert "Last time $7.00" in page.words
    pears = str(world.value("SELECT id FROM products WHERE name = 'Pears'"))
    assert form.fields[f"price-{pears}"] == "7.00"
    none = desk.browser.send(form)
    assert (none.status, "Tick at least one product." in none.words) == (422, True)
    wrong = desk.browser.post(form.action, {**form.fields, "product": pears, f"price-{pears}": "cheap"})
    assert wrong.read.having("input", id=f"price-{pears}", aria_invalid="true")
    far = desk.browser.post(form.action, {**form.fields, "product": pears, f"price-{pears}": "999999"})
    assert far.read.having("input", id=f"price-{pears}", aria_invalid="true")
    added = desk.browser.post(form.action, {**form.fields, "product": pears, f"available-{pears}": "12"})
    assert "1 product added." in added.words
    form = desk.get(f"/cycles/{cycle}/add?category=fruit").form(f"/staff/cycles/{cycle}/add?")
    after = desk.browser.post(form.action, {**form.fields, "all": "yes"})
    assert "1 product added." in after.words
    assert "1 has no price yet and was not added" in after.words
    prices = world.rows(
        "SELECT p.name, o.unit_price_cents, o.available FROM offers o JOIN products p ON p.id = o.product_id"
        " WHERE o.cycle_id = CAST(:id AS uuid) ORDER BY p.name",
        id=cycle,
    )
    assert [tuple(row) for row in prices] == [("Apples", 3_300, None), ("Pears", 700, 12)]


def test_the_trail_of_an_offer_says_who_what_and_why(
    world: Any, desk: Desk, transactions: Any, quoted: Callable[..., str]
) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, name="Apples", available=10, price=1_500, series_id=quoted("30.00"))
    desk.row(cycle, offer, unit_price_cents="17", available="20", reason="<b>frost</b>")
    ordered(world, transactions, cycle, offer, 4)
    desk.press(cycle, offer, "accept")
    page = desk.get(f"/offers/{offer}")
    for words in (
        "Price: $15.00 → $17.00",
        "Available: 10 → 20",
        "Left: 20 → 16",
        f"Order {world.value('SELECT number FROM orders')} was placed",
        "Suggested price taken",
        "USDA Los Angeles, HC_FV010",
        "<b>frost</b>",
        "by Person",
    ):
        assert words in page.words, words
    assert desk.get(f"/offers/{uuid4()}").status == 404


def test_the_trail_of_an_offer_that_was_taken_out_remains(world: Any, desk: Desk) -> None:
    cycle = world.cycle()
    limes = world.offer(cycle, name="Limes")
    desk.press(cycle, limes, "remove")
    page = desk.get(f"/offers/{limes}")
    assert (page.status, "Limes" in page.words, "Removed" in page.words) == (200, True, True)


@pytest.mark.parametrize("locale", ["en", "es"])
def test_the_pages_of_planning_are_sound(
    world: Any, signed_in: Callable[..., Any], locale: str, quoted: Callable[..., str]
) -> None:
    staff = signed_in(world.person(Role.STAFF, locale=locale))
    empty = staff.get("/staff/cycles")
    cycle, past = world.cycle(), world.cycle(state="done", opens_in_s=-90_000, cutoff_in_s=-80_000)
    offer = world.offer(cycle, series_id=quoted("30.00"), max_per_store=3)
    world.offer(cycle, series_id=quoted("30.00", days_ago=30), available=None)
    world.offer(past)
    page = staff.get(f"/staff/cycles/{cycle}")
    form = page.form(f"/staff/cycles/{cycle}/offers/{offer}")
    drawn = {
        "empty": empty,
        "list": staff.get("/staff/cycles"),
        "new": staff.get("/staff/cycles/new"),
        "copy": staff.get(f"/staff/cycles/new?from={cycle}"),
        "one": page,
        "wrong": staff.post(form.action, {**form.fields, "unit_price_cents": "x", "cutoff_at": "x"}),
        "past": staff.get(f"/staff/cycles/{past}"),
        "add": staff.get(f"/staff/cycles/{cycle}/add"),
        "cancel": staff.get(f"/staff/cycles/{cycle}/cancel"),
        "trail": staff.get(f"/staff/offers/{offer}"),
    }
    for name, one in drawn.items():
        assert _faults(one, locale) == [], name
    spanish = {"en": "Copy the last market day", "es": "Copiar el último día de mercado"}
    assert spanish[locale] in drawn["list"].words


def test_3000_offers_and_their_search_are_quick_pages(world: Any, desk: Desk, quoted: Callable[..., str]) -> None:
    cycle = world.cycle()
    world.run(
        "INSERT INTO products (id, name, name_es, category, pack, series_id) SELECT gen_random_uuid(), 'P ' || n,"
        " 'P ' || n, 'fruit', 'carton', CAST(:series AS uuid) FROM generate_series(1, 3000) n",
        series=quoted("30.00"),
    )
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents) SELECT gen_random_uuid(),"
        " CAST(:cycle AS uuid), id, 100 FROM products",
        cycle=cycle,
    )
    page = desk.get(f"/cycles/{cycle}")
    assert "3,000" in page.words or "3000 offers" in page.words
    assert "Take all 3000 fresh suggested prices" in page.words
    assert page.html.count("data-planned=") == 100
