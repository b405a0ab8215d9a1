from collections.abc import Callable
from typing import Any

import pytest

from orders.domain.people import Role


def test_a_visitor_is_sent_to_the_sign_in_page_and_back_to_where_they_wanted(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    sent = browser.get("/orders?cursor=abc")
    assert sent.status == 303
    page = browser.get(sent.headers["Location"])
    after = browser.send(
        page.form("/sign-in"), follow=False, email=world.emails[buyer.person_id], password="correct horse battery"
    )
    assert (after.status, after.headers["Location"]) == (303, "/orders?cursor=abc")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "//[",
        "//\u2100",
    ],
)
def test_signing_in_leads_nowhere_else(browser: Any, world: Any, wanted: str) -> None:
    buyer, _ = world.buyer()
    form = browser.get("/sign-in").form("/sign-in")
    values = {"email": world.emails[buyer.person_id], "password": "correct horse battery", "next": wanted}
    after = browser.send(form, follow=False, **values)
    assert after.headers["Location"] == "/"


def test_the_front_page_sends_everyone_to_their_work(browser: Any, world: Any, signed_in: Callable[..., Any]) -> None:
    buyer, _ = world.buyer()
    assert browser.get("/").headers["Location"] == "/sign-in"
    assert signed_in(buyer).get("/").headers["Location"] == "/order"
    assert signed_in(world.person(Role.STAFF)).get("/").headers["Location"] == "/staff"


def test_a_wrong_password_keeps_the_e_mail_and_says_so_without_blame(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    page = browser.send(browser.get("/sign-in").form("/sign-in"), email=email, password="wrong")
    assert page.status == 401
    assert page.form("/sign-in").fields["email"] == email
    assert "password" not in page.form("/sign-in").fields or not page.form("/sign-in").fields["password"]
    assert "E-mail and password do not go together." in page.words


def test_a_form_without_the_token_of_its_page_opens_no_session(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    values = {"email": world.emails[buyer.person_id], "password": "correct horse battery"}
    assert browser.post("/sign-in", values).status == 403
    browser.get("/sign-in")
    assert browser.post("/sign-in", {**values, "csrf_token": "0" * 64}).status == 403


def test_a_form_from_another_site_is_refused_even_with_a_token(market: Any) -> None:
    form = market.browser.get("/order").form("/sign-out")
    answer = market.browser.client.post("/sign-out", data=form.fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert market.browser.get("/order").status == 200


def test_the_token_of_one_session_does_not_fit_another(world: Any, signed_in: Callable[..., Any]) -> None:
    first, second = (signed_in(world.buyer()[0]) for _ in range(2))
    stolen = first.get("/orders").form("/sign-out")
    assert second.send(stolen).status == 403


def test_signing_out_ends_the_session_and_takes_both_cookies(market: Any) -> None:
    browser = market.browser
    secret = browser.client.get_cookie("mercadito_session").value
    browser.send(browser.get("/orders").form("/sign-out"))
    assert browser.client.get_cookie("mercadito_session") is None
    assert browser.client.get_cookie("mercadito_id") is None
    browser.client.set_cookie("mercadito_session", secret)
    assert browser.get("/orders").status == 303


def test_the_cookies_are_out_of_reach_for_scripts_and_other_sites(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    form = browser.get("/sign-in").form("/sign-in")
    after = browser.send(form, follow=False, email=world.emails[buyer.person_id], password="correct horse battery")
    cookies = after.headers.getlist("Set-Cookie")
    assert {cookie.split("=")[0] for cookie in cookies} >= {"mercadito_session", "mercadito_id"}
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_a_first_visit_speaks_the_language_the_browser_asks_for(browser: Any, world: Any) -> None:
    assert "Iniciar sesión" in browser.get("/sign-in", Accept_Language="es-MX,es;q=0.9,en;q=0.5").words
    assert "Sign in" in browser.get("/sign-in", Accept_Language="fr").words


def test_a_language_once_chosen_stays(browser: Any, world: Any) -> None:
    form = browser.get("/sign-in").form("/language")
    assert "Iniciar sesión" in browser.send(form, locale="es").words
    assert "Iniciar sesión" in browser.get("/sign-in", Accept_Language="en").words


def test_the_language_of_a_person_is_kept_with_the_person_and_told_to_notify(
    world: Any, market: Any, signed_in: Callable[..., Any]
) -> None:
    page = market.browser.send(market.browser.get("/order").form("/language"), locale="es")
    assert "Hacer pedido" in page.words
    assert 'lang="es"' in page.html
    assert "Hacer pedido" in signed_in(market.buyer).get("/order").words
    [event] = world.events("accounts.contact.changed.v1")
    assert (event["locale"], event["person_id"]) == ("es", market.buyer.person_id)


def test_an_unknown_language_changes_nothing(market: Any) -> None:
    page = market.browser.send(market.browser.get("/order").form("/language"), locale="xx")
    assert "Place order" in page.words


def test_too_many_failures_are_told_for_how_long_to_wait(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    world.run(
        "INSERT INTO sign_in_failures (account_hash, address) SELECT sha256(CAST(:email AS bytea)), '127.0.0.1'"
        " FROM generate_series(1, 9000)",
        email=email.encode(),
    )
    page = browser.send(browser.get("/sign-in").form("/sign-in"), email=email, password="correct horse battery")
    assert page.status == 429
    assert "Wait 15 minutes" in page.words
