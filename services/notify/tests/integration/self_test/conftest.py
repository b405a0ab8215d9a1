"""A world in which all is well: a relay with a good certificate, and a DNS that says what it should."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import certificate, served
from faulty_relay import FaultyRelay
from mercadito_events.testing import DatabaseUrls
from name_server import NameServer
from self_test import SelfTest
from signed import pem, rsa_key, signer


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    server.txt("mercadito.example", "some-other-record", "v=spf1 ip4:192.0.2.0/24 -all")
    server.txt("2026a._domainkey.mercadito.example", signer().record)
    server.txt("_dmarc.mercadito.example", "v=DMARC1; p=reject; rua=mailto:dmarc@mercadito.example")
    server.records["mail.mercadito.example", "A"] = ["192.0.2.10"]
    server.start()
    yield server
    server.stop()


@pytest.fixture
def relay(relay: FaultyRelay, tmp_path: Path) -> FaultyRelay:
    relay.tls, relay.scripts = served(certificate(tmp_path, days=63.5)), ["starttls"]
    return relay


@pytest.fixture
def self_test(names: NameServer, relay: FaultyRelay, urls: DatabaseUrls, tmp_path: Path) -> SelfTest:
    key, jwks = tmp_path / "dkim.pem", tmp_path / "jwks.json"
    key.write_bytes(pem(rsa_key()))
    jwks.write_text('{"keys": []}')
    environment = {
        "PATH": os.environ["PATH"],
        "MERCADITO_ENV": "test",
        "HTTP_PORT": "8084",
        "IDENTITY_JWKS_FILE": str(jwks),
        "NATS_URL": "nats://127.0.0.1:1",
        "NATS_USER": "notify",
        "NATS_PASSWORD": "not asked for here",
        "PUBLIC_URL": "https://mercadito.example",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(relay.port),
        "SMTP_USER": "hub",
        "SMTP_PASSWORD": "word-of-the-relay",
        "SSL_CERT_FILE": str(tmp_path / "relay.pem"),
        "MAIL_FROM": "Mercadito <orders@mercadito.example>",
        "MAIL_MESSAGE_ID_DOMAIN": "mail.mercadito.example",
        "MAIL_LINK_KEY": "the key of the tests, long enough",
        "DKIM_KEY_FILE": str(key),
        "DKIM_SELECTOR": "2026a",
        **urls.environment(),
    }
    return SelfTest(environment, names)
