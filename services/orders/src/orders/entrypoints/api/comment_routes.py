"""Comments between store and staff on an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from orders.application.commands import Answer
from orders.application.comment_book import MAX_CHARACTERS, CommentView
from orders.application.queries import Page
from orders.domain.errors import FieldError, Invalid
from orders.entrypoints.api import paging
from orders.entrypoints.api.operations import CURSOR, IDEMPOTENCY_KEY, LIMIT, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.request_bodies import In
from orders.entrypoints.api.response_bodies import Out
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container


class NewComment(In):
    text: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]


class CommentOut(Out):
    """`author` is the writer's name, `role` what the writer was then."""

    id: str
    order_id: str
    author: str
    role: Literal["buyer", "staff", "admin"]
    text: str
    at: datetime

    @classmethod
    def of(cls, comment: CommentView) -> Self:
        """Show a comment."""
        return cls(
            id=comment.id,
            order_id=comment.order_id,
            author=comment.author,
            role=comment.role.value,
            text=comment.text,
            at=comment.at,
        )


class CommentsPage(Out):
    items: list[CommentOut]
    next: str | None


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.get("/orders/<uuid:order_id>/comments")(comments)
    blueprint.post("/orders/<uuid:order_id>/comments")(post_comment)


@operation(
    "The comments on an order, oldest first",
    answers={200: CommentsPage},
    problems={404: ("not-found",), 422: ("invalid",)},
    parameters=(LIMIT, CURSOR),
)
def comments(order_id: UUID) -> Response:
    """Page through an order's comments."""
    found = container().comments.of_order(caller().actor, str(order_id))
    page = _page(found, paging.limit(), paging.cursor())
    return reply(CommentsPage(items=[CommentOut.of(one) for one in page.items], next=paging.next_path(page)))


@operation(
    "Comment on an order; up to 100 on one, 20 a person and hour",
    answers={201: CommentOut},
    problems={
        400: ("idempotency-key-missing",),
        404: ("not-found",),
        409: ("idempotency-key-in-flight",),
        422: ("invalid", "idempotency-key-reused"),
        429: ("too-many-requests",),
    },
    body=NewComment,
    parameters=(IDEMPOTENCY_KEY,),
)
def post_comment(order_id: UUID) -> Response:
    """Write a comment, once per Idempotency-Key."""
    actor = caller().actor
    once = request_key(actor, required=True)
    text = NewComment.of_request().text
    return respond(container().commenting.post(actor, str(order_id), text, _posted, once))


def _posted(comment: CommentView) -> Answer:
    return Answer(201, CommentOut.of(comment).model_dump_json())


def _page(comments: Sequence[CommentView], limit: int, cursor: str | None) -> Page[CommentView]:
    """Cut a page out of the few there can be; a cursor is the id of the last one seen."""
    places = {comment.id: place for place, comment in enumerate(comments, start=1)}
    if cursor is not None and cursor not in places:
        raise Invalid(FieldError("cursor", "not a cursor of this list"))
    start = places[cursor] if cursor else 0
    items = tuple(comments[start : start + limit])
    return Page(items, items[-1].id if start + limit < len(comments) else None)
