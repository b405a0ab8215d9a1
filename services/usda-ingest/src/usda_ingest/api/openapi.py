"""The OpenAPI description: what FastAPI knows from the routes, and what holds for all of them."""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from usda_ingest.api.conditional import PUBLIC
from usda_ingest.api.signed_in import COOKIE

PROBLEM = "application/problem+json"
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/ProblemBody"}
_EXAMPLES = "api/examples.json"
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_DESCRIPTION = """Wholesale produce prices of the USDA's terminal market reports, and how they came in.

Reads are public, also by HEAD, and have a strong `ETag`: send it as `If-None-Match`, and what has not changed is
answered 304. Lists are `{items, next}`; follow `next` until it is null. Prices are exact decimal strings in USD.
Errors are problems (RFC 9457) that say what to do."""
_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "the request's id, as in our logs; yours, if you sent one", "schema": _TEXT},
    "ETag": {"description": "strong; for `If-None-Match`", "schema": _TEXT, "example": '"5f2b8c0e9d7a41c3b6e0f1a2"'},
    "Cache-Control": {"description": "for how long it may be kept unasked", "schema": _TEXT, "example": PUBLIC},
    "Location": {"description": "where the crawl's record is", "schema": {"type": "string", "format": "uri-reference"}},
    "Link": {"description": 'with `rel="next"`: where the rest of the rows is', "schema": _TEXT},
    "Content-Disposition": {"description": "the file's name", "schema": _TEXT},
    "Retry-After": {"description": "seconds after which to try again", "schema": {"type": "integer"}},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "the `ETag` of what you have",
    "required": False,
    "schema": _TEXT,
}


def install(app: FastAPI) -> None:
    """Let the application describe itself so; made when it is first asked for."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's own way


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, routes=app.routes, description=_DESCRIPTION, openapi_version="3.1.0"
    )
    components = document["components"]
    for name in _FASTAPIS_OWN:
        components["schemas"].pop(name, None)
    components["headers"] = _HEADERS
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "an API token of staff, with the scope `write`"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "only from our own pages"},
    }
    for name, example in json.loads(files("usda_ingest").joinpath(_EXAMPLES).read_text(encoding="utf-8")).items():
        components["schemas"][name]["examples"] = [example]
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete(method, operation)
    return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Add to an operation what holds for every one of its method."""
    answers = operation["responses"]
    answers.pop("422", None)
    if "parameters" in operation or "requestBody" in operation:
        answers["422"] = {"description": "The request is not valid; `errors` says what and why"}
    answers["503"] = {"description": "Not right now; try again after `Retry-After`"}
    answers["default"] = {"description": "Any other problem"}
    if method == "get":
        answers["304"] = {"description": "It is what you have"}
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    else:
        operation["security"] = [{"token": []}, {"cookie": []}]
    for status, answer in answers.items():
        _complete_answer(method, status, answer)


def _complete_answer(method: str, status: str, answer: dict[str, Any]) -> None:
    names = ["X-Request-Id"]
    if status in ("200", "304") and method == "get":
        names += ["ETag", "Cache-Control"]
    if status == "202":
        names.append("Location")
    if status == "503":
        names.append("Retry-After")
    if "text/csv" in answer.get("content", {}):
        names += ["Content-Disposition", "Link"]
    answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if status == "default" or status >= "400":
        answer["content"] = {PROBLEM: {"schema": _PROBLEM_SCHEMA}}
