"""Products and the series their prices may follow; for staff."""

from uuid import UUID

from flask import Blueprint, Response, request

from orders.application.commands import Answer
from orders.application.product_queries import ProductFilter, SeriesFilter
from orders.application.product_store import StoredProduct
from orders.application.products import deactivated
from orders.domain.errors import FieldError, Invalid
from orders.domain.people import Actor
from orders.entrypoints.api import paging
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, IF_MATCH, LIMIT, Parameter, operation
from orders.entrypoints.api.product_bodies import (
    KeptProductOut,
    NewProduct,
    ProductChange,
    ProductsPage,
    SeriesOut,
    SeriesPage,
    StaffProductOut,
    SuggestionOut,
)
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.versions import expected_version
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

FILTERS = (
    Parameter("q", "query", "only products in whose names, category or pack every word of this occurs"),
    Parameter("category", "query", "only this category"),
    Parameter("active", "query", "only these", schema={"type": "boolean"}),
    Parameter(
        "series",
        "query",
        "unmapped: only products without a series that a quote is known of",
        schema={"type": "string", "enum": ["unmapped"]},
    ),
)
_SERIES_FILTERS = (
    Parameter("q", "query", "only series in whose commodity, variety, package, size or market every word occurs"),
    Parameter("commodity", "query", "only this commodity, as the report writes it"),
    Parameter("market", "query", "only this market"),
)
_KEY_PROBLEMS = ("idempotency-key-in-flight",)


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/products")(products)
    blueprint.post("/products")(create_product)
    blueprint.get("/products/<uuid:product_id>")(product)
    blueprint.patch("/products/<uuid:product_id>")(change_product)
    blueprint.delete("/products/<uuid:product_id>")(deactivate_product)
    blueprint.get("/products/<uuid:product_id>/suggestion")(suggestion)
    blueprint.get("/series")(series)


@operation(
    "Products by category and name, each with its suggested price",
    answers={200: ProductsPage},
    problems={422: ("invalid",)},
    parameters=(*FILTERS, LIMIT, CURSOR),
)
def products() -> Response:
    """Page through products."""
    page = container().catalogue.products(_staff(), wanted(), limit=paging.limit(), cursor=paging.cursor())
    items = [StaffProductOut.with_market(view) for view in page.items]
    return reply(ProductsPage(items=items, next=paging.next_path(page)))


@operation(
    "Make a product",
    answers={201: KeptProductOut},
    problems={409: _KEY_PROBLEMS, 422: ("invalid", "idempotency-key-reused")},
    body=NewProduct,
    parameters=(IDEMPOTENCY_KEY,),
)
def create_product() -> Response:
    """Make a product, once per Idempotency-Key where one is given."""
    actor = _staff()
    once = request_key(actor, required=False)
    return respond(container().products.create(actor, NewProduct.of_request().product(), _created, once))


@operation("One product", answers={200: StaffProductOut}, problems={404: ("not-found",)})
def product(product_id: UUID) -> Response:
    """Answer one product with its ETag."""
    view = container().catalogue.product(_staff(), str(product_id))
    response = reply(StaffProductOut.with_market(view))
    response.headers["ETag"] = f'"{view.stored.version}"'
    return response


@operation(
    "Change what is named of a product",
    answers={200: KeptProductOut},
    problems={
        404: ("not-found",),
        409: _KEY_PROBLEMS,
        412: ("version-conflict",),
        422: ("invalid", "idempotency-key-reused"),
        428: ("precondition-required",),
    },
    body=ProductChange,
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def change_product(product_id: UUID) -> Response:
    """Change a product that is still as the caller last saw it."""
    actor = _staff()
    once = request_key(actor, required=False)
    expected = expected_version(lambda: _version(actor, product_id), required=True)
    alter = ProductChange.of_request().alter()
    return respond(
        container().products.change(actor, str(product_id), alter, _changed, expected_version=expected, once=once)
    )


@operation(
    "Take a product out of what may be offered; it stays for the record",
    answers={204: None},
    problems={
        404: ("not-found",),
        409: _KEY_PROBLEMS,
        412: ("version-conflict",),
        422: ("idempotency-key-reused",),
    },
    parameters=(IF_MATCH, IDEMPOTENCY_KEY),
)
def deactivate_product(product_id: UUID) -> Response:
    """Deactivate a product; doing it again changes nothing."""
    actor = _staff()
    once = request_key(actor, required=False)
    expected = expected_version(lambda: _version(actor, product_id), required=False)
    return respond(
        container().products.change(actor, str(product_id), deactivated, _gone, expected_version=expected, once=once)
    )


@operation(
    "What a product should cost, and how that is worked out",
    answers={200: SuggestionOut},
    problems={404: ("not-found",)},
)
def suggestion(product_id: UUID) -> Response:
    """Answer the suggested price with the formula's inputs, the quote, its trend and the forecast's band."""
    view = container().catalogue.product(_staff(), str(product_id))
    series_id = view.product.series_id
    trend = container().trends.of([series_id]).get(series_id) if series_id else None
    return reply(SuggestionOut.of(view, trend))


@operation(
    "Market series that quotes are known of",
    answers={200: SeriesPage},
    problems={422: ("invalid",)},
    parameters=(*_SERIES_FILTERS, LIMIT, CURSOR),
)
def series() -> Response:
    """Page through series."""
    names = ("q", "commodity", "market")
    filtered = SeriesFilter(*(paging.text_argument(name) for name in names))
    page = container().catalogue.series(_staff(), filtered, limit=paging.limit(), cursor=paging.cursor())
    return reply(SeriesPage(items=[SeriesOut.of(found) for found in page.items], next=paging.next_path(page)))


def wanted() -> ProductFilter:
    """Read the filter of a list of products from the address."""
    active, unmapped = request.args.get("active"), request.args.get("series")
    if active not in (None, "", "true", "false"):
        raise Invalid(FieldError("active", "true or false"))
    if unmapped not in (None, "", "unmapped"):
        raise Invalid(FieldError("series", "unmapped or nothing"))
    return ProductFilter(
        text=paging.text_argument("q"),
        category=paging.text_argument("category"),
        active=active == "true" if active else None,
        unmapped=unmapped == "unmapped",
    )


def _staff() -> Actor:
    actor = caller().actor
    actor.require_staff()
    return actor


def _version(actor: Actor, product_id: UUID) -> int:
    return container().catalogue.product(actor, str(product_id)).stored.version


def _created(stored: StoredProduct) -> Answer:
    headers = (("Location", f"/api/v1/products/{stored.id}"), ("ETag", f'"{stored.version}"'))
    return Answer(201, KeptProductOut.of(stored).model_dump_json(), headers)


def _changed(stored: StoredProduct) -> Answer:
    return Answer(200, KeptProductOut.of(stored).model_dump_json(), (("ETag", f'"{stored.version}"'),))


def _gone(_stored: StoredProduct) -> Answer:
    return Answer(204, "")
