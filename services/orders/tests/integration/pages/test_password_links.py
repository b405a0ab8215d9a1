"""Forgotten passwords and mailed links, as pages."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from orders.application.one_time_links import Purpose, issue
from orders.domain.people import Actor
from orders.entrypoints.gunicorn_config import without_one_time_links
from orders.entrypoints.pages import password_links

NEW = "aguacates a diez pesos"


@pytest.fixture
def path_of(world: Any, transactions: Any) -> Callable[..., str]:
    def make(actor: Actor, purpose: Purpose = Purpose.PASSWORD_RESET) -> str:
        transactions.run(lambda work: issue(work, actor.person_id, purpose, "http://localhost"))
        link: str = [event for event in world.events() if "link" in event][-1]["link"]
        return link.removeprefix("http://localhost")

    return make


def sign_in(browser: Any, email: str, password: str) -> int:
    form = browser.get("/sign-in").form("/sign-in")
    status: int = browser.send(form, follow=False, email=email, password=password).status
    return status


def test_the_way_from_a_forgotten_password_to_a_new_one(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    assert browser.get("/sign-in").read.having("a", href="/forgot")
    page = browser.send(browser.get("/forgot").form("/forgot"), email=email)
    assert "a link is on its way" in page.words
    link = world.events()[0]["link"].removeprefix("http://localhost")
    page = browser.get(link)
    assert page.status == 200
    assert _form(page)["email"] == email
    password = page.read.having("input", id="password")[0]
    assert password["autocomplete"] == "new-password"
    assert "maxlength" not in password  # a password cut short by the browser would not be the one that was meant
    done = browser.post(link, {**_form(page), "password": NEW}, follow=False)
    assert (done.status, done.headers["Location"]) == (303, "/sign-in?done=password")
    assert "Your password is set" in browser.get("/sign-in?done=password").words
    assert browser.client.get_cookie("mercadito_session") is None  # signed in by signing in only
    assert sign_in(browser, email, "correct horse battery") == 401
    assert sign_in(browser, email, NEW) == 303


def _form(page: Any) -> dict[str, str]:
    fields: dict[str, str] = next(form for form in page.read.forms if "password" in form.fields).fields
    return fields


def test_whoever_asks_gets_the_same_answer_after_the_same_time(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    took, pages = {}, {}
    for email in (world.emails[buyer.person_id], "nobody@test.example"):
        form = browser.get("/forgot").form("/forgot")
        began = time.monotonic()
        sent = browser.send(form, follow=False, email=email)
        took[email] = time.monotonic() - began
        pages[email] = (sent.status, sent.headers["Location"], browser.get(sent.headers["Location"]).words)
    assert len(set(pages.values())) == 1
    assert min(took.values()) >= password_links.ANSWER_AFTER_S
    # What mailing takes is hidden in the wait; the slack is for a machine that does other things too.
    assert max(took.values()) - min(took.values()) < password_links.ANSWER_AFTER_S
    assert len(world.events()) == 1


@pytest.mark.parametrize("email", ["", "nonsense", "\x00", "x" * 100_000, "<script>@x", "' OR 1=1 --"])
def test_nonsense_gets_that_answer_too(browser: Any, world: Any, email: str) -> None:
    page = browser.send(browser.get("/forgot").form("/forgot"), email=email)
    assert "a link is on its way" in page.words


def test_a_form_of_another_site_mails_nothing(browser: Any, world: Any) -> None:
    buyer, _ = world.buyer()
    assert browser.post("/forgot", {"email": world.emails[buyer.person_id]}).status == 403
    assert world.events() == []


def test_too_many_askings_are_told_for_how_long_to_wait(browser: Any, world: Any) -> None:
    world.run(
        "INSERT INTO sign_in_failures (account_hash, address)"
        " SELECT 'x', 'link 127.0.0.1' FROM generate_series(1, 1000)"
    )
    page = browser.send(browser.get("/forgot").form("/forgot"), email="rosa@test.example")
    assert page.status == 429
    assert "Wait 60 minutes" in page.words
    assert page.headers["Retry-After"] == "3600"
    assert page.form("/forgot").fields["email"] == "rosa@test.example"


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 10 characters"),
        ("password123", "passwords people try first"),
        ("Mercadito2026", "too close to your name"),
        ("x" * 2_000, "at most 1024 characters"),
        ("", "at least 10 characters"),
    ],
)
def test_a_weak_password_is_explained_beside_its_field(
    browser: Any, world: Any, path_of: Any, password: str, said: str
) -> None:
    buyer, _ = world.buyer()
    path = path_of(buyer)
    page = browser.post(path, {**_form(browser.get(path)), "password": password})
    assert page.status == 422
    assert said in page.words
    field = page.read.having("input", id="password")[0]
    assert field["aria-invalid"] == "true"
    assert "value" not in field
    done = browser.post(path, {**_form(page), "password": NEW}, follow=False)
    assert done.status == 303


def test_an_invitation_welcomes_by_name_and_in_ones_language(browser: Any, world: Any, path_of: Any) -> None:
    buyer, _ = world.buyer()
    world.run("UPDATE people SET password_hash = NULL, name = 'Lupe <b>Hernández</b>'")
    path = path_of(buyer, Purpose.INVITATION)
    assert path.startswith("/welcome/")
    page = browser.get(path)
    assert "Welcome, Lupe <b>Hernández</b>" in page.words
    assert "Le damos la bienvenida" in browser.get(path, Accept_Language="es").words
    assert browser.post(path, {**_form(page), "password": NEW}, follow=False).status == 303
    assert sign_in(browser, world.emails[buyer.person_id], NEW) == 303


@pytest.mark.parametrize(("purpose", "said"), [(Purpose.PASSWORD_RESET, "for an hour"), (Purpose.INVITATION, "a week")])
def test_a_link_that_is_over_says_so_kindly_and_offers_the_way_on(
    browser: Any, world: Any, path_of: Any, purpose: Purpose, said: str
) -> None:
    buyer, _ = world.buyer()
    path = path_of(buyer, purpose)
    form = _form(browser.get(path))
    world.run("UPDATE one_time_links SET expires_at = clock_timestamp()")
    for page in (browser.get(path), browser.post(path, {**form, "password": NEW}), browser.get(f"{path}x")):
        assert page.status == 404
        assert "This link does not work any more" in page.words
        assert said in page.words
        assert page.read.having("a", href="/forgot")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"


def test_these_pages_are_told_to_nobody_and_kept_by_nobody(browser: Any, world: Any, path_of: Any) -> None:
    buyer, _ = world.buyer()
    path = path_of(buyer)
    page = browser.get(path)
    weak = browser.post(path, {**_form(page), "password": "short"})
    done = browser.post(path, {**_form(page), "password": NEW}, follow=False)
    for answer in (page, weak, done):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_reset_needs_the_token_of_its_page(browser: Any, world: Any, path_of: Any) -> None:
    buyer, _ = world.buyer()
    path = path_of(buyer)
    assert browser.post(path, {"password": NEW}).status == 403
    assert sign_in(browser, world.emails[buyer.person_id], "correct horse battery") == 303


def test_no_log_line_has_the_secret_or_the_password(
    browser: Any, world: Any, path_of: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, _ = world.buyer()
    app = browser.client.application
    path = path_of(buyer)
    page = browser.get(path)
    browser.post(path, {**_form(page), "password": NEW})
    browser.get(path)

    def explode(**_: str) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setitem(app.view_functions, "password_links.reset_form", explode)
    assert browser.get(path).status == 500
    said = "".join(capsys.readouterr())
    assert "/reset/<secret>" in said
    assert path.rsplit("/", 1)[1] not in said
    assert NEW not in said


@pytest.mark.parametrize(
    "message", ["Error handling request GET /reset/s3cret", "Invalid request line: 'GET /welcome/s3cret HTTP/9'"]
)
def test_gunicorns_own_lines_are_cut(message: str) -> None:
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "x", 1, "%s", (message,), None)
    assert without_one_time_links(record)
    assert "s3cret" not in json.dumps(record.getMessage())
    assert "…" in record.getMessage()
