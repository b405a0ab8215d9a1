"""A use case that answers the same when the same request comes again."""

from collections.abc import Callable

from orders.application.commands import Answer, RequestKey
from orders.application.ports import Transactions, UnitOfWork


def once(transactions: Transactions, key: RequestKey | None, work: Callable[[UnitOfWork], Answer]) -> Answer:
    """Run `work` and keep its answer beside the key in the same transaction, or give the answer kept before."""

    def transaction(unit: UnitOfWork) -> Answer:
        kept = unit.keys.claim(key) if key else None
        if kept is not None:
            return kept
        answer = work(unit)
        if key:
            unit.keys.keep(key, answer)
        return answer

    return transactions.run(transaction)
