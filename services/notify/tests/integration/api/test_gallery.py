"""``/mail/gallery``: every kind from its sample, for staff."""

import re
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from justhtml import JustHTML
from mercadito_events.service.identity import KeySet
from notify.api.app import create_app
from notify.api.gallery import POLICY
from notify.kinds import kinds
from notify.writing.formats import LANGUAGES
from notify.writing.rendering import title
from outgoing import know
from sqlalchemy import Engine
from staff import Token
from world import REPOSITORY, desk

EVERY = [(kind, language) for kind in sorted(kinds()) for language in LANGUAGES]


@pytest.fixture
def client(engine: Engine, jwks: Path) -> Iterator[TestClient]:
    with TestClient(create_app(desk(engine, KeySet(jwks)), list), follow_redirects=False) as made:
        yield made


@pytest.fixture
def staff(client: TestClient, engine: Engine, token: Token) -> TestClient:
    know(engine, role="staff", locale="es")
    client.cookies.set("mercadito_id", token(aud="web", sub="person-1"))
    return client


def test_the_list_names_every_kind_in_the_readers_language(staff: TestClient) -> None:
    page = staff.get("/mail/gallery")
    assert page.status_code == 200
    assert JustHTML(page.text, collect_errors=True).errors == []
    for kind, language in EVERY:
        assert title(kind, "es") in unescape(page.text)
        assert f'href="/mail/gallery/{kind}/{language}"' in page.text


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_kind_is_shown_in_both_languages(staff: TestClient, kind: str, language: str) -> None:
    page = staff.get(f"/mail/gallery/{kind}/{language}")
    assert page.status_code == 200
    assert JustHTML(page.text, collect_errors=True).errors == []
    assert f'src="/mail/gallery/{kind}/{language}/mail"' in page.text
    mail = staff.get(f"/mail/gallery/{kind}/{language}/mail")
    assert mail.headers["Content-Security-Policy"] == POLICY
    assert f'<html lang="{language}"' in mail.text
    assert "/mail/unsubscribe/" not in mail.text


def test_a_picture_is_shown_where_the_mail_has_it(staff: TestClient) -> None:
    mail = staff.get("/mail/gallery/price_digest/en/mail").text
    shown = re.search(r'<img [^>]*src="data:image/png;base64,([^"]+)"', mail)
    assert shown is not None
    assert b64decode(shown[1]).startswith(b"\x89PNG")
    assert "cid:" not in mail
    assert "img-src data:" in POLICY


@pytest.mark.parametrize("path", ["", "/price_list/en", "/price_list/en/mail"])
def test_it_is_for_staff_alone(client: TestClient, engine: Engine, token: Token, path: str) -> None:
    know(engine)
    stranger = client.get(f"/mail/gallery{path}")
    assert stranger.status_code == 401
    assert 'href="/sign-in?next=/mail/gallery"' in stranger.text
    client.cookies.set("mercadito_id", token(aud="web", sub="person-1", role="buyer"))
    assert client.get(f"/mail/gallery{path}").status_code == 403
    client.cookies.set("mercadito_id", token(aud="api", sub="person-1"))
    assert client.get(f"/mail/gallery{path}").status_code == 401


@pytest.mark.parametrize("path", ["/no_such/en", "/no_such/en/mail", "/..%2f/en/mail"])
def test_what_there_is_not_is_said(staff: TestClient, path: str) -> None:
    assert staff.get(f"/mail/gallery{path}").status_code == 404


def test_a_language_we_do_not_write_is_refused(staff: TestClient) -> None:
    assert staff.get("/mail/gallery/price_list/fr").status_code in (404, 422)


def test_the_gateway_says_the_same_policy() -> None:
    assert POLICY in (REPOSITORY / "gateway" / "conf" / "maps.conf").read_text()
