"""Writing a comment: bounded, told once, at most once per key."""

from collections.abc import Callable
from uuid import uuid4

from orders.application import facts
from orders.application.commands import Answer, RequestKey
from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_HOUR, MAX_PER_ORDER, CommentView
from orders.application.once import answered_once
from orders.application.ports import Fact, Transactions, UnitOfWork
from orders.domain.errors import FieldError, Invalid, NotFound, TooManyComments
from orders.domain.order import is_id
from orders.domain.people import Actor

MAX_NAME_CHARACTERS = 200
HOUR_S, DAY_S = 3_600, 86_400


class CommentDesk:
    """Where comments are written."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def post(
        self,
        actor: Actor,
        order_id: str,
        text: str,
        render: Callable[[CommentView], Answer],
        once: RequestKey | None = None,
    ) -> Answer:
        """Write a comment on an order of whatever state.

        Raises:
            Invalid: empty or too long.
            NotFound: no such order for these eyes.
            TooManyComments: the order or the person's last hour is full.
            KeyReused, KeyInFlight: of the idempotency key.

        """
        if not is_id(order_id):
            raise NotFound("no such order")
        words = _words(text)
        return answered_once(self._transactions, once, lambda work: render(_post(actor, order_id, words, work)))


def _words(text: str) -> str:
    words = text.replace("\r\n", "\n").strip()
    if not 1 <= len(words) <= MAX_CHARACTERS:
        raise Invalid(FieldError("text", f"from 1 to {MAX_CHARACTERS} characters"))
    if any(character < " " and character not in "\t\n" for character in words):
        raise Invalid(FieldError("text", "control characters are not text"))
    return words


def _post(actor: Actor, order_id: str, words: str, work: UnitOfWork) -> CommentView:
    order = work.comments.order(order_id)
    if order is None:
        raise NotFound("no such order")
    actor.require_sight_of(order.store_id)
    of_order, of_hour = work.comments.counts(order_id, actor.person_id)
    if of_order >= MAX_PER_ORDER:
        raise TooManyComments(f"an order holds {MAX_PER_ORDER} comments", DAY_S)
    if of_hour >= MAX_PER_HOUR:
        raise TooManyComments(f"{MAX_PER_HOUR} comments in an hour are the most for one person", HOUR_S)
    comment = work.comments.add(str(uuid4()), order_id, actor, words)
    data = {
        "order_id": order.id,
        "number": order.number,
        "store_id": order.store_id,
        "store_name": order.store_name,
        "comment_id": comment.id,
        "actor": {
            "person_id": actor.person_id,
            "role": actor.role.value,
            "name": comment.author[:MAX_NAME_CHARACTERS],
        },
        "text": comment.text,
        "at": facts.timestamp(comment.at),
    }
    work.publish(Fact("orders.comment.posted.v1", order.id, data))
    return comment
