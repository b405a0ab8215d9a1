"""At most once per idempotency key: the key, the effect and the answer are one transaction."""

from collections.abc import Callable
from typing import TypeVar

from orders.application.commands import Answer, RequestKey
from orders.application.ports import Transactions, UnitOfWork

T = TypeVar("T")


class _NotKept(Exception):
    """Nothing was answered with this key yet; raised to undo having asked."""


def answered_once(transactions: Transactions, key: RequestKey | None, work: Callable[[UnitOfWork], Answer]) -> Answer:
    """Do the work and keep its answer beside the key, or give the answer kept before; without a key, just do it.

    Raises:
        KeyReused, KeyInFlight: of the idempotency key; and whatever the work refuses, of which nothing is kept.

    """

    def transaction(unit: UnitOfWork) -> Answer:
        kept = unit.keys.claim(key) if key else None
        if kept is not None:
            return kept
        answer = work(unit)
        if key:
            unit.keys.keep(key, answer)
        return answer

    return transactions.run(transaction)


def once(
    transactions: Transactions, key: RequestKey | None, work: Callable[[UnitOfWork], T], render: Callable[[T], Answer]
) -> Answer:
    """Do the work once and render what it returns; see `answered_once`."""
    return answered_once(transactions, key, lambda unit: render(work(unit)))


def kept_answer(transactions: Transactions, key: RequestKey | None) -> Answer | None:
    """Return what was answered with the key, without claiming it: for work that takes several transactions."""
    if key is None:
        return None

    def ask(unit: UnitOfWork) -> Answer:
        kept = unit.keys.claim(key)
        if kept is None:
            raise _NotKept
        return kept

    try:
        return transactions.run(ask)
    except _NotKept:
        return None
