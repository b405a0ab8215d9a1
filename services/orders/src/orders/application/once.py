"""A use case in one transaction, at most once per idempotency key."""

from collections.abc import Callable
from typing import TypeVar

from orders.application.commands import Answer, RequestKey
from orders.application.ports import Transactions, UnitOfWork

T = TypeVar("T")


class _NotKept(Exception):
    """Nothing was answered with this key yet; raised to undo having asked."""


def once(
    transactions: Transactions, key: RequestKey | None, work: Callable[[UnitOfWork], T], render: Callable[[T], Answer]
) -> Answer:
    """Do the work and keep its answer beside the key, or give the answer that was kept.

    Raises:
        KeyReused, KeyInFlight: of the key.

    """

    def transaction(unit: UnitOfWork) -> Answer:
        kept = unit.keys.claim(key) if key else None
        if kept is not None:
            return kept
        answer = render(work(unit))
        if key:
            unit.keys.keep(key, answer)
        return answer

    return transactions.run(transaction)


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
