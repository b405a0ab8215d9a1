"""The pages about people, by a browser without scripts."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.integration.pages.test_staff_stores import MOST_STATEMENTS, edit, turning
from tests.integration.test_reads import counted
from tests.integration.test_stores import HOSTILE, NO_TEXT


@pytest.fixture
def staff(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.STAFF))


@pytest.fixture
def admin(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.ADMIN))


def invite(browser: Any, **fields: str) -> Any:
    form = browser.get("/staff/people/new").form("/staff/people")
    given = {"name": "Lupe Hernández", "email": "lupe@shop.example", "locale": "es", "role": "buyer"}
    return browser.send(form, **{**given, **{name.replace("_", "-"): text for name, text in fields.items()}})


def change(browser: Any, page: Any, **fields: str) -> Any:
    # The reader of these tests does not see which option of a list is chosen.
    return browser.send(edit(page), **{"locale": "es", "role": "buyer", **fields})


def invitation(page: Any) -> Any:
    return next(form for form in page.read.forms if "/invitation?" in form.action)


def test_inviting_says_until_when_and_who_is_invited_shows_in_the_list(world: Any, staff: Any) -> None:
    world.store("Abarrotes Lupita"), world.store("La Esperanza")
    page = invite(staff, add_1="abarrotes  LUPITA", add_3="La Esperanza")
    assert "The invitation is on its way." in page.words
    assert "The invitation can be used until" in page.words
    assert "Abarrotes Lupita added" in page.words
    assert world.value("SELECT count(*) FROM store_people") == 2
    assert len(world.events("accounts.invitation.issued.v1")) == 1
    listed = staff.get("/staff/people?q=lupita&state=invited&role=buyer")
    assert "1 person" in listed.words
    assert "Abarrotes Lupita and 1 more" in listed.words
    assert [given["href"].split("?")[0] for given in listed.read.having("a", class_="entry")] == [
        page.path.split("?")[0]
    ]


def test_an_invitation_for_a_store_has_it_ticked(world: Any, staff: Any) -> None:
    store = world.store("Lupita")
    form = staff.get(f"/staff/people/new?store={store}").form("/staff/people")
    assert form.fields[f"tick-{store}"] == "yes"
    staff.send(form, name="A", email="a@shop.example", locale="en")
    assert str(world.value("SELECT store_id FROM store_people")) == store
    assert staff.get("/staff/people/new?store=nonsense").status == 200
    assert staff.get(f"/staff/people/new?store={uuid4()}").status == 404


def test_who_did_not_come_is_invited_again_three_times_an_hour(world: Any, staff: Any) -> None:
    page = invite(staff)
    for _ in range(2):
        page = staff.send(invitation(page))
        assert "The invitation is on its way." in page.words
    refused = staff.send(invitation(page))
    assert refused.status == 429
    assert "Three invitations went out within an hour." in refused.words
    world.run("UPDATE one_time_links SET expires_at = clock_timestamp()")
    assert "no invitation can be used any more" in staff.get(page.path).words
    assert "Invitation expired" in staff.get("/staff/people?state=expired").words
    world.run("UPDATE people SET password_hash = 'x' WHERE email = 'lupe@shop.example'")
    late = staff.send(invitation(page))
    assert late.status == 422
    assert "They have chosen a password already" in late.words


def test_saving_changes_what_was_changed_and_tells_the_story(world: Any, staff: Any) -> None:
    store, other = world.store("First"), world.store("Second")
    page = invite(staff, add_1="First")
    page = change(staff, page, name="Guadalupe", email="GUADALUPE@shop.example", locale="en", **{"add-1": "second"})
    assert "Saved." in page.words
    for words in (
        "Name: Guadalupe instead of Lupe Hernández",
        "E-mail: guadalupe@shop.example instead of lupe@shop.example",
        "Language: English instead of Spanish",
        "Second added",
    ):
        assert words in page.words
    form = edit(page)
    fields = {name: text for name, text in form.fields.items() if name != f"tick-{store}"}
    page = staff.post(form.action, {**fields, "locale": "en"})
    assert "First taken out" in page.words
    assert str(world.value("SELECT store_id FROM store_people")) == other
    assert world.value("SELECT locale FROM people WHERE name = 'Guadalupe'") == "en"


def test_what_is_wrong_is_said_beside_the_field_and_the_rest_stays(world: Any, staff: Any) -> None:
    world.store("Real")
    invite(staff)
    page = invite(staff, add_1="Unreal", add_2="Real")
    assert page.status == 422
    assert "No active store has this name." in page.words
    form = edit(page)
    assert form.fields["add-1"] == "Unreal"
    assert len([name for name in form.fields if name.startswith("tick-")]) == 1
    page = staff.send(form, locale="es", **{"add-1": ""})
    assert "Somebody here has this address already." in page.words
    page = staff.send(edit(page), email="not an address", name="", locale="es")
    assert "Mail can not be sent to this." in page.words
    assert "Write a name." in page.words
    page = staff.send(edit(page), email="new@shop.example", name="New", locale="fr")
    assert "Choose one of the list." in page.words
    assert "The invitation is on its way." in staff.send(edit(page), locale="es").words
    assert world.value("SELECT count(*) FROM store_people") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_come_back_as_text_on_every_page(world: Any, staff: Any, text: str) -> None:
    page = invite(staff, name=text)
    kept = text.replace("a\u0301", "á")
    assert edit(page).fields["name"] == kept
    store = staff.send(staff.get("/staff/stores/new").form("/staff/stores"), name="A", **{"add-1": "lupe@shop.example"})
    for shown in (page, store, staff.get("/staff/people"), staff.get("/staff/people/new"), staff.get("/staff/stores")):
        assert shown.status == 200
        assert "<script>alert" not in shown.html
        assert shown.read.unbalanced == []
    assert kept in store.read.text


@pytest.mark.parametrize("field", ["name", "email", "locale", "add-1", "version"])
@pytest.mark.parametrize("text", [*NO_TEXT, "x" * 100_000, "\ufffd", "9" * 30])
def test_whatever_is_typed_there_is_an_answer(world: Any, staff: Any, field: str, text: str) -> None:
    page = invite(staff, **{field: text})
    assert page.status in (200, 422)
    assert "\x00" not in page.html
    if page.status == 422:
        assert "Some fields need a look." in page.words
        assert world.value("SELECT count(*) FROM people WHERE role = 'buyer'") == 0


def test_the_list_is_leafed_through_with_few_statements(world: Any, staff: Any) -> None:
    world.run(
        "INSERT INTO people (id, email, name, locale, role) SELECT gen_random_uuid(), 'p' || n || '@shop.example',"
        " 'Person ' || lpad(CAST(n AS text), 3, '0'), 'es', 'buyer' FROM generate_series(1, 500) n"
    )
    store = world.store()
    person = world.value("SELECT id FROM people WHERE name = 'Person 007'")
    assert "501 people" in staff.get("/staff/people").words
    assert "451 to 500 of 500" in staff.get("/staff/people?role=buyer&page=10").words
    assert "Nobody like that" in staff.get(f"/staff/people?store={store}").words
    for path in ("/staff/people", f"/staff/people/{person}", "/staff/people/new", f"/staff/people?store={store}&q=a"):
        with counted() as seen:
            assert staff.get(path).status == 200
        assert len(seen) <= MOST_STATEMENTS, path
    for odd in ("role=king", "state=x", "store=x", "page=x", "q=%00%ff"):
        assert staff.get(f"/staff/people?{odd}").status == 200, odd


def test_two_who_edit_one_person_see_both(world: Any, staff: Any, signed_in: Any) -> None:
    other = signed_in(world.person(Role.STAFF))
    page = invite(staff)
    change(other, other.get(page.path), name="Theirs")
    conflict = change(staff, page, name="Mine", email="mine@shop.example")
    assert conflict.status == 412
    assert "Saved meanwhile: Theirs." in conflict.words
    form = edit(conflict)
    assert (form.fields["name"], form.fields["email"]) == ("Mine", "mine@shop.example")
    assert "Saved." in staff.send(form, locale="es").words
    assert world.value("SELECT name FROM people WHERE email = 'mine@shop.example'") == "Mine"


def test_a_double_click_invites_once(world: Any, staff: Any) -> None:
    form = staff.get("/staff/people/new").form("/staff/people")
    fields = {"name": "Lupe", "email": "lupe@shop.example", "locale": "es"}
    assert ["on its way" in staff.send(form, **fields).words for _ in range(2)] == [True, True]
    assert len(world.events("accounts.invitation.issued.v1")) == 1


def test_deactivating_and_making_active_again(world: Any, staff: Any, signed_in: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    theirs = signed_in(buyer)
    page = staff.get(f"/staff/people/{buyer.person_id}")
    out = staff.send(turning(page), active="no")
    assert "They are signed out everywhere and can not sign in." in out.words
    assert theirs.get("/orders").status == 303
    door = browser.get("/sign-in").form("/sign-in")
    refused = browser.send(door, email=world.emails[buyer.person_id], password="correct horse battery")
    assert refused.status == 401
    back = staff.send(turning(out), active="yes")
    assert "is active again." in back.words
    assert theirs.get("/orders").status == 303
    assert signed_in(buyer).get("/orders").status == 200


def test_deactivating_who_was_changed_meanwhile_asks_first(world: Any, staff: Any) -> None:
    page = invite(staff)
    change(staff, page, name="Changed")
    refused = staff.send(turning(page), active="no")
    assert (refused.status, "Nothing was done yet." in refused.words) == (412, True)
    assert "is deactivated." in staff.send(turning(refused), active="no").words


def test_staff_see_staff_without_a_form_and_change_nothing(world: Any, staff: Any) -> None:
    colleague = world.person(Role.ADMIN).person_id
    page = staff.get(f"/staff/people/{colleague}")
    assert page.status == 200
    assert "Only an admin can change staff." in page.words
    assert [form.action for form in page.read.forms] == ["/language", "/sign-out"]
    token = page.form("/sign-out").fields["csrf_token"]
    fields = {"csrf_token": token, "name": "X", "email": "x@y.example", "locale": "es", "version": "1", "active": "no"}
    for path in ("", "/active", "/invitation"):
        assert staff.post(f"/staff/people/{colleague}{path}", fields).status == 403
    assert staff.post("/staff/people", {**fields, "role": "admin"}).status == 200
    assert world.value("SELECT role FROM people WHERE email = 'x@y.example'") == "buyer"


def test_an_admin_chooses_roles_but_not_away_the_last_admin(world: Any, admin: Any) -> None:
    page = invite(admin, role="staff")
    assert world.value("SELECT role FROM people WHERE email = 'lupe@shop.example'") == "staff"
    assert "Saved." in change(admin, page, role="buyer").words
    me = world.value("SELECT id FROM people WHERE role = 'admin'")
    own = admin.get(f"/staff/people/{me}")
    assert "This is you." in own.words
    assert not [form for form in own.read.forms if "/active" in form.action]
    refused = change(admin, own, role="staff")
    assert (refused.status, "They are the only admin." in refused.words) == (422, True)
    posted = admin.post(f"/staff/people/{me}/active", {**edit(own).fields, "active": "no"})
    assert (posted.status, "You can not deactivate yourself." in posted.words) == (422, True)


def test_a_form_without_its_token_comes_back_whole(world: Any, staff: Any) -> None:
    form = staff.get("/staff/people/new").form("/staff/people")
    page = staff.send(form, name="Typed", email="typed@shop.example", locale="en", csrf_token="0" * 64)
    assert (page.status, "Please send it once more." in page.words) == (403, True)
    assert (edit(page).fields["name"], edit(page).fields["email"]) == ("Typed", "typed@shop.example")
    assert world.events() == []


def test_buyers_and_strangers_do_not_get_in(world: Any, market: Any, browser: Any) -> None:
    token = market.browser.get("/orders").form("/sign-out").fields["csrf_token"]
    me = market.buyer.person_id
    for path in ("/staff/people", "/staff/people/new", f"/staff/people/{me}", f"/staff/people/{uuid4()}"):
        assert market.browser.get(path).status == 403
        assert browser.get(path).status == 303
    for path in (
        "/staff/people",
        f"/staff/people/{me}",
        f"/staff/people/{me}/active",
        f"/staff/people/{me}/invitation",
    ):
        fields = {"csrf_token": token, "name": "X", "email": "x@y.example", "role": "admin", "version": "1"}
        assert market.browser.post(path, fields).status == 403
    assert world.value("SELECT count(*) FROM people WHERE role <> 'buyer' OR version <> 1") == 0
