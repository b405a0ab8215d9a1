"""At most once per idempotency key: the key, the effect and the answer are one transaction."""

from collections.abc import Callable

from orders.application.commands import Answer, RequestKey
from orders.application.ports import Transactions, UnitOfWork


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
