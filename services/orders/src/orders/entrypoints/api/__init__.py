"""The HTTP API under /api/v1."""

from functools import cache

from flask import Blueprint, Flask, Response, current_app, json, request

from orders.domain.errors import Unauthenticated
from orders.entrypoints.api import (
    account_routes,
    comment_routes,
    cycle_routes,
    order_routes,
    people_routes,
    planned_offer_routes,
    planning_routes,
    product_import_routes,
    product_routes,
    session_routes,
    standing_routes,
    store_routes,
)
from orders.entrypoints.api.openapi import document
from orders.entrypoints.api.operations import operation, operation_of
from orders.entrypoints.identity import caller, require_same_origin, require_scope

NAME = "api"


def blueprint() -> Blueprint:
    """Make the blueprint; every route is guarded as its operation says, and one that says nothing does not answer."""
    api = Blueprint(NAME, __name__, url_prefix="/api/v1")
    api.before_request(_guard)
    session_routes.register(api)
    account_routes.register(api)
    cycle_routes.register(api)
    planning_routes.register(api)
    planned_offer_routes.register(api)
    order_routes.register(api)
    store_routes.register(api)
    people_routes.register(api)
    product_routes.register(api)
    product_import_routes.register(api)
    comment_routes.register(api)
    standing_routes.register(api)
    api.get("/openapi.json")(openapi)
    return api


@operation("This document", answers={200: None}, security="public")
def openapi() -> Response:
    """Answer the OpenAPI document."""
    response = Response(_document(current_app._get_current_object()), content_type="application/json")  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's documented way to the app behind the proxy
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@cache
def _document(app: Flask) -> str:
    return json.dumps(document(app, NAME))


def _guard() -> None:
    described = operation_of(current_app.view_functions[request.endpoint or ""])
    security = described.security
    if security in ("public", "password"):
        return
    found = caller()
    if security == "session" and not found.by_cookie:
        raise Unauthenticated("this needs the session cookie of a browser")
    require_same_origin(found)
    if not described.changes_nothing:
        require_scope(found)
