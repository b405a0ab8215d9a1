"""Stores, for staff."""

from typing import Literal, cast
from uuid import UUID

from flask import Blueprint, Response

from orders.application.directory import ChangeStore
from orders.application.directory_views import StoreFilter
from orders.entrypoints.api import directory_replies as replies
from orders.entrypoints.api import paging
from orders.entrypoints.api.directory_bodies import NewStoreIn, StoreChangeIn, StoreDetailOut, StoresPage
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, IF_MATCH, LIMIT, Parameter, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.versions import expected_version, require_if_match
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

_ORDERS = ("route", "name")
_FILTERS = (
    Parameter("q", "query", "only stores whose name or route contains this, whatever its accents"),
    Parameter("route", "query", "only on this route"),
    Parameter("active", "query", "only active ones, or only the others", schema={"type": "boolean"}),
    Parameter("sort", "query", "by route and stop, or by name", schema={"type": "string", "enum": list(_ORDERS)}),
)
_OF_KEYS = {409: ("idempotency-key-in-flight",), 422: ("invalid", "idempotency-key-reused")}


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/stores")(stores)
    blueprint.post("/stores")(create_store)
    blueprint.get("/stores/<uuid:store_id>")(store)
    blueprint.patch("/stores/<uuid:store_id>")(change_store)
    blueprint.delete("/stores/<uuid:store_id>")(deactivate_store)


@operation(
    "Stores, by route and stop or by name; staff only",
    answers={200: StoresPage},
    problems={422: ("invalid",)},
    parameters=(*_FILTERS, LIMIT, CURSOR),
)
def stores() -> Response:
    """Page through stores."""
    actor = caller().actor
    actor.require_staff()
    wanted = StoreFilter(
        text=paging.text_argument("q"),
        route=paging.text_argument("route"),
        active=replies.truth_argument("active"),
        order=cast("Literal['route', 'name']", replies.choice_argument("sort", _ORDERS) or "route"),
    )
    found = container().directory.stores(actor, wanted, limit=paging.limit(), cursor=paging.cursor())
    items = [StoreDetailOut.of(one) for one in found.items]
    return reply(StoresPage(items=items, total=found.total, next=replies.next_path(found)))


@operation(
    "Make a store; staff only",
    answers={201: StoreDetailOut},
    problems=_OF_KEYS,
    body=NewStoreIn,
    parameters=(IDEMPOTENCY_KEY,),
)
def create_store() -> Response:
    """Make a store, with its people."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    return respond(container().stores.create(NewStoreIn.of_request().command(actor), replies.store_created, key))


@operation("One store; staff only", answers={200: StoreDetailOut}, problems={404: ("not-found",)})
def store(store_id: UUID) -> Response:
    """Answer one store with its ETag."""
    return respond(replies.store_changed(container().directory.store(caller().actor, str(store_id))))


@operation(
    "Change a store; staff only",
    answers={200: StoreDetailOut},
    problems={**_OF_KEYS, 404: ("not-found",), 412: ("version-conflict",), 428: ("precondition-required",)},
    body=StoreChangeIn,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def change_store(store_id: UUID) -> Response:
    """Change a store that is still as the caller last saw it."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    require_if_match()
    body = StoreChangeIn.of_request()
    command = body.command(actor, str(store_id), _expected(str(store_id)))
    return respond(container().stores.change(command, replies.store_changed, key))


@operation(
    "Deactivate a store: its orders stay, no new ones come; staff only",
    answers={204: None},
    problems={**_OF_KEYS, 404: ("not-found",), 412: ("version-conflict",)},
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def deactivate_store(store_id: UUID) -> Response:
    """Deactivate a store; history refers to it, so nothing is deleted."""
    actor = caller().actor
    actor.require_staff()
    key = request_key(actor, required=False)
    command = ChangeStore(actor, str(store_id), _expected(str(store_id)), active=False)
    return respond(container().stores.change(command, replies.nothing_more, key))


def _expected(store_id: str) -> int | None:
    return expected_version(lambda: container().directory.store(caller().actor, store_id).version, required=False)
