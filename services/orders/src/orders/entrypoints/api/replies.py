"""Answers in JSON."""

from flask import Response
from pydantic import BaseModel

from orders.application.commands import Answer
from orders.application.queries import OrderView
from orders.entrypoints.api.response_bodies import OrderOut


def reply(body: BaseModel, status: int = 200) -> Response:
    """Answer with a body."""
    return Response(body.model_dump_json(), status, content_type="application/json")


def etag(order: OrderView) -> str:
    """Return the order's entity tag: its version."""
    return f'"{order.version}"'


def created(order: OrderView) -> Answer:
    """Answer a placement, now and whenever its key comes again."""
    headers = (("Location", f"/api/v1/orders/{order.id}"), ("ETag", etag(order)))
    return Answer(201, OrderOut.of(order).model_dump_json(), headers)


def changed(order: OrderView) -> Answer:
    """Answer an amendment."""
    return Answer(200, OrderOut.of(order).model_dump_json(), (("ETag", etag(order)),))


def cancelled(_order: OrderView) -> Answer:
    """Answer a cancellation."""
    return Answer(204, "")
