"""Tokens, sessions, cookies: who someone is, and for how long."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from mercadito_events.service.identity import KeySet

from orders.adapters.signing import KeyFileSigner
from orders.application import accounts
from orders.application.commands import Client
from orders.domain.people import Role
from tests.conftest import PASSWORD
from tests.integration.test_ordering import slug

HERE = Client("203.0.113.7")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(app: Any, world: Any, container: Any) -> Any:
    """Return a client that is signed in by cookie, and its session."""
    buyer, _ = world.buyer()
    session = container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    client = app.test_client()
    client.set_cookie("mercadito_session", session.secret)
    return client, buyer, session


def test_a_token_says_who_i_am(world: Any, sign_in: Any) -> None:
    buyer, store = world.buyer()
    me = sign_in(buyer).call("GET", "/me")
    assert me.status_code == 200
    assert me.json == {
        "id": buyer.person_id,
        "email": world.emails[buyer.person_id],
        "name": me.json["name"],
        "role": "buyer",
        "locale": "en",
        "stores": [{"id": store, "name": me.json["stores"][0]["name"]}],
    }


def test_every_service_can_read_the_token_by_the_public_keys(
    world: Any, sign_in: Any, key_files: tuple[Path, Path], nobody: Any
) -> None:
    buyer, store = world.buyer()
    identity = KeySet(key_files[1]).verify(sign_in(buyer).token, {"api"})
    assert (identity.person_id, identity.role, identity.store_ids) == (buyer.person_id, "buyer", (store,))
    listed = nobody.call("GET", "/jwks.json")
    assert listed.json == json.loads(key_files[1].read_text())
    assert "d" not in listed.json["keys"][0]


def test_nobody_gets_the_same_401_everywhere(nobody: Any) -> None:
    for method, path in [
        ("GET", "/me"),
        ("GET", "/cycles"),
        ("GET", "/cycles/current"),
        ("GET", f"/cycles/{uuid4()}/offers"),
        ("GET", "/orders"),
        ("POST", "/orders"),
        ("PUT", f"/orders/{uuid4()}"),
        ("DELETE", f"/orders/{uuid4()}"),
        ("DELETE", "/tokens/current"),
        ("GET", "/tokens"),
        ("DELETE", f"/tokens/{uuid4()}"),
        ("GET", "/sessions"),
        ("DELETE", f"/sessions/{uuid4()}"),
        ("PUT", "/me/password"),
        ("DELETE", f"/people/{uuid4()}/second-factor"),
        ("POST", "/realtime-tickets"),
        ("POST", "/session/renew"),
        ("POST", "/tokens"),
    ]:
        answer = nobody.call(method, path)
        assert (answer.status_code, slug(answer)) == (401, "unauthenticated"), path
        assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 10_000])
def test_tokens_that_are_none_are_refused(nobody: Any, token: str) -> None:
    nobody.token = token
    assert nobody.call("GET", "/me").status_code == 401


def test_forged_and_foreign_tokens_are_refused(
    world: Any, nobody: Any, key_files: tuple[Path, Path], container: Any, sign_in: Any
) -> None:
    buyer, _ = world.buyer()
    good = jwt.decode(sign_in(buyer).token, options={"verify_signature": False})
    caller = container.accounts.identify_session(
        container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE).secret
    )
    signer = KeyFileSigner(*key_files)
    kid = json.loads(key_files[1].read_text())["keys"][0]["kid"]
    forged = [
        jwt.encode(good, "", algorithm="none"),
        jwt.encode(good, "x" * 64, algorithm="HS256", headers={"kid": kid}),
        signer.sign(caller, "web", lifetime_s=600).token,
        signer.sign(caller, "realtime", lifetime_s=600).token,
        signer.sign(caller, "api", lifetime_s=600, token_id=str(uuid4())).token,  # signed, but never made
        signer.sign(caller, "api", lifetime_s=-600, token_id=good["jti"]).token,
        signer.sign(caller, "api", lifetime_s=600, token_id="not-a-uuid").token,
    ]
    for token in forged:
        nobody.token = token
        assert nobody.call("GET", "/me").status_code == 401, jwt.get_unverified_header(token)


def test_a_deleted_token_is_dead_here_at_once_and_elsewhere_by_event(world: Any, sign_in: Any) -> None:
    buyer, _ = world.buyer()
    api, other = sign_in(buyer), sign_in(buyer)
    assert api.call("DELETE", "/tokens/current").status_code == 204
    assert api.call("GET", "/me").status_code == 401
    assert other.call("GET", "/me").status_code == 200
    event = world.events("orders.person.signed_out.v1")[0]
    claims = jwt.decode(api.token, options={"verify_signature": False})
    assert (event["person_id"], event["token_id"]) == (buyer.person_id, claims["jti"])
    assert datetime.fromisoformat(event["until"]).timestamp() >= claims["exp"] - 1


def test_a_person_who_was_deactivated_is_out(world: Any, sign_in: Any, browser: Any, nobody: Any) -> None:
    client, buyer, _ = browser
    api = sign_in(buyer)
    world.run("UPDATE people SET active = false")
    assert api.call("GET", "/me").status_code == 401
    assert client.get("/api/v1/me").status_code == 401
    assert nobody.client.post("/api/v1/tokens", auth=(world.emails[buyer.person_id], PASSWORD)).status_code == 401


def test_rights_are_those_of_now_and_not_of_the_token(world: Any, sign_in: Any) -> None:
    buyer, store = world.buyer()
    api = sign_in(buyer)
    world.run("DELETE FROM store_people")
    assert api.call("GET", "/me").json["stores"] == []
    cycle = world.cycle()
    lines = [{"offer_id": world.offer(cycle), "quantity": 1}]
    wanted = {"cycle_id": cycle, "store_id": store, "lines": lines}
    assert api.call("POST", "/orders", wanted, Idempotency_Key="k").status_code == 403


def test_a_session_cookie_works_like_a_token_for_reads(browser: Any) -> None:
    client, buyer, _ = browser
    assert client.get("/api/v1/me").json["id"] == buyer.person_id


def test_only_a_hash_of_the_session_is_stored(browser: Any, world: Any) -> None:
    _, _, session = browser
    stored = bytes(world.value("SELECT secret_hash FROM sessions"))
    assert session.secret.encode() not in stored
    assert len(session.secret) >= 43  # 256 bits


def test_each_sign_in_is_a_new_session(world: Any, container: Any) -> None:
    buyer, _ = world.buyer()
    made = [container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE) for _ in range(2)]
    assert made[0].secret != made[1].secret


def test_a_session_ends_when_idle_and_after_its_lifetime(browser: Any, world: Any) -> None:
    client, _, _ = browser
    world.run("UPDATE sessions SET used_at = used_at - make_interval(secs => :s)", s=accounts.SESSION_IDLE_S + 1)
    assert client.get("/api/v1/me").status_code == 401
    world.run("UPDATE sessions SET used_at = clock_timestamp(), expires_at = clock_timestamp()")
    assert client.get("/api/v1/me").status_code == 401


def test_using_a_session_keeps_it_alive_without_a_write_per_request(browser: Any, world: Any) -> None:
    client, _, _ = browser
    world.run("UPDATE sessions SET used_at = clock_timestamp() - interval '10 minutes'")
    client.get("/api/v1/me")
    first = world.value("SELECT used_at FROM sessions")
    client.get("/api/v1/me")
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    assert world.value("SELECT used_at FROM sessions") == first


def test_signing_out_ends_the_session_and_tells_the_other_services(browser: Any, world: Any, container: Any) -> None:
    client, buyer, session = browser
    container.accounts.sign_out(container.accounts.identify_session(session.secret))
    assert client.get("/api/v1/me").status_code == 401
    event = world.events("orders.person.signed_out.v1")[0]
    assert (event["person_id"], event["session_id"]) == (buyer.person_id, session.id)


def test_renewing_sets_a_ten_minute_identity_for_the_other_services(browser: Any, key_files: Any) -> None:
    client, buyer, session = browser
    answer = client.post("/api/v1/session/renew", headers=SAME_ORIGIN)
    assert answer.status_code == 200
    cookie = next(value for name, value in answer.headers if name == "Set-Cookie")
    assert cookie.startswith("mercadito_id=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    identity = KeySet(key_files[1]).verify(cookie.split(";")[0].removeprefix("mercadito_id="), {"web"})
    assert (identity.person_id, identity.session_id) == (buyer.person_id, session.id)
    assert timedelta(minutes=9) < identity.expires_at - datetime.now(UTC) <= timedelta(minutes=10)


def test_a_token_can_not_renew_what_only_a_browser_has(world: Any, sign_in: Any) -> None:
    assert sign_in(world.buyer()[0]).call("POST", "/session/renew").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_cookie_changes_nothing_from_another_site(browser: Any, world: Any, headers: dict[str, str]) -> None:
    client, _, _ = browser
    for method, path in [("POST", "/session/renew"), ("POST", "/orders"), ("POST", "/realtime-tickets")]:
        answer = client.open(f"/api/v1{path}", method=method, headers=headers)
        assert (answer.status_code, slug(answer)) == (403, "forbidden")


@pytest.mark.parametrize("headers", [SAME_ORIGIN, {"Origin": "http://localhost"}])
def test_a_cookie_changes_what_its_own_pages_ask_for(browser: Any, headers: dict[str, str]) -> None:
    client, _, _ = browser
    assert client.post("/api/v1/session/renew", headers=headers).status_code == 200


def test_cookies_are_secure_in_production(browser: Any, app: Any, settings: Any, container: Any) -> None:
    from orders.entrypoints.web import create_app  # noqa: PLC0415 - a second app, only here

    strict = replace(settings, environment="production")
    client = create_app(strict, replace(container, settings=strict)).test_client()
    client.set_cookie("mercadito_session", browser[2].secret)
    answer = client.post("/api/v1/session/renew", headers=SAME_ORIGIN)
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


def test_a_ticket_opens_a_socket_and_dies_with_what_it_came_from(
    browser: Any, world: Any, sign_in: Any, key_files: Any
) -> None:
    client, buyer, session = browser
    api = sign_in(buyer)
    by_token = api.call("POST", "/realtime-tickets")
    by_cookie = client.post("/api/v1/realtime-tickets", headers=SAME_ORIGIN)
    assert (by_token.status_code, by_cookie.status_code) == (201, 201)
    assert by_cookie.json["person_id"] == buyer.person_id
    keys = KeySet(key_files[1])
    first = keys.verify(by_token.json["ticket"], {"realtime"})
    second = keys.verify(by_cookie.json["ticket"], {"realtime"})
    assert first.token_id == jwt.decode(api.token, options={"verify_signature": False})["jti"]
    assert second.session_id == session.id
    assert max(first.expires_at, second.expires_at) - datetime.now(UTC) <= timedelta(minutes=10)


def test_staff_tokens_say_so(world: Any, sign_in: Any) -> None:
    assert sign_in(world.person(Role.STAFF)).call("GET", "/me").json["role"] == "staff"
