"""The pages about stores, by a browser without scripts."""

from collections.abc import Callable
from html import escape
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.integration.test_reads import counted
from tests.integration.test_stores import HOSTILE, NO_TEXT

MOST_STATEMENTS = 9
FIELDS = ("name", "route", "stop", "phone", "address")


@pytest.fixture
def staff(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.STAFF))


def add(browser: Any, **fields: str) -> Any:
    form = browser.get("/staff/stores/new").form("/staff/stores")
    return browser.send(form, **{"name": "Abarrotes Lupita", **{k.replace("_", "-"): v for k, v in fields.items()}})


def edit(page: Any) -> Any:
    """Return the form with the store's fields."""
    return next(form for form in page.read.forms if "name" in form.fields)


def turning(page: Any) -> Any:
    return next(form for form in page.read.forms if "/active?" in form.action)


def many(world: Any, count: int = 500) -> None:
    world.run(
        """
        INSERT INTO stores (id, name, route, stop)
        SELECT gen_random_uuid(), 'Store ' || lpad(CAST(n AS text), 3, '0'),
               CASE WHEN n % 10 = 0 THEN '' ELSE 'Route ' || n % 10 END, n
        FROM generate_series(1, :count) n
        """,
        count=count,
    )


def test_a_store_is_added_found_and_opened(world: Any, staff: Any) -> None:
    page = add(staff, route="Boyle Heights", stop="3", phone="323 555 0101", address="1 First St\r\nLos Angeles")
    assert "The store is added." in page.words
    assert "Created" in page.words
    assert "Stop 3" in page.words
    listed = staff.get("/staff/stores?q=lupita")
    assert "1 store" in listed.words
    [link] = [given["href"] for given in listed.read.having("a", class_="entry")]
    opened = staff.get(link)
    assert edit(opened).fields["address"] == "1 First St\nLos Angeles"
    store = world.value("SELECT id FROM stores")
    for href in (f"/order?store={store}", f"/standing-order?store={store}", f"/staff/people/new?store={store}"):
        assert opened.read.having("a", href=href), href


def test_saving_changes_what_was_changed_and_tells_the_story(world: Any, staff: Any) -> None:
    page = add(staff, route="A")
    saved = staff.send(edit(page), route="Vermont", phone="323")
    assert "Saved." in saved.words
    assert "Route: Vermont instead of A" in saved.words
    assert "Phone: 323" in saved.words
    quiet = {name: value for name, value in edit(saved).fields.items() if name != "wants_reminder"}
    without = staff.post(edit(saved).action, quiet)
    assert "Reminder: no" in without.words
    assert world.value("SELECT wants_reminder FROM stores") is False
    cleared = staff.send(edit(without), phone="")
    assert "Phone: taken out (was 323)" in cleared.words


def test_the_list_is_grouped_by_route_or_sorted_by_name_and_leafed_through(world: Any, staff: Any) -> None:
    many(world)
    first = staff.get("/staff/stores")
    assert "500 stores" in first.words
    assert "1 to 50 of 500" in first.words
    assert first.words.index("Route 1") < first.words.index("Store 001")
    [following] = [given["href"] for given in first.read.having("a", rel="next")]
    second = staff.get(following)
    assert "51 to 100 of 500" in second.words
    assert len(second.read.having("a", class_="entry")) == 50
    last = staff.get("/staff/stores?page=10")
    assert "Without a route" in last.words
    assert "451 to 500 of 500" in staff.get("/staff/stores?page=999").words
    by_name = staff.get("/staff/stores?sort=name")
    assert by_name.words.index("Store 001") < by_name.words.index("Store 002") < by_name.words.index("Store 050")
    for odd in ("page=0", "page=-1", "page=x", "page=%00", "page=99999999999999", "show=x", "sort=x", "q=%00%ff"):
        assert staff.get(f"/staff/stores?{odd}").status == 200, odd


def test_search_and_filter_find_and_say_when_they_do_not(world: Any, staff: Any) -> None:
    world.store("Panadería Ñandú")
    world.store("Closed One", active=False)
    assert "Panadería Ñandú" in staff.get("/staff/stores?q=PANADERIA nandu").words
    assert "Closed One" not in staff.get("/staff/stores").words
    assert "Closed One" in staff.get("/staff/stores?show=deactivated").words
    assert "2 stores" in staff.get("/staff/stores?show=all").words
    assert "No store like that" in staff.get("/staff/stores?q=zzz").words
    world.run("DELETE FROM stores")
    assert "No stores yet" in staff.get("/staff/stores").words


def test_five_hundred_stores_take_a_handful_of_statements(world: Any, staff: Any) -> None:
    many(world)
    store = world.value("SELECT id FROM stores LIMIT 1")
    for path in ("/staff/stores", "/staff/stores?q=store&sort=name&page=3", f"/staff/stores/{store}", "/order"):
        with counted() as seen:
            assert staff.get(path).status == 200
        assert len(seen) <= MOST_STATEMENTS, path


@pytest.mark.parametrize("field", ["name", "route", "phone", "address"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_text_on_every_page(world: Any, staff: Any, field: str, text: str) -> None:
    page = add(staff, **{field: text})
    kept = text.replace("a\u0301", "á")
    assert edit(page).fields[field] == kept
    assert world.value(f"SELECT {field} FROM stores") == kept
    for shown in (page, staff.get("/staff/stores"), staff.get("/staff/stores?sort=name"), staff.get("/order")):
        assert shown.status == 200
        assert "<script>alert" not in shown.html
        assert shown.read.unbalanced == []
    assert escape(kept, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page.html


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", [*NO_TEXT, "x" * 100_000, "\ud800", "-1", "9" * 30])
def test_whatever_is_typed_there_is_an_answer_and_the_rest_stays(world: Any, staff: Any, field: str, text: str) -> None:
    typed = {
        "name": "Kept Name",
        "route": "Kept Route",
        "phone": "Kept Phone",
        field: text.encode("utf-8", "replace").decode(),
    }
    page = add(staff, **typed)
    assert page.status in (200, 422)
    assert "\x00" not in page.html
    if page.status == 422:
        assert "Some fields need a look." in page.words
        [given] = [given for _, given in page.read.elements if given.get("name") == field]
        assert given["aria-invalid"] == "true"
        for other in {"name", "route", "phone"} - {field}:
            assert edit(page).fields[other] == typed[other]
        assert world.value("SELECT count(*) FROM stores") == 0


def test_what_is_wrong_is_said_beside_the_field(world: Any, staff: Any) -> None:
    add(staff)
    page = add(staff, name="abarrotes LUPITA", stop="x", add_1="nobody@shop.example")
    assert page.status == 422
    assert "Nobody here has this name or address." in page.words
    assert "Write a whole number up to 9999" in page.words
    assert edit(page).fields["add-1"] == "nobody@shop.example"
    again = staff.send(edit(page), stop="4", **{"add-1": ""})
    assert again.status == 422
    assert "Another active store has this name." in again.words
    assert "The store is added." in staff.send(edit(again), name="Other").words


def test_people_are_named_by_address_or_name_and_ticked_off(world: Any, staff: Any) -> None:
    lupe, mario = world.person(), world.person()
    world.run("UPDATE people SET name = 'Lupe Ñ' WHERE id = :id", id=lupe.person_id)
    page = add(staff, add_1="lupe n")
    assert "Lupe Ñ added" in page.words
    page = staff.send(edit(page), **{"add-1": world.emails[mario.person_id].upper()})
    form = edit(page)
    assert {f"tick-{lupe.person_id}", f"tick-{mario.person_id}"} <= set(form.fields)
    gone = {name: value for name, value in form.fields.items() if name != f"tick-{lupe.person_id}"}
    page = staff.post(form.action, gone)
    assert "Lupe Ñ taken out" in page.words
    assert [str(row.person_id) for row in world.rows("SELECT person_id FROM store_people")] == [mario.person_id]


def test_a_name_that_two_have_asks_for_the_address(world: Any, staff: Any) -> None:
    world.person(), world.person()
    world.run("UPDATE people SET name = 'Same' WHERE role = 'buyer'")
    assert "Several people have this name." in add(staff, add_1="same").words


def test_staff_do_not_tie_staff_and_do_not_untie_them(world: Any, staff: Any, signed_in: Any) -> None:
    colleague = world.person(Role.STAFF)
    assert "Only an admin can give stores to staff." in add(staff, add_1=world.emails[colleague.person_id]).words
    admin = signed_in(world.person(Role.ADMIN))
    made = add(admin, add_1=world.emails[colleague.person_id])
    page = staff.get(made.path)
    assert f"tick-{colleague.person_id}" not in page.html
    assert "Saved." in staff.send(edit(page), route="New").words
    assert world.value("SELECT count(*) FROM store_people") == 1


def test_two_who_edit_one_store_see_both_and_lose_nothing(world: Any, staff: Any, signed_in: Any) -> None:
    other = signed_in(world.person(Role.STAFF))
    mine, theirs, stays = world.person(), world.person(), world.person()
    page = add(staff, route="Old", phone="1", add_1=world.emails[stays.person_id])
    stale = edit(staff.get(page.path))
    other.send(
        edit(other.get(page.path)), route="Theirs", address="Their street", **{"add-1": world.emails[theirs.person_id]}
    )

    conflict = staff.send(stale, route="Mine", phone="2", **{"add-1": world.emails[mine.person_id]})
    assert conflict.status == 412
    assert "Somebody else saved changes here while you were typing." in conflict.words
    form = edit(conflict)
    assert (form.fields["route"], form.fields["phone"]) == ("Mine", "2")
    assert "Saved meanwhile: Theirs." in conflict.words
    assert form.fields["address"] == "Their street"
    ticked = {name.removeprefix("tick-") for name in form.fields if name.startswith("tick-")}
    assert ticked == {mine.person_id, theirs.person_id, stays.person_id}
    assert world.value("SELECT route FROM stores") == "Theirs"

    assert "Saved." in staff.send(form).words
    row = world.rows("SELECT route, phone, address FROM stores")[0]
    assert tuple(row) == ("Mine", "2", "Their street")
    assert world.value("SELECT count(*) FROM store_people") == 3


def test_a_double_click_saves_once_and_shows_it_as_saved(world: Any, staff: Any) -> None:
    form = edit(add(staff))
    answers = [staff.send(form, route="Clicked") for _ in range(2)]
    assert ["Saved." in page.words for page in answers] == [True, True]
    assert world.value("SELECT version FROM stores") == 2
    again = staff.send(form, route="Typed after going back")
    assert again.status == 422
    assert "This form was sent once already" in again.words
    assert edit(again).fields["route"] == "Typed after going back"


def test_adding_twice_by_a_double_click_adds_one(world: Any, staff: Any) -> None:
    form = staff.get("/staff/stores/new").form("/staff/stores")
    assert [staff.send(form, name="Once").status for _ in range(2)] == [200, 200]
    assert world.value("SELECT count(*) FROM stores") == 1


def test_deactivating_says_what_it_means_and_can_be_taken_back(world: Any, staff: Any) -> None:
    page = add(staff)
    assert "Orders it has placed stay and will be delivered" in page.words
    closed = staff.send(turning(page), active="no")
    assert "The store is deactivated." in closed.words
    assert not closed.read.having("a", class_="button", href=f"/order?store={world.value('SELECT id FROM stores')}")
    add(staff)
    refused = staff.send(turning(closed), active="yes")
    assert refused.status == 422
    assert "Another active store has this name." in refused.words
    staff.send(edit(refused), name="Second Lupita")
    back = staff.send(turning(staff.get(page.path)), active="yes")
    assert "The store is active again." in back.words


def test_deactivating_what_somebody_changed_meanwhile_asks_first(world: Any, staff: Any) -> None:
    page = add(staff)
    staff.send(edit(page), route="Changed")
    refused = staff.send(turning(page), active="no")
    assert refused.status == 412
    assert "Nothing was done yet." in refused.words
    assert world.value("SELECT active FROM stores")
    assert "The store is deactivated." in staff.send(turning(refused), active="no").words


def test_a_form_without_its_token_comes_back_whole(world: Any, staff: Any) -> None:
    form = staff.get("/staff/stores/new").form("/staff/stores")
    page = staff.send(form, name="Typed", csrf_token="0" * 64)
    assert page.status == 403
    assert "Please send it once more." in page.words
    assert "The store is added." in staff.send(edit(page)).words
    assert world.value("SELECT name FROM stores") == "Typed"


def test_the_latest_orders_of_the_store_are_shown(world: Any, market: Any, staff: Any) -> None:
    market.browser.order(market.browser.get("/order"), {market.apples: "2"})
    page = staff.get(f"/staff/stores/{market.store}")
    number = world.value("SELECT number FROM orders")
    assert f"Order {number}" in page.words
    assert "$68.00" in page.words


def test_buyers_and_strangers_do_not_get_in(world: Any, market: Any, browser: Any) -> None:
    token = market.browser.get("/orders").form("/sign-out").fields["csrf_token"]
    store = market.store
    for path in ("/staff/stores", "/staff/stores/new", f"/staff/stores/{store}", f"/staff/stores/{uuid4()}"):
        assert market.browser.get(path).status == 403
        assert browser.get(path).path.startswith("/staff") is True
        assert browser.get(path).status == 303
    for path in ("/staff/stores", f"/staff/stores/{store}", f"/staff/stores/{store}/active"):
        posted = market.browser.post(path, {"csrf_token": token, "name": "Mine", "active": "no", "version": "1"})
        assert posted.status == 403
    assert world.value("SELECT count(*) FROM stores WHERE active AND version = 1") == 1


def test_a_store_that_is_not_there_is_not_found(staff: Any) -> None:
    assert staff.get(f"/staff/stores/{uuid4()}").status == 404
    assert staff.get("/staff/stores/nonsense").status == 404


def test_staff_choose_among_many_stores_by_route_and_search(world: Any, staff: Any) -> None:
    many(world)
    page = staff.get("/order?fill=last")
    assert "500 stores" in page.words
    assert "1 to 60 of 500" in page.words
    assert page.words.index("Route 1") < page.words.index("Store 001")
    found = staff.get("/order?q=store+041+route+1")
    assert "Store 041" in found.words
    [entry] = found.read.having("a", class_="entry")
    assert entry["href"].startswith("/order?store=")
    assert staff.get("/order?q=zzz").status == 200
    assert "No store like that" in staff.get("/order?q=zzz").words
    carried = page.read.having("a", class_="entry")[0]["href"]
    assert carried.endswith("&fill=last")


def test_a_buyer_with_a_few_stores_gets_a_plain_list(world: Any, signed_in: Any) -> None:
    stores = [world.store(f"Shop {n}") for n in range(3)]
    page = signed_in(world.person(stores=stores)).get("/order")
    assert [given["href"] for given in page.read.having("a", class_="entry")] == [
        f"/order?store={store}" for store in stores
    ]
    assert not page.read.having("input", type="search")
