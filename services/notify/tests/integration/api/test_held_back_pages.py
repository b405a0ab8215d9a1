"""``/mail/held-back/{person_id}``: staff see what is held back from a person and let it go there again."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from justhtml import JustHTML
from mercadito_events.service.identity import KeySet
from notify.api.app import create_app
from notify.api.bodies import MAX_REASON_CHARS
from notify.recipients import suppressions
from outgoing import know
from sqlalchemy import Engine, text
from staff import Token
from world import desk

PAGE = "/mail/held-back/person-1"
ASKED = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client(engine: Engine, jwks: Path, token: Token) -> Iterator[TestClient]:
    """Sam of the staff, who reads English; Rosa's address was refused."""
    know(engine)
    know(engine, person_id="sam", email="sam@hub.example", name="Sam Vega", locale="en", role="staff", store_ids=[])
    with engine.begin() as connection:
        suppressions.hold_back(connection, "person-1", "order_confirmation", "refused", "550 5.1.1 <b>no</b> such user")
    with TestClient(create_app(desk(engine, KeySet(jwks)), list), follow_redirects=False) as made:
        made.cookies.set("mercadito_id", token(aud="web", sub="sam"))
        yield made


def held(engine: Engine) -> list[tuple[bool, str | None, str | None]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT lifted_at, lifted_by, lift_reason FROM suppressions ORDER BY id"))
        return [(row.lifted_at is None, row.lifted_by, row.lift_reason) for row in rows]


def number(client: TestClient) -> str:
    found = re.search(r'name="id" value="(\d+)"', client.get(PAGE).text)
    assert found
    return found[1]


def test_it_says_what_is_held_back_since_when_and_why(client: TestClient) -> None:
    page = client.get(PAGE)
    assert page.status_code == 200
    assert JustHTML(page.text, collect_errors=True).errors == []
    for said in (
        "Rosa Peña",
        "Orders",
        "there is no such address",
        "Held back since",
        "550 5.1.1 &lt;b&gt;no&lt;/b&gt;",
    ):
        assert said in page.text
    # The address itself stands on the person's page; who looks over a shoulder here learns none.
    assert "rosa@tienda.example" not in page.text
    assert "<script" not in page.text


def test_a_lift_with_a_reason_leads_back_to_the_person_and_is_remembered(client: TestClient, engine: Engine) -> None:
    sent = {"id": number(client), "reason": "  She called: it works "}
    answer = client.post(PAGE, data=sent, headers=ASKED)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/people/person-1?done=lifted")
    assert held(engine) == [(False, "sam", "She called: it works")]
    page = unescape(client.get(PAGE).text)
    assert "Nothing is held back." in page
    assert "Sam Vega let mails go there again" in page
    assert "She called: it works" in page
    assert client.post(PAGE, data=sent, headers=ASKED).status_code == 409


@pytest.mark.parametrize("reason", ["", "   ", "a\nb", "x" * (MAX_REASON_CHARS + 1)])
def test_a_lift_without_a_reason_is_asked_for_one_and_keeps_what_was_typed(
    client: TestClient, engine: Engine, reason: str
) -> None:
    page = client.post(PAGE, data={"id": number(client), "reason": reason}, headers=ASKED)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert 'aria-invalid="true"' in page.text
    assert f"at most {MAX_REASON_CHARS} characters" in page.text
    assert held(engine) == [(True, None, None)]


@pytest.mark.parametrize("wanted", ["", "0", "999999", "1; DROP", "9" * 19])
def test_what_is_not_held_is_not_lifted(client: TestClient, engine: Engine, wanted: str) -> None:
    assert client.post(PAGE, data={"id": wanted, "reason": "x"}, headers=ASKED).status_code == 409
    assert held(engine) == [(True, None, None)]


def test_somebody_elses_is_not_lifted_from_here(client: TestClient, engine: Engine) -> None:
    wanted = number(client)
    answer = client.post("/mail/held-back/sam", data={"id": wanted, "reason": "x"}, headers=ASKED)
    assert answer.status_code == 409
    assert held(engine) == [(True, None, None)]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}])
def test_another_site_changes_nothing(client: TestClient, engine: Engine, headers: dict[str, str]) -> None:
    assert client.post(PAGE, data={"id": number(client), "reason": "x"}, headers=headers).status_code == 403
    assert held(engine) == [(True, None, None)]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_is_for_staff_alone(client: TestClient, engine: Engine, token: Token, method: str) -> None:
    sent = {"id": number(client), "reason": "x"}
    client.cookies.set("mercadito_id", token(aud="web", sub="person-1", role="buyer"))
    assert client.request(method, PAGE, data=sent, headers=ASKED).status_code == 403
    client.cookies.set("mercadito_id", "none")
    stranger = client.request(method, PAGE, data=sent, headers=ASKED)
    assert stranger.status_code == 401
    # Orders leads on from there with a fresh identity.
    assert 'href="/sign-in?next=/staff/people/person-1/held-back"' in stranger.text
    assert held(engine) == [(True, None, None)]


def test_a_token_for_reading_lifts_nothing(client: TestClient, engine: Engine, token: Token) -> None:
    sent = {"id": number(client), "reason": "x"}
    client.cookies.set("mercadito_id", token(aud="web", sub="sam", scope="read"))
    assert client.post(PAGE, data=sent, headers=ASKED).status_code == 403
    assert held(engine) == [(True, None, None)]


def test_it_speaks_the_language_of_who_works_there(client: TestClient, engine: Engine) -> None:
    know(engine, person_id="sam", email="sam@hub.example", role="staff", locale="es", version=2)
    page = client.get(PAGE)
    assert '<html lang="es">' in page.text
    assert "esa dirección no existe" in unescape(page.text)


def test_an_address_that_was_replaced_holds_nothing_back(client: TestClient, engine: Engine) -> None:
    wanted = number(client)
    know(engine, email="new@tienda.example", version=2)
    page = unescape(client.get(PAGE).text)
    assert "Nothing is held back." in page
    assert "the address is another one now" in page
    assert client.post(PAGE, data={"id": wanted, "reason": "x"}, headers=ASKED).status_code == 409


@pytest.mark.parametrize("person", ["nobody", "..%2f..%2fevil", "%3Cscript%3E", "x" * 200])
def test_nobody_is_nobody(client: TestClient, person: str) -> None:
    page = client.get(f"/mail/held-back/{person}")
    assert page.status_code in (200, 404)
    assert "<script>" not in page.text
    assert 'href="//' not in page.text
