"""The queue's switch, how the post stands, and dead letters."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import DeadLetter
from notify.queueing import dead_letters, messages, pause
from notify.queueing.messages import Lease, Terms
from sqlalchemy import Engine, text
from staff import PATH, Token, bearer
from world import contact, order


def throw(client: TestClient, token: Token, **body: Any) -> Any:
    return client.put(f"{PATH}/queue", json=body, headers=bearer(token()))


def bury(engine: Engine, event: Event, durable: str, stream: str, *, seq: int = 7) -> None:
    letter = DeadLetter(durable, stream, seq, event.type, event.headers(), event.body(), "Permanent: no such field")
    with engine.begin() as connection:
        dead_letters.keep(connection, letter)
        dead_letters.keep(connection, letter)


def dead(client: TestClient, token: Token, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{PATH}/dead-letters", params=asked, headers=bearer(token())).json()[
        "items"
    ]
    return found


@pytest.mark.usefixtures("five")
def test_a_held_queue_gives_nothing_out_until_it_is_let_go(
    client: TestClient, token: Token, engine: Engine, lease: Lease
) -> None:
    answer = throw(client, token, held=True, reason="  Wrong price list  ")
    assert answer.status_code == 200
    assert answer.json()["queue"]["reason"] == "Wrong price list"
    with engine.begin() as connection:
        assert messages.claim(connection, lease, Terms(5)) == []
    # Held is held: who holds it again neither changes the reason nor when it began.
    assert throw(client, token, held=True, reason="Another").json()["queue"] == answer.json()["queue"]
    assert throw(client, token, held=False).json()["queue"]["held"] is False
    with engine.begin() as connection:
        assert len(messages.claim(connection, lease, Terms(5))) == 5
        kept = connection.execute(text("SELECT held, reason, person_id FROM queue_switches ORDER BY id")).all()
    assert [tuple(row) for row in kept] == [(True, "Wrong price list", "person-9"), (False, None, "person-9")]


@pytest.mark.usefixtures("five")
def test_what_a_dead_process_had_in_hand_is_held_too(
    client: TestClient, token: Token, engine: Engine, lease: Lease
) -> None:
    with engine.begin() as connection:
        messages.claim(connection, lease, Terms(1))
        connection.execute(text("UPDATE messages SET lease_until = now() WHERE state = 'sending'"))
    throw(client, token, held=True, reason="x")
    with engine.begin() as connection:
        assert messages.claim(connection, lease, Terms(5)) == []


@pytest.mark.parametrize(
    "body", [{}, {"held": True}, {"held": True, "reason": " "}, {"held": True, "reason": "a\nb"}, {"held": "yes"},
             {"held": True, "reason": "x" * 201}, [], {"held": 1, "reason": "x"}],
)  # fmt: skip
def test_a_hold_says_why(client: TestClient, token: Token, body: Any) -> None:
    answer = client.put(f"{PATH}/queue", json=body, headers=bearer(token()))
    assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (422, "invalid")


def test_a_body_beyond_the_bound_is_refused(client: TestClient, token: Token) -> None:
    answer = client.put(f"{PATH}/queue", content=b"x" * 10_001, headers=bearer(token()))
    assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (413, "too-large")


@pytest.mark.usefixtures("five")
def test_the_standing_tells_all_at_once(client: TestClient, token: Token, engine: Engine) -> None:
    with engine.begin() as connection:
        pause.pause(connection, pause.PRIMARY, "relay.example:587 cannot be reached", random.Random(1))
        connection.execute(text("UPDATE messages SET state = 'failed', settled_at = now() WHERE id = 1"))
    bury(engine, new_event("orders.order.placed.v1", order(), source="/mercadito/orders"), "notify__orders", "ORDERS")
    told = client.get(f"{PATH}/standing", headers=bearer(token())).json()
    assert told["queue"] == {"held": False, "reason": None, "person_id": None, "person_name": None, "since": None}
    assert told["relay"]["faults"] == 1
    assert told["relay"]["paused_s"] > 0
    assert told["waiting"] == {"queued": 4, "deferred": 0, "sending": 0}
    assert told["oldest_due_at"] is not None
    assert (told["undelivered"], told["dead_letters"], told["waiting_for_people"]) == (1, 1, 0)
    (kind,) = [one for one in told["kinds"] if one["kind"] == "order_confirmation"]
    assert kind["title"] == {"en": "Order received", "es": "Pedido recibido"}


def test_the_standing_tells_both_relays_and_which_is_used(client: TestClient, token: Token, engine: Engine) -> None:
    def told() -> tuple[str | None, list[tuple[str, str, int, bool]]]:
        standing = client.get(f"{PATH}/standing", headers=bearer(token())).json()
        ways = [(way["name"], way["host"], way["faults"], way["since"] is not None) for way in standing["relays"]]
        return standing["used"], ways

    def fault(name: str) -> None:
        with engine.begin() as connection:
            assert pause.pause(connection, name, f"{name} is away", random.Random(1))

    assert told() == ("primary", [("primary", "relay.example", 0, False), ("secondary", "second.example", 0, False)])
    fault(pause.PRIMARY)
    assert told() == ("secondary", [("primary", "relay.example", 1, True), ("secondary", "second.example", 0, False)])
    fault(pause.SECONDARY)
    assert told()[0] is None
    with engine.begin() as connection:
        pause.resume(connection, pause.PRIMARY)
    assert told() == ("primary", [("primary", "relay.example", 0, False), ("secondary", "second.example", 1, True)])


def test_a_relay_is_away_since_its_first_fault(engine: Engine) -> None:
    def since(sql: str = "SELECT 1") -> datetime | None:
        with engine.begin() as connection:
            connection.execute(text(sql))
            pause.pause(connection, pause.PRIMARY, "away", random.Random(1))
            return pause.current(connection)[pause.PRIMARY].since

    first = since()
    assert first is not None
    assert since("UPDATE relays SET paused_until = now()") == first
    # An older version of this service, running beside this one, does not write it.
    assert since("UPDATE relays SET paused_until = now(), faulty_since = NULL, updated_at = '2026-01-01Z'") == datetime(
        2026, 1, 1, tzinfo=UTC
    )
    with engine.begin() as connection:
        pause.resume(connection, pause.PRIMARY)
        assert pause.current(connection)[pause.PRIMARY].since is None
    again = since()
    assert again is not None
    assert again > first


def test_a_dead_letter_is_handled_again_once(client: TestClient, token: Token, engine: Engine) -> None:
    event = new_event("accounts.contact.changed.v1", contact(), source="/mercadito/orders")
    bury(engine, event, "notify__accounts", "ACCOUNTS")
    (letter,) = dead(client, token)
    assert (letter["type"], letter["event_id"], letter["error"]) == (event.type, event.id, "Permanent: no such field")
    assert letter["can_replay"] is True
    assert "tienda.example" not in str(letter)
    for _ in range(2):
        answer = client.post(f"{PATH}/dead-letters/{letter['id']}/replay", headers=bearer(token()))
        assert (answer.status_code, answer.json()["replayed_by"]) == (200, "person-9")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM contacts")) == 1
        assert connection.scalar(text("SELECT body FROM dead_letters")) is None
        assert connection.scalar(text("SELECT count(*) FROM inbox WHERE durable = 'notify__accounts'")) == 1
    assert dead(client, token) == []
    assert len(dead(client, token, replayed="true")) == 1


@pytest.mark.parametrize(
    ("event", "durable", "why"),
    [
        (("accounts.contact.changed.v1", {"email": "ana@secret.example"}), "notify__accounts", "Permanent"),
        (("accounts.nothing.known.v1", {}), "notify__accounts", "this version handles no events"),
        (("accounts.contact.changed.v1", contact()), "notify__gone", "this version handles no events"),
    ],
)  # fmt: skip
def test_one_that_still_cannot_be_handled_says_why_and_stays(  # noqa: PLR0917 - fixtures
    client: TestClient, token: Token, engine: Engine, event: tuple[str, Any], durable: str, why: str
) -> None:
    bury(engine, new_event(*event, source="/mercadito/orders"), durable, "ACCOUNTS")
    (letter,) = dead(client, token)
    refused = client.post(f"{PATH}/dead-letters/{letter['id']}/replay", headers=bearer(token()))
    assert (refused.status_code, refused.json()["type"].rsplit("/")[-1]) == (409, "still-dead")
    assert why in refused.json()["detail"]
    assert "secret.example" not in refused.text
    (again,) = dead(client, token)
    assert (again["tries"], again["replayed_at"]) == (1, None)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM inbox")) == 0


def test_one_whose_mail_would_come_too_late_says_so_and_is_handled_nevertheless(
    client: TestClient, token: Token, engine: Engine
) -> None:
    event = new_event("orders.order.placed.v1", order(cycle_id="cycle-1"), source="/mercadito/orders")
    bury(engine, replace(event, time=event.time - timedelta(days=3)), "notify__orders", "ORDERS")
    (letter,) = dead(client, token)
    over = client.post(f"{PATH}/dead-letters/{letter['id']}/replay", headers=bearer(token()))
    assert (over.status_code, over.json()["type"].rsplit("/")[-1]) == (409, "over")
    assert "too late" in over.json()["detail"]
    # What else it tells still counts: who has ordered is not reminded.
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM day_orders")) == 1
        # Nothing that waits for people, and is told as "to nobody" when it is over.
        assert connection.scalar(text("SELECT count(*) FROM intents")) == 0
    assert dead(client, token) == []
    again = client.post(f"{PATH}/dead-letters/{letter['id']}/replay", headers=bearer(token()))
    assert (again.status_code, again.json()["replayed_by"]) == (200, "person-9")


@pytest.mark.parametrize("is_handled", [True, False])
def test_a_letter_at_the_place_of_one_of_a_stream_that_was_made_anew_is_seen(
    client: TestClient, token: Token, engine: Engine, *, is_handled: bool
) -> None:
    """NATS' volume was replaced: numbers begin at 1 again, and notify still has those of before; perhaps it alone."""
    events = [new_event("accounts.contact.changed.v1", contact(), source="/mercadito/orders") for _ in range(2)]
    bury(engine, events[0], "notify__accounts", "ACCOUNTS")
    if is_handled:
        with engine.begin() as connection:
            connection.execute(text("UPDATE dead_letters SET replayed_at = now(), replayed_by = 'person-9', tries = 2"))
    bury(engine, events[1], "notify__accounts", "ACCOUNTS")
    new, *old = dead(client, token)
    assert (new["event_id"], new["stream_seq"], new["tries"], new["replayed_at"]) == (events[1].id, 7, 0, None)
    assert [letter["event_id"] for letter in old] == ([] if is_handled else [events[0].id])
    for letter in (new, *old):
        answer = client.post(f"{PATH}/dead-letters/{letter['id']}/replay", headers=bearer(token()))
        assert answer.status_code == 200
    assert dead(client, token) == []


def test_letters_without_an_id_are_told_apart_by_all_there_is(engine: Engine) -> None:
    letters = [
        DeadLetter("notify__orders", "ORDERS", 7, subject, headers, body, "MalformedEvent: no id")
        for subject, headers, body in (
            ("orders.x.v1", {"a": "1"}, b"x"),
            ("orders.x.v1", {"a": "1"}, b"y"),
            ("orders.x.v1", {"a": "2"}, b"y"),
            ("orders.y.v1", {"a": "2"}, b"y"),
        )
    ]
    for letter in letters:
        for _ in range(2):
            with engine.begin() as connection:
                dead_letters.keep(connection, letter)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT subject, headers, body FROM dead_letters ORDER BY id")).all()
    assert [(row.subject, row.headers, bytes(row.body)) for row in kept] == [
        (letter.subject, dict(letter.headers), letter.body) for letter in letters
    ]


def test_what_a_dead_letter_said_goes_after_a_week_and_it_after_a_month(
    client: TestClient, token: Token, engine: Engine
) -> None:
    for seq, days in enumerate((1, 8, 31)):
        event = new_event("accounts.contact.changed.v1", contact(), source="/mercadito/orders")
        bury(engine, event, "notify__accounts", "ACCOUNTS", seq=seq)
        with engine.begin() as connection:
            aged = text("UPDATE dead_letters SET at = now() - make_interval(days => :days) WHERE stream_seq = :seq")
            connection.execute(aged, {"days": days, "seq": seq})
    with engine.begin() as connection:
        dead_letters.forget(connection)
    assert [letter["can_replay"] for letter in dead(client, token)] == [False, True]
    without = dead(client, token)[0]["id"]
    gone = client.post(f"{PATH}/dead-letters/{without}/replay", headers=bearer(token()))
    assert (gone.status_code, gone.json()["detail"]) == (409, "what it said is no longer kept")


def test_dead_letters_come_in_pages(client: TestClient, token: Token, engine: Engine) -> None:
    for seq in range(3):
        bury(engine, new_event("orders.order.placed.v1", order(), source="/m"), "notify__orders", "ORDERS", seq=seq)
    first = client.get(f"{PATH}/dead-letters?limit=2", headers=bearer(token())).json()
    assert [letter["stream_seq"] for letter in first["items"]] == [2, 1]
    following = client.get(first["next"], headers=bearer(token())).json()
    assert ([letter["stream_seq"] for letter in following["items"]], following["next"]) == ([0], None)


def test_a_dead_letter_that_is_not_there(client: TestClient, token: Token) -> None:
    assert client.post(f"{PATH}/dead-letters/99/replay", headers=bearer(token())).status_code == 404
    assert client.post(f"{PATH}/dead-letters/x/replay", headers=bearer(token())).status_code == 422


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/1"), ("POST", "/1/resend"), ("GET", "/standing"), ("PUT", "/queue"), ("GET", "/dead-letters"),
    ("POST", "/dead-letters/1/replay"),
])  # fmt: skip
def test_nobody_but_staff_gets_to_any_of_it(client: TestClient, token: Token, method: str, path: str) -> None:
    assert client.request(method, PATH + path).status_code == 401
    assert client.request(method, PATH + path, headers=bearer(token(role="buyer"))).status_code == 403
