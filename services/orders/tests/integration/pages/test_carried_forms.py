"""A form sent after the session ended is carried through the sign-in, shown, and sent by a press: never by itself."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from orders.domain.people import Role
from orders.entrypoints.pages.carried import MAX_FIELDS
from tests.integration.pages.conftest import PASSWORD, Page

NEW_STORE = "/staff/stores"


@pytest.fixture
def staff(world: Any) -> Any:
    return world.person(Role.STAFF)


@pytest.fixture
def desk(signed_in: Callable[..., Any], staff: Any) -> Any:
    return signed_in(staff)


def _names(world: Any) -> list[str]:
    return [row.name for row in world.rows("SELECT name FROM stores ORDER BY name")]


def _form(desk: Any) -> Any:
    return desk.get("/staff/stores/new").form(NEW_STORE)


def _typed(desk: Any, name: str = "Tienda <b>Lupita</b>") -> dict[str, str]:
    return {**_form(desk).fields, "name": name, "address": "Avenida Central 5"}


def _sent_late(world: Any, desk: Any, action: str, fields: Any, **headers: str) -> Page:
    world.run("DELETE FROM sessions")
    return desk.post(action, fields, follow=False, **headers)  # type: ignore[no-any-return]


def _signed_in_again(world: Any, desk: Any, staff: Any, door: Page) -> Page:
    return desk.send(door.form("/sign-in"), email=world.emails[staff.person_id], password=PASSWORD)  # type: ignore[no-any-return]


def test_what_was_typed_is_shown_after_the_sign_in_and_sent_by_a_press(world: Any, desk: Any, staff: Any) -> None:
    form, typed, before = _form(desk), _typed(desk), _names(world)
    door = _sent_late(world, desk, form.action, typed)
    assert door.status == 401
    assert "what you typed is kept" in door.words
    again = desk.send(door.form("/sign-in"), email="nobody@x.example", password="wrong")
    shown = _signed_in_again(world, desk, staff, again)
    assert (shown.status, shown.read.unbalanced) == (200, [])
    assert "It has not been sent yet." in shown.words
    assert "Tienda <b>Lupita</b>" in shown.words
    [listed] = re.findall(r'<ul class="carried">(.*?)</ul>', shown.html, re.DOTALL)
    assert "yes" not in listed  # a ticked box says nothing by itself
    assert "<b>Lupita" not in shown.html
    assert _names(world) == before
    carried = shown.form(NEW_STORE)
    assert carried.action == form.action
    done = desk.send(carried, follow=False)
    assert done.status == 303
    assert "Tienda <b>Lupita</b>" in _names(world)
    assert desk.send(carried, follow=False).status == 303  # the key in its address makes it one
    assert _names(world).count("Tienda <b>Lupita</b>") == 1


def test_the_token_of_the_ended_session_is_not_carried(world: Any, desk: Any, staff: Any) -> None:
    typed = _typed(desk)
    door = _sent_late(world, desk, NEW_STORE, typed)
    shown = _signed_in_again(world, desk, staff, door)
    assert shown.form(NEW_STORE).fields["csrf_token"] != typed["csrf_token"]


def test_a_buyer_who_signs_in_instead_can_send_it_no_more_than_before(world: Any, desk: Any) -> None:
    door = _sent_late(world, desk, NEW_STORE, _typed(desk))
    buyer, _ = world.buyer()
    shown = _signed_in_again(world, desk, buyer, door)
    assert desk.send(shown.form(NEW_STORE)).status == 403


@pytest.mark.parametrize(
    ("changed", "headers"),
    [
        ({"csrf_token": "guessed"}, {}),
        ({"csrf_token": "guessed"}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({"new_password": "hunter2 hunter2"}, {}),
        ({"code": "123456"}, {}),
        ({"note": "x" * 60_000}, {}),
        ({f"n{n}": "1" for n in range(MAX_FIELDS)}, {}),
    ],
)
def test_what_is_not_ours_secret_or_too_much_is_not_carried(
    world: Any, desk: Any, changed: dict[str, str], headers: dict[str, str]
) -> None:
    answer = _sent_late(world, desk, NEW_STORE, {**_typed(desk), **changed}, **headers)
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2F")


def test_a_browser_without_the_old_cookie_says_that_the_form_is_from_here(world: Any, desk: Any) -> None:
    typed = _typed(desk)
    desk.client.delete_cookie("mercadito_session")
    assert _sent_late(world, desk, NEW_STORE, typed, **{"Sec-Fetch-Site": "same-origin"}).status == 401
    assert _sent_late(world, desk, NEW_STORE, typed).status == 303


def test_files_and_forms_about_ones_own_secrets_are_not_carried(world: Any, desk: Any) -> None:
    token = _typed(desk)["csrf_token"]
    file = {"csrf_token": token, "sheet": (io.BytesIO(b"name"), "x.csv")}
    assert _sent_late(world, desk, "/staff/products/import", file).status == 303
    for path in ("/account/tokens", "/account/second-factor/off", "/account/sessions/end-others"):
        assert _sent_late(world, desk, path, {"csrf_token": token, "name": "x"}).status == 303, path


@pytest.mark.parametrize("carried", ["", "x", "\x00", "[]", "old", "forged"])
def test_what_somebody_else_has_written_or_what_is_too_old_is_let_go(
    *, world: Any, desk: Any, staff: Any, monkeypatch: pytest.MonkeyPatch, carried: str
) -> None:
    door = _sent_late(world, desk, NEW_STORE, _typed(desk)).form("/sign-in")
    kept = {"kept-carried": carried}
    if carried == "forged":
        kept = {"kept-carried": str(URLSafeTimedSerializer("?", salt="mercadito carried form").dumps(["/x", "/", []]))}
    if carried == "old":
        monkeypatch.setattr("orders.entrypoints.pages.carried.GOOD_FOR_S", -1)
        kept = {}
    who = {"email": world.emails[staff.person_id], "password": PASSWORD}
    assert desk.post(door.action, {**door.fields, **who, **kept}, follow=False).status == 303


def test_the_way_back_is_the_page_the_form_was_on_and_of_this_site(world: Any, desk: Any, staff: Any) -> None:
    typed = _typed(desk)
    for referrer, page in (
        ("http://localhost/staff/stores/new?q=1", "/staff/stores/new?q=1"),
        ("https://evil.example/staff", "/"),
        ("http://localhost//evil.example", "/"),
    ):
        door = _sent_late(world, desk, NEW_STORE, typed, **{"Referer": referrer, "Sec-Fetch-Site": "same-origin"})
        shown = _signed_in_again(world, desk, staff, door)
        assert shown.read.having("a", href=page, class_="quiet"), referrer
