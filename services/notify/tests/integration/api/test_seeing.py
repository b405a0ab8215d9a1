"""What staff see of one mail, and how they have it sent again."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.envelope import new_event
from notify.errors import ConversationLost, Refused, RelayFault
from notify.kinds import kinds
from notify.queueing import attempts, intents, messages
from notify.queueing.messages import Dotted, Lease, Settlement, Terms
from notify.queueing.policy import Outcome, State
from notify.recipients.admission import UNWANTED
from notify.recipients.contacts import change_contact
from outgoing import placed, record
from sqlalchemy import Engine, text
from staff import PATH, Token, bearer
from world import DOMAIN, contact

RELAY = "relay.example"


def hold_one(engine: Engine, lease: Lease) -> messages.Claimed:
    with engine.begin() as connection:
        return messages.claim(connection, lease, Terms(1))[0]


def settle(engine: Engine, lease: Lease, message: messages.Claimed, outcome: Outcome, met: attempts.Met) -> None:
    with engine.begin() as connection:
        messages.settle(connection, lease, [Settlement(message, outcome, met)])


def put_off_others(engine: Engine, mail_id: int) -> None:
    with engine.begin() as connection:
        later = text("UPDATE messages SET due_at = now() + interval '1 hour' WHERE id <> :id")
        connection.execute(later, {"id": mail_id})


def failed(engine: Engine, lease: Lease, state: State = State.FAILED) -> int:
    """Let one mail end without having arrived; return its id."""
    message = hold_one(engine, lease)
    error = Refused(550, "5.1.1 no such mailbox", at="RCPT")
    settle(engine, lease, message, Outcome(state, str(error)), attempts.failed(error, RELAY))
    return message.id


@pytest.mark.usefixtures("five")
def test_a_mail_is_shown_with_every_attempt(client: TestClient, token: Token, engine: Engine, lease: Lease) -> None:
    message = hold_one(engine, lease)
    error = Refused(451, "4.7.1 come back later", at="RCPT")
    settle(engine, lease, message, Outcome(State.DEFERRED, str(error)), attempts.failed(error, RELAY).lasting(0.25))
    put_off_others(engine, message.id)
    again = hold_one(engine, lease)
    settle(engine, lease, again, Outcome(State.SENT), attempts.accepted(RELAY, 250, "2.0.0 Ok: queued as 4F2"))
    shown = client.get(f"{PATH}/{message.id}", headers=bearer(token())).json()
    assert (shown["state"], shown["person_name"], shown["attempts"]) == ("sent", "Rosa Peña", 2)
    assert isinstance(shown["order_number"], int)
    assert shown["title"]["es"] == "Pedido recibido"
    assert shown["relay"] == RELAY
    first, second = shown["tried"]
    assert (first["phase"], first["code"], first["state"], first["took_ms"]) == ("recipient", 451, "deferred", 250)
    assert (second["relay"], second["phase"], second["code"]) == (RELAY, "dot", 250)
    assert second["answer"] == "2.0.0 Ok: queued as 4F2"
    assert shown["can_resend"] is False


@pytest.mark.usefixtures("five")
def test_an_attempt_whose_process_died_is_shown_as_lost(
    client: TestClient, token: Token, engine: Engine, lease: Lease
) -> None:
    message = hold_one(engine, lease)
    with engine.begin() as connection:
        messages.mark_dots(connection, lease, [Dotted(message, b"bytes", "primary")])
        connection.execute(text("UPDATE messages SET lease_until = now() WHERE state = 'sending'"))
    put_off_others(engine, message.id)
    assert hold_one(engine, lease).id == message.id
    (lost,) = client.get(f"{PATH}/{message.id}", headers=bearer(token())).json()["tried"]
    assert (lost["phase"], lost["state"], lost["relay"]) == ("dot", "lost", None)


@pytest.mark.parametrize(
    ("error", "phase", "code"),
    [
        (RelayFault("535 to sign-in: no"), "relay", None),
        (Refused(451, "later", at="MAIL"), "relay", 451),
        (Refused(552, "too big", at="DATA"), "content", 552),
        (Refused(554, "spam", at="the message"), "dot", 554),
        (ConversationLost("lost before the final dot", after_dot=False), "content", None),
        (ConversationLost("lost after the final dot", after_dot=True), "dot", None),
    ],
)
def test_each_way_to_fail_says_how_far_it_got(error: Any, phase: str, code: int | None) -> None:
    met = attempts.failed(error, RELAY)
    assert (met.phase.value, met.code, met.answer) == (phase, code, str(error))


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN, State.EXPIRED, State.SUPPRESSED])
def test_what_did_not_arrive_is_sent_again_as_the_same_mail(
    client: TestClient, token: Token, engine: Engine, lease: Lease, state: State
) -> None:
    number = failed(engine, lease, state)
    before = client.get(f"{PATH}/{number}", headers=bearer(token())).json()
    assert before["can_resend"] is True
    for _ in range(2):  # asked twice is asked once
        answer = client.post(f"{PATH}/{number}/resend", headers=bearer(token()))
        assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["attempts"], shown["message_id"]) == ("queued", 0, before["message_id"])
    ((resent),) = shown["resent"]
    assert (resent["person_id"], resent["from_state"]) == ("person-9", state.value)
    assert [one["code"] for one in shown["tried"]] == [550]
    put_off_others(engine, number)
    again = hold_one(engine, lease)
    assert (again.id, again.attempts, again.unanswered, again.raw) == (number, 1, 0, None)


@pytest.mark.usefixtures("five")
def test_what_was_sent_is_not_sent_again(client: TestClient, token: Token, engine: Engine, lease: Lease) -> None:
    message = hold_one(engine, lease)
    settle(engine, lease, message, Outcome(State.SENT), attempts.accepted(RELAY, 250, "ok"))
    refused = client.post(f"{PATH}/{message.id}/resend", headers=bearer(token()))
    assert (refused.status_code, refused.json()["type"].rsplit("/")[-1]) == (409, "not-resendable")


def test_a_one_time_link_that_is_gone_is_not_mailed_again(
    client: TestClient, token: Token, engine: Engine, lease: Lease
) -> None:
    with engine.begin() as connection:
        change_contact(connection, new_event("accounts.contact.changed.v1", contact(), source="/mercadito/orders"))
        kind = kinds()["password_reset"]
        link = {"person_id": "person-1", "link": "https://m.example/r/1", "expires_at": "2099-01-01T00:00:00Z"}
        intents.record(
            connection, new_event("accounts.password_reset.requested.v1", link, source="/mercadito/orders"), kind=kind
        )
        intents.expand(connection, domain=DOMAIN)
    number = failed(engine, lease)
    with engine.begin() as connection:
        intents.forget_links(connection)
    assert client.get(f"{PATH}/{number}", headers=bearer(token())).json()["can_resend"] is False
    refused = client.post(f"{PATH}/{number}/resend", headers=bearer(token()))
    assert (refused.status_code, refused.json()["type"].rsplit("/")[-1]) == (409, "over")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("number", "status"), [("999999", 404), ("0", 422), ("x", 422), ("9" * 30, 422)])
def test_a_mail_that_is_not_there(client: TestClient, token: Token, method: str, number: str, status: int) -> None:
    path = f"{PATH}/{number}" + ("/resend" if method == "POST" else "")
    answer = client.request(method, path, headers=bearer(token()))
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "http://testserver"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({}, 403),
    ],
)
def test_a_cookie_changes_something_only_from_our_own_pages(
    client: TestClient, token: Token, headers: dict[str, str], status: int
) -> None:
    client.cookies.set("mercadito_id", token(aud="web", sid="s1"))
    assert client.post(f"{PATH}/999999/resend", headers=headers).status_code == status


def test_a_token_for_reading_changes_nothing(client: TestClient, token: Token) -> None:
    headers = bearer(token(scope="read"))
    assert client.post(f"{PATH}/1/resend", headers=headers).status_code == 403
    assert client.put(f"{PATH}/queue", json={"held": True, "reason": "x"}, headers=headers).status_code == 403


@pytest.mark.usefixtures("five")
def test_the_log_is_asked_by_fate_kind_and_time(client: TestClient, token: Token, engine: Engine, lease: Lease) -> None:
    number = failed(engine, lease)

    def found(**asked: str) -> list[str]:
        answer = client.get(PATH, params=asked, headers=bearer(token()))
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert found(fate="undelivered") == [str(number)]
    assert len(found(fate="waiting")) == 4
    assert found(fate="sent") == []
    assert len(found(kind="order_confirmation")) == 5
    assert found(kind="password_reset") == []
    assert len(found(since="2020-01-01T00:00:00Z", until="2999-01-01T00:00:00+02:00")) == 5
    assert found(until="2020-01-01T00:00:00Z") == []
    following = client.get(f"{PATH}?fate=waiting&limit=3&since=2020-01-01T00:00:00Z", headers=bearer(token())).json()[
        "next"
    ]
    assert len(client.get(following, headers=bearer(token())).json()["items"]) == 1
    naive = client.get(PATH, params={"since": "2020-01-01T00:00:00"}, headers=bearer(token()))
    assert naive.status_code == 422


@pytest.mark.usefixtures("five")
def test_what_nobody_wanted_did_not_fail_to_arrive(
    client: TestClient, token: Token, engine: Engine, lease: Lease
) -> None:
    came_back = "mails to this address came back"
    ended = {}
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)
    for reason in (*UNWANTED, came_back):
        message = hold_one(engine, lease)
        settle(engine, lease, message, Outcome(State.SUPPRESSED, reason), messages.NOTHING_TRIED)
        ended[reason] = str(message.id)
    listed = client.get(f"{PATH}?fate=undelivered", headers=bearer(token())).json()["items"]
    assert [each["id"] for each in listed] == [ended[came_back]]
    shown = {each["id"]: each["undelivered"] for each in client.get(PATH, headers=bearer(token())).json()["items"]}
    assert {id_ for id_, undelivered in shown.items() if undelivered} == {ended[came_back]}
    assert client.get(f"{PATH}/standing", headers=bearer(token())).json()["undelivered"] == 1
