"""Tokens, sessions, cookies: who someone is, and for how long."""

import json
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from mercadito_events.service.identity import KeySet

from orders.adapters.passwords import MEMORY_KIB, Argon2Passwords
from orders.adapters.signing import KeyFileSigner, rotate_keys
from orders.application import accounts
from orders.application.accounts import Accounts, Limits
from orders.application.commands import Client
from orders.domain import errors
from orders.domain.people import Role
from tests.conftest import PASSWORD
from tests.integration.test_ordering import slug

HERE = Client("203.0.113.7")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def desk(transactions: Any, container: Any) -> Callable[..., Accounts]:
    def make(**limits: int) -> Accounts:
        made = container.accounts
        return Accounts(transactions, made._passwords, made._signer, Limits(**limits))

    return make


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


def test_an_unknown_account_and_a_wrong_password_answer_alike(world: Any, nobody: Any) -> None:
    buyer, _ = world.buyer()
    answers = [
        nobody.client.post("/api/v1/tokens", auth=auth)
        for auth in [(world.emails[buyer.person_id], "wrong"), ("nobody@test.example", "wrong")]
    ]
    bodies = [{**answer.json, "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    headers = [{**answer.headers, "X-Request-Id": ""} for answer in answers]
    assert headers[0] == headers[1]


def test_an_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    passwords = Argon2Passwords()
    stored = passwords.hash("right")

    def fastest(known: str | None) -> float:
        def once() -> float:
            began = time.perf_counter()
            assert not passwords.matches(known, "wrong")
            return time.perf_counter() - began

        return min(once() for _ in range(7))

    unknown, wrong = fastest(None), fastest(stored)
    assert 0.5 < unknown / wrong < 2


def test_passwords_are_hashed_by_argon2id_with_enough_memory() -> None:
    stored = Argon2Passwords().hash("Contraseña larga y fácil")
    assert stored.startswith("$argon2id$")
    assert f"m={MEMORY_KIB}" in stored
    assert MEMORY_KIB >= 19 * 1024
    assert not Argon2Passwords().outdated(stored)


@pytest.mark.parametrize("password", ["p" * 65, "ñandú 🥑" * 20, "with:colon"])
def test_long_and_foreign_passwords_work(world: Any, nobody: Any, password: str) -> None:
    buyer, _ = world.buyer()
    world.run("UPDATE people SET password_hash = :hash", hash=Argon2Passwords().hash(password))
    assert nobody.client.post("/api/v1/tokens", auth=(world.emails[buyer.person_id], password)).status_code == 201


@pytest.mark.parametrize("email", ["\x00", "a\x00b@test.example", "x" * 5_000, "' OR 1=1 --", "", "é@test.example"])
def test_strange_accounts_are_only_unknown(nobody: Any, email: str, world: Any) -> None:
    answer = nobody.client.post("/api/v1/tokens", auth=(email, "x"))
    assert (answer.status_code, slug(answer)) == (401, "unauthenticated")


def test_a_hash_with_old_parameters_is_renewed_at_sign_in(world: Any, desk: Any) -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only here

    buyer, _ = world.buyer()
    world.run("UPDATE people SET password_hash = :h", h=PasswordHasher(time_cost=1, memory_cost=64).hash("old one"))
    desk().sign_in(world.emails[buyer.person_id], "old one", HERE)
    assert f"m={MEMORY_KIB}" in world.value("SELECT password_hash FROM people")
    desk().sign_in(world.emails[buyer.person_id], "old one", HERE)


def test_failures_are_throttled_per_account_and_address(world: Any, desk: Any) -> None:
    (buyer, _), (other, _) = world.buyer(), world.buyer()
    email, made = world.emails[buyer.person_id], desk(failures_per_account_and_address=3)
    for _ in range(3):
        with pytest.raises(errors.WrongCredentials):
            made.sign_in(email, "wrong", HERE)
    with pytest.raises(errors.TooManyAttempts) as refused:
        made.sign_in(email.upper(), PASSWORD, HERE)
    assert refused.value.retry_after_s > 0
    made.sign_in(email, PASSWORD, Client("203.0.113.8"))  # the owner elsewhere is not locked out
    made.sign_in(world.emails[other.person_id], PASSWORD, HERE)
    world.run("UPDATE sign_in_failures SET at = at - interval '15 minutes'")
    made.sign_in(email, PASSWORD, HERE)


def test_an_address_that_tries_many_accounts_is_throttled(world: Any, desk: Any) -> None:
    made = desk(failures_per_address=4)
    for number in range(4):
        with pytest.raises(errors.WrongCredentials):
            made.sign_in(f"guess{number}@test.example", "wrong", HERE)
    with pytest.raises(errors.TooManyAttempts):
        made.sign_in("guess5@test.example", "wrong", HERE)


def test_correct_passwords_never_count(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    made = desk(failures_per_account_and_address=1, failures_per_address=1)
    for _ in range(5):
        made.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    assert world.value("SELECT count(*) FROM sign_in_failures") == 0


def test_the_throttle_believes_the_gateways_header_only(world: Any, nobody: Any) -> None:
    for number in range(3):
        headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": "203.0.113.9"}
        nobody.client.post("/api/v1/tokens", auth=("a@test.example", "x"), headers=headers)
    assert world.rows("SELECT DISTINCT address FROM sign_in_failures")[0].address == "203.0.113.9"
    nobody.client.post("/api/v1/tokens", auth=("a@test.example", "x"), headers={"X-Real-IP": "not an address"})
    assert world.value("SELECT count(*) FROM sign_in_failures WHERE address = '127.0.0.1'") == 1


def test_a_person_may_hold_so_many_tokens_and_no_more_even_at_once(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    made, got = desk(tokens_per_person=3), []

    def issue() -> None:
        try:
            got.append(made.issue_token(world.emails[buyer.person_id], PASSWORD, HERE))
        except errors.TooManyTokens:
            got.append(None)

    threads = [threading.Thread(target=issue) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(one is not None for one in got) == 3
    world.run("UPDATE api_tokens SET expires_at = clock_timestamp()")
    made.issue_token(world.emails[buyer.person_id], PASSWORD, HERE)


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
    keys = KeySet(key_files[1])
    first = keys.verify(by_token.json["ticket"], {"realtime"})
    second = keys.verify(by_cookie.json["ticket"], {"realtime"})
    assert first.token_id == jwt.decode(api.token, options={"verify_signature": False})["jti"]
    assert second.session_id == session.id
    assert max(first.expires_at, second.expires_at) - datetime.now(UTC) <= timedelta(minutes=10)


def test_staff_tokens_say_so(world: Any, sign_in: Any) -> None:
    assert sign_in(world.person(Role.STAFF)).call("GET", "/me").json["role"] == "staff"


def test_rotation_keeps_old_tokens_good_and_signs_with_the_new_key(tmp_path: Path) -> None:
    key_file, jwks_file = tmp_path / "key", tmp_path / "jwks"
    first = rotate_keys(key_file, jwks_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not any(entry.get("d") for entry in json.loads(jwks_file.read_text())["keys"])
    second = rotate_keys(key_file, jwks_file)
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [second, first]
    assert json.loads(key_file.read_text())["kid"] == second
    assert list(tmp_path.glob(".*")) == []


def test_old_keys_stay_listed_for_31_days(tmp_path: Path) -> None:
    key_file, jwks_file = tmp_path / "key", tmp_path / "jwks"
    now = datetime.now(UTC)
    first = rotate_keys(key_file, jwks_file, now)
    second = rotate_keys(key_file, jwks_file, now + timedelta(days=1))
    third = rotate_keys(key_file, jwks_file, now + timedelta(days=31))
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [third, second, first]
    fourth = rotate_keys(key_file, jwks_file, now + timedelta(days=33))
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [fourth, third, second]


def test_a_running_process_takes_up_a_new_key(world: Any, tmp_path: Path, container: Any) -> None:
    buyer, _ = world.buyer()
    session = container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    caller = container.accounts.identify_session(session.secret)
    rotate_keys(tmp_path / "key", tmp_path / "jwks")
    signer = KeyFileSigner(tmp_path / "key", tmp_path / "jwks")
    before = signer.sign(caller, "web", lifetime_s=60).token
    kid = rotate_keys(tmp_path / "key", tmp_path / "jwks")
    after = signer.sign(caller, "web", lifetime_s=60).token
    assert jwt.get_unverified_header(after)["kid"] == kid
    for token in (before, after):
        assert KeySet(tmp_path / "jwks").verify(token, {"web"}).person_id == buyer.person_id


def test_without_a_key_the_process_says_so_and_signs_nothing(tmp_path: Path, world: Any, container: Any) -> None:
    signer = KeyFileSigner(tmp_path / "none", tmp_path / "none.json")
    assert signer.problem() == "the signing key cannot be read"
    with pytest.raises(errors.Unavailable):
        signer.public_keys()
    (tmp_path / "none").write_text("{half")
    assert signer.problem() == "the signing key cannot be read"
