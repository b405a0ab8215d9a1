"""Taking over suggested prices: one with a click, thousands in small transactions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from orders.application.commands import Answer, RequestKey
from orders.application.once import kept_answer, once
from orders.application.planning_offers import plannable_cycle, write_offers
from orders.application.ports import Transactions, UnitOfWork
from orders.domain.offer import MAX_UNIT_PRICE_CENTS, PlannedOffer, with_terms
from orders.domain.people import Actor
from orders.domain.pricing import is_stale

OFFERS_PER_TRANSACTION = 200


@dataclass(frozen=True, slots=True)
class AcceptSuggestions:
    """`offer_ids` None: all of the market day. `fresh_only` leaves alone what rests on a stale quote."""

    actor: Actor
    cycle_id: str
    offer_ids: tuple[str, ...] | None = None
    fresh_only: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many prices changed, were the suggested ones already, and were left alone because their quote is stale."""

    changed: int = 0
    unchanged: int = 0
    stale: int = 0

    def plus(self, other: "Accepted") -> "Accepted":
        """Return both together."""
        return Accepted(self.changed + other.changed, self.unchanged + other.unchanged, self.stale + other.stale)


class PriceDesk:
    """Accepts suggestions; `usda_today` dates the market for recorded price files."""

    def __init__(self, transactions: Transactions, zone: ZoneInfo, usda_today: date | None) -> None:
        self._transactions = transactions
        self._zone = zone
        self._usda_today = usda_today

    def accept(
        self, command: AcceptSuggestions, render: Callable[[Accepted], Answer], key: RequestKey | None = None
    ) -> Answer:
        """Make suggested prices the prices, 200 offers a transaction, so that no order waits long for its rows.

        What was done stays done when it is interrupted; doing it again does the rest.
        """
        command.actor.require_staff()
        kept = kept_answer(self._transactions, key)
        if kept is not None:
            return kept
        done, after = self._next(command, None)
        while after is not None:
            batch, after = self._next(command, after)
            done = done.plus(batch)
        return once(self._transactions, key, lambda _: done, render)

    def _next(self, command: AcceptSuggestions, after: str | None) -> tuple[Accepted, str | None]:
        return self._transactions.run(lambda work: self._batch(command, after, work))

    def _batch(self, command: AcceptSuggestions, after: str | None, work: UnitOfWork) -> tuple[Accepted, str | None]:
        cycle = plannable_cycle(work, command.cycle_id)
        today = self._today(work.now())
        found = work.planned_offers.suggestions(cycle.id, command.offer_ids, after=after, limit=OFFERS_PER_TRANSACTION)
        stale = {offer_id for offer_id, one in found if command.fresh_only and is_stale(one.quoted_on, today)}
        wanted = {
            offer_id: one
            for offer_id, one in found
            if offer_id not in stale and one.unit_price_cents <= MAX_UNIT_PRICE_CENTS
        }
        changed = []
        for was in work.planned_offers.lock(cycle.id, list(wanted), counting=False):
            suggestion = wanted[was.id]
            now = _priced(was, suggestion.unit_price_cents)
            if now is not was:
                changed.append((was, now, "accepted", suggestion.source))
        if changed:
            write_offers(work, cycle, command.actor, changed)
        batch = Accepted(len(changed), len(wanted) - len(changed), len(stale))
        return batch, found[-1][0] if len(found) == OFFERS_PER_TRANSACTION else None

    def _today(self, now: datetime) -> date:
        return self._usda_today or now.astimezone(self._zone).date()


def _priced(was: PlannedOffer, cents: int) -> PlannedOffer:
    if was.terms.unit_price_cents == cents:
        return was
    return with_terms(was, replace(was.terms, unit_price_cents=cents))
