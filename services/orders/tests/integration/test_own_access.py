"""The sessions and tokens of one's own account: listed, scoped, ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from mercadito_events.service.identity import KeySet

from orders.application.commands import Client
from orders.domain.people import Actor, Role
from tests.conftest import PASSWORD, Api
from tests.integration.test_ordering import slug

HERE = Client("203.0.113.7", "Firefox Linux")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(app: Any, world: Any, container: Any) -> Callable[[Actor], Any]:
    def make(actor: Actor) -> Any:
        session = container.accounts.sign_in(world.emails[actor.person_id], PASSWORD, HERE)
        client = app.test_client()
        client.set_cookie("mercadito_session", session.secret)
        return client, session

    return make


def token(app: Any, world: Any, actor: Actor, query: str) -> tuple[Api, Any]:
    client = app.test_client()
    answer = client.post(f"/api/v1/tokens{query}", auth=(world.emails[actor.person_id], PASSWORD))
    return Api(client, answer.json.get("token")), answer


def test_my_sessions_are_listed_newest_first_with_the_one_that_asks_marked(world: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    browser(world.buyer()[0])
    _, older = browser(buyer)
    client, newer = browser(buyer)
    listed = client.get("/api/v1/sessions").json
    assert [(one["id"], one["current"]) for one in listed["items"]] == [(newer.id, True), (older.id, False)]
    assert listed["items"][0]["client"] == "Firefox Linux"
    assert listed["next"] is None
    assert "secret" not in str(listed)


def test_lists_are_paged(world: Any, browser: Any, app: Any) -> None:
    buyer, _ = world.buyer()
    client, _ = browser(buyer)
    for number in range(6):
        browser(buyer)
        token(app, world, buyer, f"?name=number {number}")
    for path, count in (("/api/v1/sessions", 7), ("/api/v1/tokens", 6)):
        seen, following = [], f"{path}?limit=3"
        while following:
            page = client.get(following).json
            seen += [one["id"] for one in page["items"]]
            following = page["next"]
        assert len(seen) == len(set(seen)) == count
    for cursor in ("x", "eA", "MjAyNi0wMS0wMSB4", "\x00", "é"):
        assert client.get("/api/v1/sessions", query_string={"cursor": cursor}).status_code == 422


def test_sessions_that_are_over_are_not_listed(world: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    client, _ = browser(buyer)
    _, idle = browser(buyer)
    _, old = browser(buyer)
    world.run("UPDATE sessions SET used_at = used_at - interval '4 days' WHERE id = CAST(:id AS uuid)", id=idle.id)
    world.run("UPDATE sessions SET expires_at = clock_timestamp() WHERE id = CAST(:id AS uuid)", id=old.id)
    assert len(client.get("/api/v1/sessions").json["items"]) == 1


def test_ending_a_session_ends_it_here_and_elsewhere(world: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    client, _ = browser(buyer)
    other, session = browser(buyer)
    path = f"/api/v1/sessions/{session.id}"
    assert client.delete(path, headers=SAME_ORIGIN).status_code == 204
    assert other.get("/api/v1/me").status_code == 401
    assert client.get("/api/v1/me").status_code == 200
    [event] = world.events("orders.person.signed_out.v1")
    assert (event["person_id"], event["session_id"]) == (buyer.person_id, session.id)
    assert client.delete(path, headers=SAME_ORIGIN).status_code == 404


def test_nobody_ends_what_is_not_theirs_not_even_an_admin(
    world: Any, browser: Any, sign_in: Callable[[Actor], Api]
) -> None:
    victim, _ = world.buyer()
    client, session = browser(victim)
    mine = sign_in(victim)
    token_id = client.get("/api/v1/tokens").json["items"][0]["id"]
    for actor in (world.buyer()[0], world.person(Role.ADMIN)):
        api = sign_in(actor)
        assert api.call("DELETE", f"/sessions/{session.id}").status_code == 404
        assert api.call("DELETE", f"/tokens/{token_id}").status_code == 404
        assert token_id not in str(api.call("GET", "/tokens").json)
    assert api.call("DELETE", f"/sessions/{uuid4()}").status_code == 404
    assert api.call("DELETE", "/sessions/x").status_code == 404
    assert client.get("/api/v1/me").status_code == 200
    assert mine.call("GET", "/me").status_code == 200
    assert world.events("orders.person.signed_out.v1") == []


def test_a_token_says_what_it_is_called_and_may_do(world: Any, app: Any, key_files: Any) -> None:
    buyer, _ = world.buyer()
    api, made = token(app, world, buyer, "?name=Harvest%20sheet&scope=read")
    assert made.status_code == 201
    assert (made.json["name"], made.json["scopes"]) == ("Harvest sheet", ["read"])
    [listed] = api.call("GET", "/tokens").json["items"]
    assert (listed["id"], listed["name"], listed["scopes"], listed["current"]) == (
        made.json["id"],
        "Harvest sheet",
        ["read"],
        True,
    )
    assert datetime.now(UTC) - datetime.fromisoformat(listed["used_at"]) < timedelta(minutes=1)
    identity = KeySet(key_files[1]).verify(api.token, {"api"})
    assert (identity.token_id, identity.scopes) == (made.json["id"], {"read"})
    assert "token" not in listed


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("", ["read", "write"]),
        ("?scope=write", ["read", "write"]),
        ("?scope=read+write", ["read", "write"]),
        ("?scope=read,write", ["read", "write"]),
        ("?scope=read", ["read"]),
    ],
)
def test_who_may_write_may_read(world: Any, app: Any, query: str, scopes: list[str]) -> None:
    assert token(app, world, world.buyer()[0], query)[1].json["scopes"] == scopes


@pytest.mark.parametrize(
    "query", ["?scope=admin", "?scope=", "?scope=read+admin", f"?name={'x' * 61}", "?name=%00", "?name=a%0ab"]
)
def test_scopes_and_names_that_make_no_sense_are_refused(world: Any, app: Any, query: str) -> None:
    _, answer = token(app, world, world.buyer()[0], query)
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert world.value("SELECT count(*) FROM api_tokens") == 0


def test_a_token_for_reading_changes_nothing(world: Any, app: Any) -> None:
    buyer, store = world.buyer()
    cycle = world.cycle()
    offer = world.offer(cycle)
    api, _ = token(app, world, buyer, "?scope=read")
    order = {"cycle_id": cycle, "store_id": store, "lines": [{"offer_id": offer, "quantity": 1}]}
    session_id = str(uuid4())
    for method, path, body in (
        ("POST", "/orders", order),
        ("PUT", f"/orders/{session_id}", order),
        ("DELETE", f"/orders/{session_id}", None),
        ("PUT", "/me/password", {"current_password": PASSWORD, "new_password": "aguacates a diez pesos"}),
        ("DELETE", f"/sessions/{session_id}", None),
        ("DELETE", f"/tokens/{session_id}", None),
        ("DELETE", f"/people/{buyer.person_id}/second-factor", None),
    ):
        answer = api.call(method, path, body, Idempotency_Key="k")
        assert (answer.status_code, slug(answer)) == (403, "forbidden"), path
    for path in ("/me", "/orders", "/cycles/current", "/sessions", "/tokens"):
        assert api.call("GET", path).status_code == 200, path
    assert api.call("POST", "/realtime-tickets").status_code == 201  # to listen is to read
    assert world.remaining(offer) == 10


def test_a_token_for_reading_changes_nothing_by_the_pages_either(world: Any, app: Any) -> None:
    buyer, _ = world.buyer()
    api, _ = token(app, world, buyer, "?scope=read")
    answer = api.client.post("/language", data={"locale": "es"}, headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code == 403
    assert world.value("SELECT locale FROM people") == "en"


def test_a_token_for_reading_may_be_given_back(world: Any, app: Any) -> None:
    api, _ = token(app, world, world.buyer()[0], "?scope=read")
    assert api.call("DELETE", "/tokens/current").status_code == 204
    assert api.call("GET", "/me").status_code == 401


def test_revoking_a_token_ends_it_here_and_elsewhere(world: Any, app: Any, browser: Any) -> None:
    buyer, _ = world.buyer()
    api, made = token(app, world, buyer, "?name=lost")
    client, _ = browser(buyer)
    path = f"/api/v1/tokens/{made.json['id']}"
    assert client.delete(path, headers=SAME_ORIGIN).status_code == 204
    assert api.call("GET", "/me").status_code == 401
    assert client.get("/api/v1/tokens").json["items"] == []
    [event] = world.events("orders.person.signed_out.v1")
    assert event["token_id"] == made.json["id"]
    claims = jwt.decode(api.token, options={"verify_signature": False})
    assert datetime.fromisoformat(event["until"]).timestamp() >= claims["exp"] - 1
    assert client.delete(path, headers=SAME_ORIGIN).status_code == 404


def test_tokens_of_before_have_all_scopes(world: Any, app: Any) -> None:
    buyer, _ = world.buyer()
    api, made = token(app, world, buyer, "")
    world.run("UPDATE api_tokens SET scopes = DEFAULT, name = DEFAULT WHERE id = CAST(:id AS uuid)", id=made.json["id"])
    assert api.call("GET", "/tokens").json["items"][0]["scopes"] == ["read", "write"]


def test_a_token_is_noted_as_used_without_a_write_per_request(world: Any, app: Any) -> None:
    api, _ = token(app, world, world.buyer()[0], "")
    assert world.value("SELECT used_at FROM api_tokens") is None
    api.call("GET", "/me")
    first = world.value("SELECT used_at FROM api_tokens")
    api.call("GET", "/me")
    assert world.value("SELECT used_at FROM api_tokens") == first
    world.run("UPDATE api_tokens SET used_at = used_at - interval '10 minutes'")
    api.call("GET", "/me")
    assert world.value("SELECT used_at FROM api_tokens") >= first


def test_a_cookie_ends_nothing_from_another_site(world: Any, browser: Any) -> None:
    client, session = browser(world.buyer()[0])
    answer = client.delete(f"/api/v1/sessions/{session.id}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert client.get("/api/v1/me").status_code == 200


def test_what_is_signed_after_a_sign_out_of_everything_counts_at_once(
    world: Any, container: Any, transactions: Any, key_files: Any
) -> None:
    from mercadito_events.envelope import Event  # noqa: PLC0415 - only here
    from mercadito_events.service.identity import Revocations  # noqa: PLC0415 - only here

    from orders.application.one_time_links import Purpose, issue  # noqa: PLC0415 - only here

    buyer, _ = world.buyer()
    email, new = world.emails[buyer.person_id], "aguacates a diez pesos"
    before = container.accounts.issue_token(email, PASSWORD, HERE).signed.token
    transactions.run(lambda work: issue(work, buyer.person_id, Purpose.PASSWORD_RESET, "http://localhost"))
    secret = world.events("accounts.password_reset.requested.v1")[0]["link"].rsplit("/", 1)[1]
    container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, new)
    after = container.accounts.issue_token(email, new, HERE).signed.token
    row = world.rows("SELECT type, headers, body FROM outbox WHERE type = 'orders.person.signed_out.v1'")[0]
    revoked, keys = Revocations(), KeySet(key_files[1])
    revoked.add_event(Event.from_message(row.type, row.headers, bytes(row.body)))
    assert not revoked.allows(keys.verify(before, {"api"}))
    assert revoked.allows(keys.verify(after, {"api"}))
