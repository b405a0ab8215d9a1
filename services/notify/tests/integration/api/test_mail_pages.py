"""``/mail/*``: preferences and unsubscribing, by signed link and signed in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from mercadito_events.envelope import new_event
from mercadito_events.service.identity import KeySet
from notify.api.app import create_app
from notify.api.mail_pages import masked
from notify.api.small_pages import words
from notify.kinds import kinds
from notify.kinds.kind import Group
from notify.revocations import sign_out
from outgoing import know
from sqlalchemy import Engine, text
from staff import Token
from world import LINKS, desk

# Kinds that stand in for those that one may turn off, whatever kinds there are.
OPTIONAL, OF_STAFF = "order_changed", "order_cancelled"
STOP = LINKS.unsubscribe_path("person-1", OPTIONAL)
PAGE = LINKS.preferences_path("person-1")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def optional_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds can be turned off, whatever kinds there are."""
    optional = {OPTIONAL: Group.REMINDERS, OF_STAFF: Group.OPERATIONS}
    for name, kind in kinds().items():
        group = optional.get(name, kind.group if not kind.group.is_optional else Group.ORDERS)
        monkeypatch.setitem(kinds(), name, replace(kind, group=group))


@pytest.fixture
def client(engine: Engine, jwks: Path) -> Iterator[TestClient]:
    app = create_app(desk(engine, KeySet(jwks)), list)
    with TestClient(app, follow_redirects=False) as made:
        yield made


@pytest.fixture(autouse=True)
def rosa(engine: Engine) -> None:
    know(engine)


class Page(HTMLParser):
    """What a form would send, and the words."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.action = ""
        self.heading = ""
        self.language = ""
        self._in: list[str] = []
        self._form = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._in.append(tag)
        if tag == "html":
            self.language = found["lang"]
        if tag == "form" and not self.action:
            self.action = found.get("action", "")
        self._form = found.get("id", "") if tag == "form" else self._form
        if tag == "input" and not self._form and (found["type"] != "checkbox" or "checked" in found):
            self.fields.append((found["name"], found["value"]))

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["h1"]:
            self.heading += data.strip()

    def sent(self) -> dict[str, list[str]]:
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            sent.setdefault(name, []).append(value)
        return sent


def decided(engine: Engine) -> dict[tuple[str, str], tuple[bool, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM preferences"))
        return {(row.person_id, row.kind): (row.wanted, row.how) for row in rows}


def night(engine: Engine) -> tuple[Any, ...] | None:
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT starts, ends FROM quiet_hours WHERE person_id = 'person-1'")
        ).one_or_none()
    return None if row is None else tuple(row)


def test_a_mail_programs_button_ends_a_kind_at_once(client: TestClient, engine: Engine) -> None:
    answer = client.post(STOP, data=ONE_CLICK)
    # RFC 8058: no redirect, no cookie, no question.
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert decided(engine) == {("person-1", OPTIONAL): (False, "one_click")}
    assert client.post(STOP, data=ONE_CLICK).status_code == 200
    assert len(decided(engine)) == 1


def test_it_may_also_send_the_other_form_of_a_form(client: TestClient, engine: Engine) -> None:
    assert client.post(STOP, files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert decided(engine)["person-1", OPTIONAL][0] is False


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_looking_at_a_link_changes_nothing(client: TestClient, engine: Engine, method: str) -> None:
    for path in (STOP, PAGE, f"{STOP}?again=yes", f"{PAGE}?all=off", f"{STOP}?List-Unsubscribe=One-Click"):
        client.request(method, path)
    assert decided(engine) == {}
    assert night(engine) is None


def test_a_person_is_asked_first_and_can_change_the_mind(client: TestClient, engine: Engine) -> None:
    asked = client.get(STOP)
    assert Page(asked).heading == words()["es"]["stop"]
    assert "r•••@tienda.example" in asked.text
    assert "rosa@" not in asked.text
    done = client.post(STOP, data={})
    assert Page(done).heading == words()["es"]["stopped"]
    assert Page(client.get(STOP)).heading == words()["es"]["stopped"]
    again = client.post(STOP, data={"again": "yes"})
    assert Page(again).heading == words()["es"]["again"]
    assert decided(engine) == {("person-1", OPTIONAL): (True, "page")}


def test_nothing_of_an_order_or_an_account_can_be_turned_off(client: TestClient, engine: Engine) -> None:
    path = LINKS.unsubscribe_path("person-1", "password_reset")
    assert Page(client.post(path, data=ONE_CLICK)).heading == words()["es"]["fixed"]
    client.post(PAGE, data={"shown": ["password_reset", OPTIONAL, "no_such_kind"], "kind": []})
    assert decided(engine) == {("person-1", OPTIONAL): (False, "page")}


@pytest.mark.parametrize("path", [f"{STOP[:-1]}", f"{PAGE[:-2]}xx", "/mail/unsubscribe/x", "/mail/preferences/x.y"])
def test_a_link_that_was_cut_or_made_up_says_so(client: TestClient, engine: Engine, path: str) -> None:
    for answer in (client.get(path), client.post(path, data={"all": "off"})):
        assert answer.status_code == 404
        assert Page(answer).heading == words()["en"]["broken"]
    spanish = client.get(path, headers={"Accept-Language": "fr, es-MX;q=0.8, en;q=0.5"})
    assert Page(spanish).heading == words()["es"]["broken"]
    assert decided(engine) == {}


def test_a_link_of_another_purpose_opens_nothing(client: TestClient) -> None:
    assert client.get(STOP.replace("unsubscribe", "preferences")).status_code == 404
    assert client.get(PAGE.replace("preferences", "unsubscribe")).status_code == 404


def test_who_left_is_told_so(client: TestClient, engine: Engine) -> None:
    know(engine, active=False, version=2)
    for answer in (client.get(PAGE), client.get(STOP), client.post(STOP, data=ONE_CLICK), client.post(PAGE, data={})):
        assert answer.status_code == 410
    assert decided(engine) == {}


def test_a_kind_that_is_gone_leads_to_what_there_is(client: TestClient) -> None:
    answer = client.post(LINKS.unsubscribe_path("person-1", "no_such_kind"), data=ONE_CLICK)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)


def test_the_page_shows_what_was_decided_and_saves_it(client: TestClient, engine: Engine) -> None:
    page = Page(client.get(PAGE))
    assert (page.language, page.action) == ("es", PAGE)
    assert page.sent()["kind"] == [OPTIONAL]
    answer = client.post(page.action, data=page.sent() | {"kind": []})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?saved")
    assert decided(engine) == {("person-1", OPTIONAL): (False, "page")}
    after = client.get(answer.headers["location"])
    assert words()["es"]["saved"] in after.text
    assert "kind" not in Page(after).sent()
    # What was left as it was is not written down as this person's own wish.
    assert night(engine) is None


def test_a_kind_that_came_after_the_page_was_drawn_stays_on(client: TestClient, engine: Engine) -> None:
    client.post(PAGE, data={"quiet": "yes", "starts": "21:00", "ends": "05:00"})
    assert decided(engine) == {}


def test_all_can_be_turned_off_by_one_button_and_the_night_stays(client: TestClient, engine: Engine) -> None:
    client.post(PAGE, data={"starts": "21:00", "ends": "05:00"})
    client.post(PAGE, data={"shown": [OPTIONAL], "all": "off"})
    assert decided(engine) == {("person-1", OPTIONAL): (False, "page")}
    assert night(engine) == (None, None)


def test_enter_in_a_field_saves(client: TestClient) -> None:
    """A browser takes the form's first button for it."""
    page = client.get(PAGE).text
    first = page[page.index("<button", page.index(f'action="{PAGE}"')) :]
    own = [button for button in first.split("<button")[1:] if 'form="' not in button.split(">")[0]]
    assert words()["es"]["save"] in own[0]


def test_what_staff_get_is_offered_to_staff_alone(client: TestClient, engine: Engine) -> None:
    assert Page(client.get(PAGE)).sent()["shown"] == [OPTIONAL]
    know(engine, role="staff", version=2)
    assert Page(client.get(PAGE)).sent()["shown"] == [OPTIONAL, OF_STAFF]


def test_the_night_is_everyones_own(client: TestClient, engine: Engine) -> None:
    sent = Page(client.get(PAGE)).sent()
    assert (sent["quiet"], sent["starts"], sent["ends"]) == (["yes"], ["21:00"], ["05:00"])
    client.post(PAGE, data=sent | {"starts": "19:30", "ends": "03:15"})
    assert night(engine) == (time(19, 30), time(3, 15))
    assert Page(client.get(PAGE)).sent()["starts"] == ["19:30"]
    client.post(PAGE, data={name: value for name, value in sent.items() if name != "quiet"})
    assert night(engine) == (None, None)
    assert "quiet" not in Page(client.get(PAGE)).sent()


@pytest.mark.parametrize(("starts", "ends"), [("21:00", "21:00"), ("", "05:00"), ("9pm", "5am"), ("21:00" * 99, "x")])
def test_hours_that_make_no_night_are_said_beside_the_field_and_nothing_is_saved(
    client: TestClient, engine: Engine, starts: str, ends: str
) -> None:
    answer = client.post(PAGE, data={"shown": [OPTIONAL], "quiet": "yes", "starts": starts, "ends": ends})
    assert answer.status_code == 422
    assert words()["es"]["quiet_wrong"] in answer.text
    assert "kind" not in Page(answer).sent(), "what was typed stays"
    assert decided(engine) == {}
    assert night(engine) is None


def test_a_changed_night_wakes_what_the_old_one_holds(client: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO intents (key, kind, event_id, data, state, expires_at)
            VALUES ('i', 'x', 'e', '{}', 'expanded', now())
        """)
        )
        connection.execute(
            text("""
            INSERT INTO messages (intent_id, dedup_key, message_id, kind, person_id, expires_at, due_at)
            SELECT id, 'd', '<d@x>', 'x', 'person-1', now() + interval '1 day', now() + interval '8 hours' FROM intents
        """)
        )
    client.post(PAGE, data={"starts": "21:00", "ends": "05:00"})
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT due_at <= now() FROM messages"))


def test_signed_in_one_needs_no_link(client: TestClient, engine: Engine, token: Token) -> None:
    cookie = {"Cookie": f"mercadito_id={token(sub='person-1', role='buyer', aud='web')}"}
    answer = client.get("/mail/preferences", headers=cookie)
    assert (answer.status_code, Page(answer).action) == (200, PAGE)
    said = {"person_id": "person-1", "until": (datetime.now(UTC) + timedelta(minutes=9)).isoformat()}
    with engine.begin() as connection:
        sign_out(connection, new_event("orders.person.signed_out.v1", said, source="/mercadito/orders"))
    assert client.get("/mail/preferences", headers=cookie).status_code == 303


def test_who_is_not_signed_in_is_sent_for_an_identity_once(client: TestClient, token: Token) -> None:
    for value in ("", "nonsense", token(sub="person-1", aud="api")):
        answer = client.get("/mail/preferences", headers={"Cookie": f"mercadito_id={value}"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/mails")
    again = client.get("/mail/preferences?came")
    assert again.status_code == 401
    assert Page(again).heading == words()["en"]["signed_out"]


def test_a_form_is_bounded(client: TestClient, engine: Engine) -> None:
    assert client.post(STOP, content=b"x" * 20_000).status_code == 413
    many = "&".join(f"shown={number}" for number in range(300))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(PAGE, content=many.encode(), headers=headers).status_code == 400
    assert client.post(PAGE, content=b"shown=\xff", headers=headers).status_code == 400
    assert decided(engine) == {}


def test_nobody_keeps_a_page_and_everybody_its_style(client: TestClient) -> None:
    page = client.get(PAGE)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "<script" not in page.text
    assert " style=" not in page.text, "the gateway's policy would not let it through"
    (address,) = [line.split('"')[3] for line in page.text.splitlines() if 'rel="stylesheet"' in line]
    style = client.get(address)
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    # At another version's address, which another process may have written, it is not kept.
    assert client.get(f"{address}0").headers["cache-control"] == "public, no-cache"


def test_a_name_cannot_become_markup(client: TestClient, engine: Engine) -> None:
    know(engine, email='"<b>"@x.example', version=2)
    assert "<b>" not in client.get(PAGE).text


def test_an_address_is_shown_to_its_owner_only() -> None:
    assert masked("rosa@tienda.example") == "r•••@tienda.example"
    assert masked("r@tienda.example") == "r•••@tienda.example"


def test_both_languages_say_the_same_things() -> None:
    english, spanish = words()["en"], words()["es"]
    assert english.keys() == spanish.keys()
    for name, said in english.items():
        assert said.count("{") == spanish[name].count("{"), name
        assert all(part in spanish[name] for part in ("{kind}", "{address}", "{zone}", "{hub}") if part in said), name
