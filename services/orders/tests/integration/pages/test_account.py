"""The account page, and signing in with a second factor."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from orders.adapters.totp import STEP_S
from orders.adapters.transactions import SqlUnitOfWork
from orders.domain.people import Actor, Role
from tests.integration.pages.conftest import Browser

PASSWORD, NEW = "correct horse battery", "aguacates a diez pesos"
STEP = int(datetime.now(UTC).timestamp()) // STEP_S
NOW = datetime.fromtimestamp(STEP * STEP_S + STEP_S / 2, UTC)
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"


@pytest.fixture
def enrolled(world: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Actor], tuple[Browser, Any]]:
    """Switch the second factor on by the pages; return the browser and the phone."""
    monkeypatch.setattr(SqlUnitOfWork, "now", lambda _: NOW)

    def make(actor: Actor) -> tuple[Browser, Any]:
        browser = signed_in(actor)
        page = browser.send(browser.get("/account").form("/account/second-factor"))
        phone = pyotp.TOTP("".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page.html)))
        codes = browser.send(page.form("/account/second-factor/confirm"), code=phone.generate_otp(STEP))
        assert codes.status == 200
        world.run("UPDATE second_factors SET last_step = 0")
        return browser, (phone, re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", codes.words))

    return make


def second_page(browser: Browser, email: str, **more: str) -> Any:
    form = browser.get("/sign-in").form("/sign-in")
    return browser.post("/sign-in", {**form.fields, "email": email, "password": PASSWORD, **more}, follow=False)


def test_the_account_says_who_i_am_and_a_visitor_is_asked_to_sign_in(world: Any, signed_in: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    page = signed_in(buyer).get("/account")
    assert page.status == 200
    assert world.emails[buyer.person_id] in page.words
    assert "Two-step" not in page.words  # for staff only
    assert browser.get("/account").headers["Location"] == "/sign-in?next=%2Faccount"


def test_the_way_to_ones_mails_brings_a_fresh_identity(world: Any, signed_in: Any, browser: Any) -> None:
    mine = signed_in(world.buyer()[0])
    assert mine.get("/account").read.having("a", href="/account/mails")
    gone = mine.get("/account/mails")
    assert (gone.status, gone.headers["Location"]) == (303, "/mail/preferences?came")
    assert gone.headers["Set-Cookie"].startswith("mercadito_id=")
    assert browser.get("/account/mails").headers["Location"] == "/sign-in?next=%2Faccount%2Fmails"


def test_the_language_is_changed_on_the_account_page(world: Any, signed_in: Any) -> None:
    browser = signed_in(world.buyer()[0])
    form = next(form for form in browser.get("/account").read.forms if form.fields.get("next") == "/account"
                and "locale" in form.fields)  # fmt: skip
    page = browser.send(form, locale="es")
    assert "Mi cuenta" in page.words
    assert world.value("SELECT locale FROM people") == "es"


def test_changing_the_password_signs_out_everywhere_else(world: Any, signed_in: Any) -> None:
    buyer, _ = world.buyer()
    mine, other = signed_in(buyer), signed_in(buyer)
    form = mine.get("/account").form("/account/password")
    page = mine.send(form, current_password=PASSWORD, new_password=NEW)
    assert page.status == 200
    assert "Your password is changed" in page.words
    assert other.get("/account").status == 303
    assert len(world.events("accounts.password.changed.v1")) == 1


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        (("wrong", NEW), "current_password", "not your current password"),
        ((PASSWORD, "short"), "new_password", "at least 10"),
        ((PASSWORD, "password123"), "new_password", "try first"),
        (("x" * 100_000, NEW), "current_password", "not your current password"),
    ],
)
def test_a_refused_change_says_why_beside_the_field(
    world: Any, signed_in: Any, typed: tuple[str, str], field: str, said: str
) -> None:
    current, new = typed
    browser = signed_in(world.buyer()[0])
    page = browser.send(browser.get("/account").form("/account/password"), current_password=current, new_password=new)
    assert page.status == 422
    assert page.read.having("input", id=field)[0]["aria-invalid"] == "true"
    assert said in page.words
    assert not any(given.get("value") for given in page.read.having("input", type="password"))
    assert "Your password was not changed." in page.words


def test_sessions_are_listed_by_browser_and_ended_one_by_one_or_all(world: Any, app: Any, signed_in: Any) -> None:
    buyer, _ = world.buyer()
    mine, others = signed_in(buyer), [signed_in(buyer) for _ in range(3)]
    phone = Browser(app.test_client())
    form = phone.get("/sign-in").form("/sign-in")
    values = {**form.fields, "email": world.emails[buyer.person_id], "password": PASSWORD}
    phone.post("/sign-in", values, **{"User-Agent": ANDROID})
    page = mine.get("/account")
    assert "Chrome Android" in page.words
    assert page.words.count("This one") == 1
    ends = [form for form in page.read.forms if re.fullmatch(r"/account/sessions/[0-9a-f-]{36}/end", form.action)]
    assert len(ends) == 4
    page = mine.send(ends[0])
    assert "That session has ended." in page.words
    assert phone.get("/account").status == 303
    assert mine.send(ends[0]).status == 200  # a second click is fine
    page = mine.send(page.form("/account/sessions/end-others"))
    assert "You are signed out everywhere else." in page.words
    assert [other.get("/account").status for other in others] == [303] * 3
    assert not [form for form in page.read.forms if form.action.startswith("/account/sessions")]


def _ends(page: Any) -> set[str]:
    return {form.action for form in page.read.forms if form.action.startswith("/account/sessions/")} - {
        "/account/sessions/end-others"
    }


def test_many_sessions_are_paged(world: Any, signed_in: Any) -> None:
    buyer, _ = world.buyer()
    browser = signed_in(buyer)
    world.run(
        "INSERT INTO sessions (id, person_id, secret_hash, expires_at) SELECT gen_random_uuid(), CAST(:id AS uuid),"
        " sha256(CAST(n::text AS bytea)), clock_timestamp() + interval '1 day' FROM generate_series(1, 50) n",
        id=buyer.person_id,
    )
    page = browser.get("/account")
    assert len(_ends(page)) == 20
    older = page.read.having("a", class_="quiet")
    following = next(link["href"] for link in older if link["href"].startswith("/account?sessions="))
    assert _ends(browser.get(following.split("#")[0])).isdisjoint(_ends(page))


def test_nobody_ends_a_strangers_session_by_the_page(world: Any, signed_in: Any) -> None:
    victim, thief = (signed_in(world.buyer()[0]) for _ in range(2))
    session_id = world.value("SELECT id::text FROM sessions ORDER BY created_at LIMIT 1")
    form = thief.get("/account").form("/account/password")
    thief.post(f"/account/sessions/{session_id}/end", {"csrf_token": form.fields["csrf_token"]})
    assert victim.get("/account").status == 200


def test_a_token_is_made_shown_once_and_revoked(world: Any, signed_in: Any, nobody: Any) -> None:
    buyer, _ = world.buyer()
    browser = signed_in(buyer)
    page = browser.post(
        "/account/tokens",
        {**browser.get("/account").form("/account/tokens").fields, "name": "Harvest <sheet>", "scope": "read"},
    )
    assert page.status == 201
    nobody.token = page.read.forms[-1].fields.get("token") or re.findall(r">(ey[\w.-]+)</textarea>", page.html)[0]
    assert nobody.call("GET", "/me").json["id"] == buyer.person_id
    assert nobody.call("POST", "/orders", {}).status_code == 403
    page = browser.get("/account")
    assert nobody.token not in page.html
    assert "Harvest <sheet>" in page.words
    assert "Reads only" in page.words
    end = next(form for form in page.read.forms if form.action.startswith("/account/tokens/"))
    assert "The token is revoked" in browser.send(end).words
    assert nobody.call("GET", "/me").status_code == 401


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "\x00", "a\nb"])
def test_a_token_needs_a_name_that_one_can_read(world: Any, signed_in: Any, name: str) -> None:
    browser = signed_in(world.buyer()[0])
    page = browser.send(browser.get("/account").form("/account/tokens"), name=name, scope="read")
    assert page.status == 422
    assert page.read.having("input", id="name")[0]["aria-invalid"] == "true"
    assert page.read.having("option", value="read", selected="")
    assert world.value("SELECT count(*) FROM api_tokens") == 0


def test_a_token_of_a_program_opens_no_account_page(world: Any, sign_in: Any) -> None:
    api = sign_in(world.buyer()[0])
    answer = api.client.get("/account", headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/account/password",
        "/account/tokens",
        "/account/sessions/end-others",
        "/account/second-factor",
        "/account/second-factor/confirm",
        "/account/second-factor/off",
        "/account/sessions/00000000-0000-0000-0000-000000000000/end",
        "/account/tokens/00000000-0000-0000-0000-000000000000/end",
    ],
)
def test_nothing_is_changed_by_a_form_from_elsewhere(world: Any, signed_in: Any, path: str) -> None:
    browser = signed_in(world.person(Role.STAFF))
    assert browser.post(path, {"csrf_token": "0" * 64}).status == 403


def test_staff_set_the_second_factor_up_with_a_picture_a_link_or_by_typing(
    world: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = world.person(Role.STAFF)
    browser = signed_in(staff)
    page = browser.send(browser.get("/account").form("/account/second-factor"))
    drawing = page.read.having("svg", class_="qr")[0]
    assert drawing["aria-hidden"] == "true"
    path = next(given["d"] for tag, given in page.read.elements if tag == "path" and given["d"].count("h1v1h-1z") > 300)
    assert path.startswith("M4 4h1v1h-1z")  # the finder pattern, after a quiet zone of four modules
    link = next(given["href"] for tag, given in page.read.elements if given.get("href", "").startswith("otpauth://"))
    secret = pyotp.parse_uri(link).secret
    assert "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page.html)) == secret
    assert pyotp.parse_uri(link).issuer == "Mercadito"
    wrong = browser.send(page.form("/account/second-factor/confirm"), code="12345")
    assert wrong.status == 422
    assert secret in wrong.html.replace("</span> <span>", "")  # the picture stays, so that one can try again
    assert browser.get("/account/second-factor").status == 200
    assert world.value("SELECT confirmed_at FROM second_factors") is None


def test_signing_in_then_asks_for_the_code_on_a_second_page(world: Any, app: Any, enrolled: Any) -> None:
    staff = world.person(Role.STAFF)
    email = world.emails[staff.person_id]
    browser, (phone, recovery) = enrolled(staff)
    assert len(recovery) == 10
    assert not any(code in browser.get("/account").html for code in recovery)
    other = Browser(app.test_client())
    page = second_page(other, email, next="/staff?x=1")
    assert page.status == 200
    assert other.client.get_cookie("mercadito_session") is None
    code = page.read.having("input", id="code")[0]
    assert (code["autocomplete"], "inputmode" in code) == ("one-time-code", False)  # recovery codes have letters
    wrong = other.send(page.form("/sign-in/code"), code="000000x")
    assert wrong.status == 401
    assert "That code does not work." in wrong.words
    done = other.send(wrong.form("/sign-in/code"), follow=False, code=phone.generate_otp(STEP))
    assert (done.status, done.headers["Location"]) == (303, "/staff?x=1")
    assert other.get("/staff").status == 200
    again = other.send(page.form("/sign-in/code"), follow=False, code=phone.generate_otp(STEP))
    assert again.status in {401, 403}


def test_what_was_typed_before_the_session_ended_survives_the_second_step(world: Any, enrolled: Any) -> None:
    staff, store = world.person(Role.STAFF), world.store()
    browser, (phone, _) = enrolled(staff)
    offer = world.offer(world.cycle(), available=10)
    form = browser.get(f"/order?store={store}").form("/orders")
    world.run("DELETE FROM sessions")
    door = browser.post(form.action, {**form.fields, f"quantity-{offer}": "7", "note": "leave at the <back> door"})
    assert door.status == 401
    page = browser.send(door.form("/sign-in"), email=world.emails[staff.person_id], password=PASSWORD)
    assert page.form("/sign-in/code").fields[f"kept-quantity-{offer}"] == "7"
    wrong = browser.send(page.form("/sign-in/code"), code="1")
    order = browser.send(wrong.form("/sign-in/code"), code=phone.generate_otp(STEP))
    assert order.form("/orders").fields[f"quantity-{offer}"] == "7"
    assert order.form("/orders").fields["note"] == "leave at the <back> door"


@pytest.mark.parametrize("note", ["", "x", "WyJ4IiwieCJd.aaaa.bbbb", "\x00", "x" * 10_000])
def test_a_note_that_is_not_ours_leads_back_to_the_sign_in_page(browser: Any, world: Any, note: str) -> None:
    form = browser.get("/sign-in").form("/sign-in")
    fields = {"csrf_token": form.fields["csrf_token"], "note": note, "code": "123456", "email": "rosa@x.example"}
    page = browser.post("/sign-in/code", fields)
    assert page.status == 401
    assert page.form("/sign-in").fields["email"] == "rosa@x.example"


def test_a_second_step_that_took_too_long_begins_again(
    world: Any, app: Any, enrolled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.entrypoints.pages import second_step  # noqa: PLC0415 - patched only here

    staff = world.person(Role.STAFF)
    _, (phone, _) = enrolled(staff)
    other = Browser(app.test_client())
    page = second_page(other, world.emails[staff.person_id])
    monkeypatch.setattr(second_step, "GOOD_FOR_S", -1)
    late = other.send(page.form("/sign-in/code"), code=phone.generate_otp(STEP))
    assert late.status == 401
    assert "That took a while" in late.words
    assert other.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_switching_off_asks_for_both_and_says_which_was_wrong(world: Any, enrolled: Any) -> None:
    browser, (phone, recovery) = enrolled(world.person(Role.STAFF))
    form = browser.get("/account").form("/account/second-factor/off")
    for password, code, field in (("wrong", phone.generate_otp(STEP), "password"), (PASSWORD, "1", "code")):
        page = browser.send(form, password=password, code=code)
        assert page.status == 422
        assert page.read.having("input", id=field)[0]["aria-invalid"] == "true"
        assert "still on" in page.words
    page = browser.send(form, password=PASSWORD, code=recovery[0])
    assert "Two-step sign-in is off" in page.words
    assert page.form("/account/second-factor")


def test_a_buyer_is_refused_the_second_factors_pages(world: Any, signed_in: Any) -> None:
    browser = signed_in(world.buyer()[0])
    fields = {"csrf_token": browser.get("/account").form("/account/password").fields["csrf_token"]}
    assert browser.post("/account/second-factor", fields).status == 403
    assert browser.get("/account/second-factor").headers["Location"] == "/account"
