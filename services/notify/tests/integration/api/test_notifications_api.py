"""``GET /api/v1/notifications``: for staff, in pages, without addresses."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from mercadito_events.envelope import new_event
from mercadito_events.service.identity import KeySet
from notify.api.app import create_app
from notify.revocations import sign_out
from sqlalchemy import Engine, text
from staff import PATH, Token, bearer
from world import DOMAIN, desk


def test_a_token_for_reading_may_look(client: TestClient, token: Token) -> None:
    assert client.get(PATH, headers=bearer(token(scope="read"))).status_code == 200
    refused = client.get(PATH, headers=bearer(token(scope="write")))
    assert (refused.status_code, refused.json()["type"].rsplit("/")[-1]) == (403, "forbidden")


def test_staff_see_each_message_with_its_state(client: TestClient, token: Token, five: list[str]) -> None:
    answer = client.get(PATH, params={"order_id": five[2]}, headers=bearer(token()))
    assert answer.status_code == 200
    ((item,), following) = (answer.json()["items"], answer.json()["next"])
    assert following is None
    assert (item["kind"], item["state"], item["attempts"]) == ("order_confirmation", "queued", 0)
    assert (item["person_id"], item["order_id"]) == ("person-1", five[2])
    assert item["message_id"].endswith(f"@{DOMAIN}>")
    assert "tienda.example" not in answer.text
    assert answer.headers["X-Request-Id"]


def test_the_pages_come_newest_first_and_follow_each_other(client: TestClient, token: Token, five: list[str]) -> None:
    seen, path, pages = [], f"{PATH}?limit=2&state=queued", 0
    while path:
        body = client.get(path, headers=bearer(token())).json()
        seen += [item["order_id"] for item in body["items"]]
        path, pages = body["next"], pages + 1
    assert pages == 3
    assert sorted(seen) == sorted(five)
    assert seen == [item["order_id"] for item in client.get(PATH, headers=bearer(token())).json()["items"]]


def test_filters_hold_together(client: TestClient, token: Token, five: list[str]) -> None:
    def count(**asked: str) -> int:
        return len(client.get(PATH, params=asked, headers=bearer(token())).json()["items"])

    assert count(person_id="person-1") == 5
    assert count(person_id="person-2") == 0
    assert count(person_id="person-1", order_id=five[0], state="queued") == 1
    assert count(state="sent") == 0


def test_the_identity_cookie_of_a_page_works_too(client: TestClient, token: Token) -> None:
    client.cookies.set("mercadito_id", token(aud="web", sid="s1"))
    assert client.get(PATH).status_code == 200


@pytest.mark.parametrize(
    ("claims", "status", "slug"),
    [
        ({"role": "buyer"}, 403, "forbidden"),
        ({"aud": "realtime"}, 401, "unauthenticated"),
        ({"aud": "web"}, 401, "unauthenticated"),
        ({"exp": 1, "iat": 0}, 401, "unauthenticated"),
        ({"iss": "someone"}, 401, "unauthenticated"),
    ],
)
def test_others_are_turned_away(
    client: TestClient, token: Token, claims: dict[str, Any], status: int, slug: str
) -> None:
    answer = client.get(PATH, headers=bearer(token(**claims)))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith(f"/problems/{slug}")
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_without_any_token_one_is_asked_to_sign_in(client: TestClient) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("what", [{"token_id": "t-1"}, {"session_id": "s-1"}, {}])
def test_who_was_signed_out_sees_nothing_more(
    client: TestClient, token: Token, engine: Engine, what: dict[str, str]
) -> None:
    mine, others = token(jti="t-1", sid="s-1"), token(sub="person-8", jti="t-2", sid="s-2")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    with engine.begin() as connection:
        data = {"person_id": "person-9", "until": until, **what}
        sign_out(connection, new_event("orders.person.signed_out.v1", data, source="/mercadito/orders"))
    assert client.get(PATH, headers=bearer(mine)).status_code == 401
    assert client.get(PATH, headers=bearer(others)).status_code == 200
    later = token(jti="t-3", sid="s-3", iat=int(time.time()) + 5)
    assert client.get(PATH, headers=bearer(later)).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("state=lost", "state"),
     ("before=0", "before"), ("before=99999999999999999999", "before"),
     ("order_id=" + "x" * 101, "order_id"), ("person_id=%00", "person_id")],
)  # fmt: skip
def test_a_question_with_mistakes_is_told_which(client: TestClient, token: Token, query: str, field: str) -> None:
    answer = client.get(f"{PATH}?{query}", headers=bearer(token()))
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/problems/invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_what_is_not_there_is_a_problem_too(client: TestClient) -> None:
    assert client.get("/api/v1/elsewhere").json()["type"].endswith("/not-found")
    assert client.post(PATH).json()["type"].endswith("/method-not-allowed")


def test_the_gateways_request_id_is_kept_and_a_bad_one_replaced(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/healthz", headers={"X-Request-Id": "x" * 500}).headers["X-Request-Id"] != "x" * 500


def test_a_database_that_is_away_is_told_as_unavailable(jwks: Path, token: Token, engine: Engine) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415 - the kit's would retry

    away = create_engine("postgresql+psycopg2://x@127.0.0.1:1/x")
    with TestClient(create_app(desk(away, KeySet(jwks)), lambda: ["the database does not answer"])) as client:
        answer = client.get(PATH, headers=bearer(token()))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.headers["X-Gateway-Not-Processed"] == "1"
        ready = client.get("/readyz")
        assert (ready.status_code, ready.headers["X-Service"]) == (503, "notify")
        assert client.get("/healthz").status_code == 200


def test_a_mistake_of_ours_is_not_shown(jwks: Path, token: Token, engine: Engine, urls: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    with TestClient(create_app(desk(None, KeySet(jwks)), list), raise_server_exceptions=False) as client:
        answer = client.get(PATH, headers=bearer(token()))
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("/internal")
    assert "NoneType" not in answer.text
