"""Addresses that mails came back from: held back by class, listed, lifted."""

import pytest
from fastapi.testclient import TestClient
from notify.kinds import kinds
from notify.kinds.kind import Group
from notify.recipients import admission, suppressions
from notify.recipients.admission import HeldBack
from notify.recipients.suppressions import is_dead
from outgoing import know
from sqlalchemy import Engine, text
from staff import PATH, Token, bearer
from world import HUB

ORDERS, SECURITY = "order_confirmation", "password_reset"
LIST = f"{PATH}/suppressions"


@pytest.fixture(autouse=True)
def rosa(engine: Engine) -> None:
    know(engine, email="Rosa@tienda.example")


def refuse(engine: Engine, kind: str = ORDERS, code: int = 550, answer: str = "550 to RCPT: no such user") -> None:
    with engine.begin() as connection:
        suppressions.refused(connection, "person-1", kind, code, answer)


def may_get(engine: Engine, kind: str) -> bool:
    with engine.begin() as connection:
        made = connection.scalar(
            text("""
                WITH i AS (INSERT INTO intents (key, kind, event_id, data, state, expires_at)
                    VALUES (gen_random_uuid()::text, :kind, 'e', '{}', 'expanded', now()) RETURNING id)
                INSERT INTO messages (intent_id, dedup_key, message_id, kind, person_id, expires_at)
                SELECT id, gen_random_uuid()::text, gen_random_uuid()::text, :kind, 'person-1', now() + interval '1 h'
                FROM i RETURNING id
            """),
            {"kind": kind},
        )
    assert isinstance(made, int)
    with engine.connect() as connection:
        found = admission.judge(connection, {made: {}}, quiet=None, zone=HUB.time_zone).get(made)
    assert found in (None, HeldBack("mails to this address came back"))
    return found is None


def test_one_class_that_came_back_holds_back_no_other(engine: Engine) -> None:
    assert kinds()[ORDERS].group is not kinds()[SECURITY].group
    refuse(engine)
    refuse(engine)
    assert not may_get(engine, ORDERS)
    assert not may_get(engine, "order_cancelled")
    assert may_get(engine, SECURITY)


def test_another_address_is_not_held_back_and_the_old_one_still_is(engine: Engine) -> None:
    refuse(engine)
    know(engine, email="new@tienda.example", version=2)
    assert may_get(engine, ORDERS)
    know(engine, email="rosa@tienda.example", version=3)
    assert not may_get(engine, ORDERS)


def test_staff_see_it_and_lift_it_with_a_reason(client: TestClient, engine: Engine, token: Token) -> None:
    refuse(engine)
    headers = bearer(token())
    (item,) = client.get(LIST, params={"person_id": "person-1"}, headers=headers).json()["items"]
    assert (item["group"], item["cause"], item["holds"], item["lifted_at"]) == (Group.ORDERS, "refused", True, None)
    assert "tienda" not in str(item)
    path = f"{LIST}/{item['id']}/lift"
    assert client.post(path, json={"reason": " "}, headers=headers).status_code == 422
    assert client.post(path, json={"reason": "x" * 201}, headers=headers).status_code == 422
    lifted = client.post(path, json={"reason": "she has room again"}, headers=headers).json()
    assert (lifted["holds"], lifted["lifted_by"], lifted["lift_reason"]) == (False, "person-9", "she has room again")
    again = client.post(path, json={"reason": "another"}, headers=headers)
    assert (again.status_code, again.json()) == (200, lifted)
    assert may_get(engine, ORDERS)
    refuse(engine)
    assert not may_get(engine, ORDERS)
    assert len(client.get(LIST, headers=headers).json()["items"]) == 2


def test_the_list_comes_in_pages_and_of_one_person(client: TestClient, engine: Engine, token: Token) -> None:
    refuse(engine)
    refuse(engine, SECURITY)
    headers = bearer(token())
    first = client.get(LIST, params={"limit": 1, "person_id": "person-1"}, headers=headers).json()
    second = client.get(first["next"], headers=headers).json()
    assert [page["items"][0]["group"] for page in (first, second)] == ["security", "orders"]
    assert second["next"] is None
    assert client.get(LIST, params={"person_id": "person-2"}, headers=headers).json()["items"] == []


def test_only_staff_and_only_from_our_own_pages(client: TestClient, engine: Engine, token: Token) -> None:
    refuse(engine)
    path = f"{LIST}/1/lift"
    assert client.get(LIST).status_code == 401
    assert client.get(LIST, headers=bearer(token(role="buyer"))).status_code == 403
    assert client.post(path, json={"reason": "r"}, headers=bearer(token(scope="read"))).status_code == 403
    cookie = {"Cookie": f"mercadito_id={token(aud='web')}"}
    for site in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post(path, json={"reason": "r"}, headers=cookie | site).status_code == 403
    assert (
        client.post(path, json={"reason": "r"}, headers=cookie | {"Sec-Fetch-Site": "same-origin"}).status_code == 200
    )
    assert client.post(f"{LIST}/999/lift", json={"reason": "r"}, headers=bearer(token())).status_code == 404


@pytest.mark.parametrize(
    ("code", "answer", "dead"),
    [
        (550, "550 to RCPT: no such user", True),
        (550, "550 to RCPT: 5.1.1 user unknown", True),
        (550, "550 to RCPT: 5.1.10 null MX", True),
        (550, "550 to RCPT: 5.2.1 disabled", True),
        (550, "550 to RCPT: 5.0.0 no such user", True),
        (550, "550 to RCPT: user unknown", True),
        (550, "550 to RCPT: 5.0.0 scripted", False),
        (550, "550 to RCPT: no", False),
        (550, "550 relay not permitted", False),
        (550, "550 to RCPT: unknown user notify@host; relay denied", False),
        (550, "550 to RCPT: 5.1.8 sender's domain not found", False),
        (553, "553 to RCPT: bad mailbox", True),
        (550, "550 to RCPT: 5.1.0 address rejected", True),
        (550, "550 to RCPT: 5.1.0 sender denied", False),
        (552, "552 to RCPT: 5.2.2 over quota", False),
        (550, "550 to RCPT: 5.2.2 over quota", False),
        (550, "550 to RCPT: 5.7.1 your network is listed", False),
        (554, "554 to RCPT: rejected", False),
        (550, "550 to RCPT: 5.4.1 no answer from host", False),
        (450, "450 to RCPT: 4.2.0 greylisted", False),
        (550, "550 to RCPT: blocked, see 192.5.1.1", False),
    ],
)
def test_only_what_speaks_of_the_address_holds_it_back(code: int, answer: str, dead: bool) -> None:
    assert is_dead(code, answer) is dead
