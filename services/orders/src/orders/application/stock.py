"""Moving stock with the lines of an order, and counting what is ordered where no stock does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orders.application.ports import UnitOfWork
from orders.domain import errors
from orders.domain.order import LockedOffer, OrderLine, stock_deltas


@dataclass(frozen=True, slots=True)
class StockMove:
    """What a change of lines does to offers.

    `moved` are limited ones before and after; `uncounted` are sold by the case without a limit, and have to be counted
    once the lines are written.
    """

    moved: tuple[tuple[LockedOffer, LockedOffer], ...]
    uncounted: tuple[str, ...]

    @classmethod
    def take(
        cls,
        work: UnitOfWork,
        offers: Mapping[str, LockedOffer],
        before: Sequence[OrderLine],
        after: Sequence[OrderLine],
    ) -> "StockMove":
        """Take or give back the difference between two states of an order's lines; see `by`."""
        return cls.by(work, offers, stock_deltas(_quantities(before), _quantities(after)))

    @classmethod
    def by(cls, work: UnitOfWork, offers: Mapping[str, LockedOffer], deltas: Mapping[str, int]) -> "StockMove":
        """Take (positive) or give back (negative) so much of each.

        The rows are locked and were found sufficient, so a shortage here means that something else writes stock: the
        condition in the UPDATE holds the line all the same.
        """
        limited = {offer_id: delta for offer_id, delta in deltas.items() if offers[offer_id].remaining is not None}
        taken = work.offers.take(limited) if limited else {}
        short = tuple(
            errors.Shortage(offer_id, limited[offer_id], offers[offer_id].remaining or 0)
            for offer_id in limited
            if offer_id not in taken
        )
        if short:
            raise errors.SoldOut(short)
        return cls(
            moved=tuple((offers[offer_id], taken[offer_id]) for offer_id in limited),
            uncounted=tuple(one for one in deltas if one not in limited and offers[one].case_size is not None),
        )

    def changed(self, work: UnitOfWork) -> list[LockedOffer]:
        """Return every offer that watchers have to hear of; call it when the lines are written, locks still held."""
        counted = work.offers.count(self.uncounted) if self.uncounted else {}
        return [*(now for _, now in self.moved), *counted.values()]


def _quantities(lines: Sequence[OrderLine]) -> dict[str, int]:
    return {line.offer_id: line.quantity for line in lines if line.quantity}
