"""What every answer has in common, and what happens at the edges of HTTP."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from orders.domain import account_errors, errors
from orders.entrypoints import problems
from orders.entrypoints.web import MAX_BODY_BYTES
from tests.integration.test_ordering import body, key, shop, slug

__all__ = ["shop"]
SERVICE = Path(__file__).resolve().parents[2]


def test_every_answer_carries_a_request_id(nobody: Any) -> None:
    given = nobody.call("GET", "/me", X_Request_Id="req-1.2:3_4")
    assert given.headers["X-Request-Id"] == given.json["request_id"] == "req-1.2:3_4"
    made = nobody.call("GET", "/me").headers["X-Request-Id"]
    assert UUID(made)
    for bad in ("a b", "x" * 129, "<script>", "é"):
        assert nobody.call("GET", "/me", X_Request_Id=bad).headers["X-Request-Id"] != bad


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/orders/not-a-uuid", 404, "not-found"),
        ("GET", "/orders/%00", 404, "not-found"),
        ("PATCH", "/orders", 405, "method-not-allowed"),
        ("DELETE", "/me", 405, "method-not-allowed"),
    ],
)
def test_the_frameworks_refusals_are_problems_too(
    nobody: Any, method: str, path: str, status: int, expected: str
) -> None:
    answer = nobody.call(method, path)
    assert (answer.status_code, slug(answer)) == (status, expected)
    if status == 405:
        assert answer.headers["Allow"]


def test_an_order_that_does_not_exist_is_not_found(shop: Any) -> None:
    assert slug(shop.api.call("GET", f"/orders/{uuid4()}")) == "not-found"
    assert slug(shop.api.call("DELETE", f"/orders/{uuid4()}")) == "not-found"


def test_a_body_that_is_too_large_is_refused(shop: Any) -> None:
    wanted = body(shop.cycle, shop.store, (shop.limited, 1), note="x" * MAX_BODY_BYTES)
    answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=key())
    assert (answer.status_code, slug(answer)) == (413, "too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_is_no_json(shop: Any, kind: str) -> None:
    headers = {"Authorization": f"Bearer {shop.api.token}", "Idempotency-Key": key()}
    answer = shop.api.client.post("/api/v1/orders", data="{}", content_type=kind, headers=headers)
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": "\\ud800"}', b"1" * 1000, b"[" * 5_000]
)
def test_what_is_no_json_object_is_invalid(shop: Any, data: bytes) -> None:
    headers = {"Authorization": f"Bearer {shop.api.token}", "Idempotency-Key": key()}
    answer = shop.api.client.post("/api/v1/orders", data=data, content_type="application/json", headers=headers)
    assert (answer.status_code, slug(answer)) == (422, "invalid")


def test_a_failure_inside_says_nothing_of_the_inside(app: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app.extensions["container"].queries, "orders", fail)
    answer = shop.api.call("GET", "/orders")
    assert (answer.status_code, slug(answer)) == (500, "internal")
    assert "secret detail" not in answer.text


def test_a_database_that_is_away_is_said_with_when_to_come_back(
    app: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise errors.Unavailable("away", not_processed=True)

    monkeypatch.setattr(app.extensions["container"].queries, "orders", away)
    answer = shop.api.call("GET", "/orders")
    assert (answer.status_code, slug(answer), answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert answer.headers["X-Gateway-Not-Processed"] == "1"


def test_what_may_have_been_committed_is_not_said_to_be_unprocessed(app: Any) -> None:
    with app.test_request_context("/api/v1/orders", method="POST"):
        problem = problems.problem_of(errors.Unavailable("away", not_processed=False, in_doubt=True))
    assert "X-Gateway-Not-Processed" not in problem.headers
    assert problem.headers["X-Gateway-Outcome"] == "unknown"


def test_a_write_that_was_not_done_for_want_of_room_is_neither_held_nor_in_doubt(app: Any) -> None:
    with app.test_request_context("/api/v1/orders", method="POST"):
        problem = problems.problem_of(errors.Unavailable("disk full", not_processed=False))
    assert not {"X-Gateway-Not-Processed", "X-Gateway-Outcome"} & set(problem.headers)


def test_what_only_reads_may_be_asked_again_whatever_became_of_it(app: Any) -> None:
    with app.test_request_context("/api/v1/orders"):
        problem = problems.problem_of(errors.Unavailable("no answer to the commit", not_processed=False))
    assert problem.headers["X-Gateway-Not-Processed"] == "1"


def test_every_refusal_of_the_domain_has_a_problem(app: Any) -> None:
    examples: dict[type[Exception], Exception] = {
        errors.Invalid: errors.Invalid(errors.FieldError("a", "b")),
        errors.OrderExists: errors.OrderExists("id"),
        errors.SoldOut: errors.SoldOut(()),
        errors.PriceChanged: errors.PriceChanged(()),
        errors.VersionConflict: errors.VersionConflict(1),
        errors.TooManyAttempts: errors.TooManyAttempts(1),
        account_errors.OtpRequired: account_errors.OtpRequired("person", "stamp"),
        errors.TooManyTokens: errors.TooManyTokens(1),
        errors.TooManyComments: errors.TooManyComments("full", 1),
        errors.OffersClosed: errors.OffersClosed(()),
        errors.Unavailable: errors.Unavailable("", not_processed=True),
    }
    with app.test_request_context("/api/v1/orders"):
        for kind in (*errors.Refused.__subclasses__(), *errors.CycleClosed.__subclasses__()):
            problem = problems.problem_of(examples.get(kind) or kind("why"))
            assert 400 <= problem.status < 504
            assert problem.slug != "internal", kind


def test_private_answers_are_not_stored_by_anyone(shop: Any) -> None:
    for path in ("/me", "/orders", "/cycles/current"):
        answer = shop.api.call("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_api_describes_itself_in_openapi_31(nobody: Any, app: Any) -> None:
    document = nobody.call("GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    routed = {
        (rule.rule.replace("<uuid:", "{").replace(">", "}"), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == routed
    assert "registry" not in json.dumps(document)


def test_what_the_document_promises_of_an_order_holds(nobody: Any, shop: Any) -> None:
    import jsonschema  # noqa: PLC0415 - only here

    document = nobody.call("GET", "/openapi.json").json
    for name, answer in [
        ("OrderOut", shop.place((shop.limited, 1))),
        ("CurrentCycleOut", shop.api.call("GET", "/cycles/current")),
        ("OrdersPage", shop.api.call("GET", "/orders")),
        ("MeOut", shop.api.call("GET", "/me")),
        ("ProblemOut", shop.place((shop.limited, 1))),
    ]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.validate(answer.json, schema)


def test_health_metrics_and_readiness_answer_without_a_sign_in(nobody: Any) -> None:
    client = nobody.client
    assert client.get("/healthz").data == b"ok\n"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"service": "orders", "ready": True, "problems": []})
    assert ready.headers["X-Service"] == "orders"
    assert client.get("/api/v1/me").status_code == 401
    metrics = client.get("/metrics").text
    assert 'orders_http_requests_total{method="GET",route="/api/v1/me",status="401"}' in metrics


def test_readiness_tells_of_a_schema_that_is_too_old_but_not_of_one_that_is_newer(
    nobody: Any, owner: Any, world: Any
) -> None:
    from sqlalchemy import text  # noqa: PLC0415 - only here

    def at(revision: str) -> Any:
        with owner.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        return nobody.client.get("/readyz")

    newest = max(step.name[:4] for step in (SERVICE / "migrations" / "versions").glob("*.py"))
    try:
        assert at("0000").status_code == 503
        assert at("9999").status_code == 200
    finally:
        assert at(newest).status_code == 200


def test_reads_change_nothing(shop: Any, world: Any) -> None:
    order = shop.place((shop.limited, 1)).json
    tables = ("orders", "offers", "audit", "outbox", "idempotency_keys", "sessions")
    counts = {t: world.rows(f"SELECT md5(string_agg(t::text, '|')) AS sum FROM {t} t")[0].sum for t in tables}
    for path in (
        "/me",
        "/orders",
        f"/orders/{order['id']}",
        "/cycles",
        "/cycles/current",
        f"/cycles/{shop.cycle}/offers",
    ):
        assert shop.api.call("GET", path).status_code == 200
    assert counts == {t: world.rows(f"SELECT md5(string_agg(t::text, '|')) AS sum FROM {t} t")[0].sum for t in tables}
