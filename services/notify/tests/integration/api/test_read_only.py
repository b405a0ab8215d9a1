"""A PostgreSQL that takes no writes, as after a fail-over or on a full disk: it passes, and nothing is lost."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.service.identity import KeySet
from mercadito_events.testing import DatabaseUrls
from notify.api.app import create_app
from notify.bounce_command import EX_TEMPFAIL, take
from notify.queueing import intents
from notify.recipients.return_path import ReturnPath
from outgoing import know, messages, placed, record
from sqlalchemy import Engine, text
from staff import bearer
from world import DOMAIN, LINKS, bounce_settings, desk

PATH = ReturnPath.parse("bounces@mail.mercadito.example", LINKS.signer)


@pytest.fixture
def sent(engine: Engine) -> str:
    """The envelope sender of a mail that the relay has taken."""
    know(engine)
    record(engine, placed())
    with engine.begin() as connection:
        intents.expand(connection, domain=DOMAIN)
        connection.execute(text("UPDATE messages SET state = 'sent', settled_at = now()"))
    (row,) = messages(engine)
    return PATH.of(row.id, row.message_id)


@pytest.fixture
def read_only(engine: Engine, urls: DatabaseUrls, postgres_server: Any, sent: str) -> Iterator[None]:
    """Every session from now on, as on a standby."""
    engine.dispose()
    with postgres_server.connect(urls.name) as cursor:
        cursor.execute(f"ALTER DATABASE {urls.name} SET default_transaction_read_only = on")
        yield
        cursor.execute(f"ALTER DATABASE {urls.name} RESET default_transaction_read_only")
    engine.dispose()


@pytest.mark.usefixtures("read_only")
def test_a_mail_server_is_asked_to_come_again(urls: DatabaseUrls, sent: str) -> None:
    report = (
        f"To: {sent}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        "Final-Recipient: rfc822; rosa@tienda.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    assert take(bounce_settings(urls), io.BytesIO(report.encode()), sent) == EX_TEMPFAIL


@pytest.mark.usefixtures("read_only")
def test_whoever_asks_over_http_is_told_to_come_again(engine: Engine, jwks: Path, token: Callable[..., str]) -> None:
    with TestClient(create_app(desk(engine, KeySet(jwks)), list)) as client:
        answer = client.put("/api/v1/notifications/queue", json={"held": True, "reason": "r"}, headers=bearer(token()))
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
