"""``POST /mail/bounces`` and what follows: signed, once, about the mail that it is really about."""

import base64
import hashlib
import hmac
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.identity import KeySet
from mercadito_events.testing import DatabaseUrls
from notify.api.app import create_app
from notify.bounce_command import EX_OK, EX_TEMPFAIL, take
from notify.kinds import order_confirmation
from notify.queueing.resending import resend
from notify.recipients import suppressions
from notify.recipients.return_path import ReturnPath
from notify.recipients.signing import Signer
from outgoing import events, know, messages
from sqlalchemy import Engine, make_url, text
from world import LINKS, bounce_settings, desk

KEY, OLD = "a key of the webhook, long enough", "the key it replaced, long enough"
SAMPLES = Path(order_confirmation.__file__).parent
PATH = ReturnPath.parse("bounces@mail.mercadito.example", LINKS.signer)
BOUNCED = {"type": "bounced", "message_id": "<d@x>", "status": "5.1.1", "detail": "550 <rosa@tienda.example> unknown"}
Send = Callable[..., Response]


@pytest.fixture
def client(engine: Engine, jwks: Path) -> Iterator[TestClient]:
    made = replace(desk(engine, KeySet(jwks)), return_path=PATH, bounce_signer=Signer(KEY, [OLD]))
    with TestClient(create_app(made, list)) as client:
        yield client


@pytest.fixture
def send(client: TestClient) -> Send:
    def post(body: Any, *, key: str = KEY, at: float = 0, **headers: str) -> Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        post_id, when = headers.pop("post_id", uuid.uuid4().hex), str(int(time.time() + at))
        mac = hmac.digest(key.encode(), f"{post_id}.{when}.".encode() + content, hashlib.sha256)
        signed = {
            "webhook-id": post_id,
            "webhook-timestamp": when,
            "webhook-signature": f"v1a,x v1,{base64.b64encode(mac).decode()}",
            "Content-Type": headers.pop("content_type", "application/json"),
        }
        return client.post("/mail/bounces", content=content, headers=signed | headers)

    return post


@pytest.fixture(autouse=True)
def sent(engine: Engine) -> int:
    """A mail to person-1 that the relay has taken."""
    know(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE contacts SET updated_at = now() - interval '1 day'"))
        connection.execute(
            text("""
            INSERT INTO intents (key, kind, event_id, data, state, expires_at)
            VALUES ('i', 'order_confirmation', 'e', '{}', 'expanded', now())
        """)
        )
        made = connection.scalar(
            text("""
            INSERT INTO messages (intent_id, dedup_key, message_id, kind, person_id, order_id, expires_at, state,
                settled_at)
            SELECT id, 'd', '<d@x>', 'order_confirmation', 'person-1', 'o1', now() + interval '1 day', 'sent', now()
            FROM intents RETURNING id
        """)
        )
    assert isinstance(made, int)
    return made


def held(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT email, class, cause FROM suppressions"))]


def state(engine: Engine) -> tuple[str, str | None]:
    (row,) = messages(engine)
    return row.state, row.reason


def test_a_mail_that_came_back_did_not_arrive_and_its_address_is_held_back(send: Send, engine: Engine) -> None:
    assert send({"events": [BOUNCED]}).json() == {"taken": 1, "known": 0, "unknown": 0}
    assert state(engine) == ("failed", "came back: 5.1.1 550 <[address]> unknown")
    assert held(engine) == [("rosa@tienda.example", "orders", "bounced")]
    ((name, body),) = events(engine)
    assert (name, body["order_id"], body["message_id"]) == ("notify.email.failed.v1", "o1", "<d@x>")
    assert "tienda" not in str(body)


def test_only_the_first_report_counts(send: Send, engine: Engine) -> None:
    send({"events": [BOUNCED]}, post_id="one")
    assert send({"events": [BOUNCED]}, post_id="one").json() == {"taken": 0, "known": 1, "unknown": 0}
    assert send({"events": [BOUNCED, BOUNCED]}, post_id="two").json() == {"taken": 0, "known": 2, "unknown": 0}
    assert len(events(engine)) == 1


def test_the_address_it_came_back_to_names_the_mail(send: Send, engine: Engine, sent: int) -> None:
    forged = {"type": "bounced", "return_path": f"bounces+{sent}-{'a' * 16}@mail.mercadito.example"}
    assert send({"events": [forged]}).json()["unknown"] == 1
    assert state(engine)[0] == "sent"
    assert send({"events": [forged | {"return_path": PATH.of(sent, "<d@x>").upper()}]}).json()["taken"] == 1
    assert state(engine)[0] == "failed"


def test_a_report_of_a_mail_server_counts_by_our_signature_alone(send: Send, engine: Engine, sent: int) -> None:
    assert send(dsn("<d@x>"), content_type="message/rfc822").json()["unknown"] == 1
    assert send(dsn(PATH.of(sent, "<d@x>")), content_type="message/rfc822").json()["taken"] == 1
    assert state(engine)[0] == "failed"


def dsn(to: str) -> bytes:
    return (
        f"To: {to}\r\nMIME-Version: 1.0\r\nMessage-ID: <d@x>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        "Final-Recipient: rfc822; rosa@tienda.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    ).encode()


def test_a_full_mailbox_fails_the_mail_and_holds_nobody_back(send: Send, engine: Engine) -> None:
    send({"events": [BOUNCED | {"status": "5.2.2"}]})
    assert state(engine)[0] == "failed"
    assert held(engine) == []


def test_a_relay_that_ran_out_of_patience_fails_the_mail_and_holds_nobody_back(
    send: Send, engine: Engine, sent: int
) -> None:
    for action, status in (("delayed", "4.4.1"), ("failed", "4.4.1")):
        raw = dsn(PATH.of(sent, "<d@x>")).replace(b"Action: failed", f"Action: {action}".encode())
        raw = raw.replace(b"Status: 5.1.1", f"Status: {status}".encode())
        assert send(raw, content_type="message/rfc822").json()["taken"] == 1
    assert state(engine) == ("failed", "came back: 4.4.1")
    assert held(engine) == []
    assert [name for name, _ in events(engine)] == ["notify.email.failed.v1"]


@pytest.mark.parametrize(
    ("detail", "is_held"),
    [
        ("smtp; 553 sorry, relaying disallowed", False),
        ("smtp; 550 SPF check failed", False),
        ("smtp; 552 Over quota", False),
        ("smtp; 550 5.7.1 listed", False),
        ("x-unix; user unknown", False),
        ("", False),
        ("smtp; 550 5.1.1 user unknown", True),
        ("smtp; 550 No such user here", True),
    ],
)
def test_a_status_that_says_nothing_leaves_it_to_the_other_servers_words(
    send: Send, engine: Engine, detail: str, is_held: bool
) -> None:
    send({"events": [BOUNCED | {"status": "5.0.0", "detail": detail}]})
    assert state(engine)[0] == "failed"
    assert bool(held(engine)) is is_held


def test_so_many_at_once_are_an_alarm_and_no_reason_to_hold_anybody_back(
    send: Send, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressions, "MOST_AN_HOUR", 1)
    with engine.begin() as connection:
        know(engine, person_id="person-2", email="sam@tienda.example")
        suppressions.hold_back(connection, "person-2", "order_confirmation", "refused", "550 no such user")
    send({"events": [BOUNCED]})
    assert state(engine)[0] == "failed"
    assert [email for email, _, _ in held(engine)] == ["sam@tienda.example"]
    send({"events": [BOUNCED | {"type": "complained"}]})
    assert len(held(engine)) == 2, "a reader's own word counts in any case"


def test_a_delay_changes_nothing(send: Send, engine: Engine) -> None:
    assert send({"events": [BOUNCED | {"type": "delayed", "status": "4.4.7"}]}).json()["taken"] == 1
    assert state(engine) == ("sent", None)
    assert (held(engine), events(engine)) == ([], [])


def test_a_complaint_holds_back_its_class_and_the_mail_arrived(send: Send, engine: Engine) -> None:
    send({"events": [{"type": "complained", "message_id": "<d@x>"}]})
    assert state(engine) == ("sent", None)
    assert held(engine) == [("rosa@tienda.example", "orders", "complained")]


def test_a_late_report_does_not_hold_back_the_new_address(send: Send, engine: Engine) -> None:
    know(engine, email="new@tienda.example", version=2)
    send({"events": [BOUNCED, {"type": "complained", "message_id": "<d@x>"}]})
    assert state(engine)[0] == "failed"
    assert held(engine) == []


def set_state(engine: Engine, state: str, unanswered: int = 0) -> None:
    with engine.begin() as connection:
        values = {"state": state, "unanswered": unanswered}
        connection.execute(
            text("""
            UPDATE messages SET state = :state, unanswered = :unanswered, updated_at = now(),
                settled_at = CASE WHEN :state = 'sent' THEN now() END,
                lease_until = CASE WHEN :state = 'sending' THEN now() + interval '1 minute' END
            """),
            values,
        )


def test_a_report_that_overtakes_the_outcome_comes_again(send: Send, engine: Engine) -> None:
    set_state(engine, "sending")
    answer = send({"events": [BOUNCED]}, post_id="one")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    set_state(engine, "sent")
    assert send({"events": [BOUNCED]}, post_id="one").json()["taken"] == 1
    assert state(engine)[0] == "failed"


def test_what_came_back_of_a_mail_without_an_answer_is_not_sent_again(send: Send, engine: Engine) -> None:
    set_state(engine, "deferred", unanswered=1)
    assert send({"events": [BOUNCED]}).json()["taken"] == 1
    assert state(engine)[0] == "failed"
    assert held(engine) == [("rosa@tienda.example", "orders", "bounced")]


def test_what_the_relay_never_got_cannot_have_come_back(send: Send, engine: Engine) -> None:
    set_state(engine, "deferred")
    send({"events": [BOUNCED]})
    assert (state(engine)[0], held(engine)) == ("deferred", [])


def test_a_mail_sent_again_may_come_back_again(send: Send, engine: Engine, sent: int) -> None:
    send({"events": [BOUNCED]})
    with engine.begin() as connection:
        connection.execute(text("UPDATE intents SET data = :data"), {"data": (SAMPLES / "sample.json").read_text()})
        assert resend(connection, sent, person_id="staff-1")
    set_state(engine, "sent")
    assert send({"events": [BOUNCED]}).json()["taken"] == 1
    assert state(engine)[0] == "failed"


def test_what_is_not_signed_is_not_read(send: Send, client: TestClient, engine: Engine) -> None:
    body = {"events": [BOUNCED]}
    for answer in (
        client.post("/mail/bounces", json=body),
        send(body, key="another key, long enough as well"),
        send(body, at=-400),
        send(body, at=400),
        send(body, **{"webhook-id": "another"}),
        send(body, **{"webhook-timestamp": "1e9"}),
        send(body, **{"webhook-signature": "v1,%%% v2,AAAA v1"}),
        send(body, post_id="x" * 101),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert state(engine)[0] == "sent"
    assert send(body, key=OLD).status_code == 200


def test_a_post_is_bounded_and_checked(send: Send, engine: Engine) -> None:
    assert send({"events": [BOUNCED] * 101}).status_code == 422
    assert send({"events": [BOUNCED | {"type": "opened"}]}).status_code == 422
    assert send(b"{").status_code == 422
    assert send(b"x" * 1_000_001).status_code == 413
    assert send({}, content_type="text/plain").status_code == 415
    assert state(engine)[0] == "sent"


def test_without_a_key_there_is_no_webhook(engine: Engine, jwks: Path) -> None:
    with TestClient(create_app(desk(engine, KeySet(jwks)), list)) as client:
        assert client.post("/mail/bounces", json={"events": []}).status_code == 404


def test_a_mail_server_pipes_a_report_in(engine: Engine, urls: DatabaseUrls, sent: int) -> None:
    settings = bounce_settings(urls)
    set_state(engine, "sending")
    assert take(settings, io.BytesIO(dsn("x@y.example")), PATH.of(sent, "<d@x>")) == EX_TEMPFAIL
    set_state(engine, "sent")
    assert take(settings, io.BytesIO(b"Subject: out of office\r\n\r\nAway."), PATH.of(sent, "<d@x>")) == EX_OK
    assert state(engine)[0] == "sent"
    away = replace(settings, database=DatabaseSettings(make_url("postgresql+psycopg2://x:x@127.0.0.1:1/x")))
    assert take(away, io.BytesIO(dsn("x@y.example")), PATH.of(sent, "<d@x>")) == EX_TEMPFAIL
    assert take(settings, io.BytesIO(dsn("x@y.example")), PATH.of(sent, "<d@x>")) == EX_OK
    assert state(engine)[0] == "failed"
