"""A use case in one transaction, at most once per idempotency key."""

from collections.abc import Callable
from typing import TypeVar

from orders.application.commands import Answer, RequestKey
from orders.application.ports import Transactions, UnitOfWork

T = TypeVar("T")


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
