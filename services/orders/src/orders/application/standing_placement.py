"""Placing standing orders when a market day opens: each store in a transaction of its own, once per day, however late.

When stock is short, somebody comes last. Who comes first is drawn anew for each market day, from the ids of day and
store: no store is always first, nobody can push ahead by saving early or late, and a worker that starts again goes on
in the same order. A buyer who orders by hand meanwhile is served in between, as everybody is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orders.application.commands import PlaceOrder
from orders.application.ordering import place_order
from orders.application.ports import Transactions, UnitOfWork
from orders.application.reasons import STANDING_ORDER
from orders.application.standing_orders import Drop, DropReason, Outcome, StandingLineView, StandingOrder
from orders.domain import errors
from orders.domain.cycle import Cycle
from orders.domain.order import LineRequest, LockedOffer, OnShortage

BATCH = 50
"""How many are dealt with before the clock looks at anything else; the next look, a second later, takes more."""
MOST_AWAY = 2
"""After so many in a row that the database had no time for, it is not a row of theirs that somebody holds."""
MOST_PASSED_OVER = 500
"""Of those that fail, to reach what lies behind: as many as a hub may have stores. Opening and closing wait so long."""
MOST_NAMED = 20
"""Of those that failed beside the first."""


def place_due(transactions: Transactions) -> int:
    """Place what is due; return how many stores were dealt with.

    The run's row and the order are one transaction: a worker that is killed has placed an order whole or not at all,
    and the next one goes on with what is left, until the cutoff. One that fails keeps none of the others waiting,
    however many fail: it stays due, and is passed over until the next look. The first failure is raised after the
    others were dealt with, and names them (`MOST_NAMED`).
    """
    look = _Look(transactions)
    while look.goes_on:
        due = look.next_due()
        if not due:
            break
        for cycle_id, store_id in due:
            look.at(cycle_id, store_id)
    look.tell()
    return look.dealt_with


class _Look:
    """One look at what is due: what was dealt with, and what was passed over."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self.dealt_with = 0
        self._passed_over = 0
        self._in_a_row = 0
        self._away: errors.Unavailable | None = None
        self._failed: list[Exception] = []

    @property
    def goes_on(self) -> bool:
        """Whether there is time for more."""
        return self.dealt_with < BATCH and self._passed_over < MOST_PASSED_OVER

    def next_due(self) -> Sequence[tuple[str, str]]:
        """Return as many as are wanted still, behind those that were passed over."""
        behind = self._passed_over
        wanted = min(BATCH - self.dealt_with, MOST_PASSED_OVER - behind)
        return self._transactions.run(lambda work: work.standing.due(wanted, behind=behind))

    def at(self, cycle_id: str, store_id: str) -> None:
        """Deal with one store; whatever goes wrong concerns that one alone, unless the database is away."""
        is_done = False
        try:
            is_done = _deal_with(self._transactions, cycle_id, store_id)
            self._in_a_row = 0
        except errors.Unavailable as away:
            self._away = self._away or away
            self._in_a_row += 1
            if self._in_a_row == MOST_AWAY:
                self.tell()
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns one store
            error.add_note(f"standing order of store {store_id} for market day {cycle_id}")
            self._failed.append(error)
        self.dealt_with += is_done
        self._passed_over += not is_done

    def tell(self) -> None:
        """Raise the first failure, with the others' stores; else that the database had no time for somebody."""
        if self._failed:
            first, *others = self._failed
            for other in others[:MOST_NAMED]:
                first.add_note(f"and {type(other).__name__}: {other.__notes__[-1]}")
            raise first
        if self._away:
            raise self._away


def _deal_with(transactions: Transactions, cycle_id: str, store_id: str) -> bool:
    try:
        return transactions.run(lambda work: place_one(work, cycle_id, store_id))
    except errors.CycleClosed:
        return False
    except (errors.OrderExists, errors.SoldOut, errors.PriceChanged, errors.Invalid) as refused:
        outcome = Outcome.HAS_ORDER if isinstance(refused, errors.OrderExists) else Outcome.REFUSED
        return transactions.run(lambda work: _give_up(work, cycle_id, store_id, outcome))


def _give_up(work: UnitOfWork, cycle_id: str, store_id: str, outcome: Outcome) -> bool:
    if not work.standing.claim(cycle_id, store_id):
        return False
    work.standing.finish(cycle_id, store_id, outcome, order_id=work.orders.live(cycle_id, store_id))
    return True


def place_one(work: UnitOfWork, cycle_id: str, store_id: str) -> bool:
    """Place a store's standing order inside the caller's transaction; False when it is not, or no longer, due."""
    standing = work.standing.lock(store_id)
    if standing is None or not standing.active or not work.standing.claim(cycle_id, store_id):
        return False
    cycle = work.cycles.lock_for_ordering(cycle_id)
    if cycle is None:
        raise errors.CycleClosed("no such market day")
    cycle.require_ordering(work.now())
    store = work.orders.store(store_id)
    live = work.orders.live(cycle_id, store_id)
    if store is None or not store.active:
        work.standing.finish(cycle_id, store_id, Outcome.INACTIVE)
    elif live is not None:
        work.standing.finish(cycle_id, store_id, Outcome.HAS_ORDER, order_id=live)
    else:
        _place(work, cycle, standing)
    return True


def _place(work: UnitOfWork, cycle: Cycle, standing: StandingOrder) -> None:
    by_product = work.standing.offers_of(cycle.id, [line.product.id for line in standing.lines])
    locked = work.offers.lock(by_product.values(), cycle.id)
    # Without what staff took out since it was read.
    there = {one: locked[offer] for one, offer in by_product.items() if offer in locked}
    plan = make_plan(standing.lines, there, work.now())
    if not plan.requests:
        work.standing.finish(cycle.id, standing.store_id, Outcome.NOTHING_LEFT, drops=plan.drops)
        return
    command = PlaceOrder(
        actor=work.standing.actor(standing.saved_by, standing.store_id),
        cycle_id=cycle.id,
        store_id=standing.store_id,
        lines=plan.requests,
        note=standing.note,
        on_shortage=OnShortage.PARTIAL,
        reason=STANDING_ORDER,
        told=tuple(_told(drop, there) for drop in plan.drops if drop.reason is not DropReason.SHORT),
    )
    order = place_order(command, work)
    work.standing.finish(cycle.id, standing.store_id, Outcome.PLACED, order_id=order.id, drops=plan.drops)


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be ordered of a standing order, and why the rest can't."""

    requests: tuple[LineRequest, ...]
    drops: tuple[Drop, ...]


def make_plan(lines: Iterable[StandingLineView], offers: Mapping[str, LockedOffer], now: datetime) -> Plan:
    """Cap each line to what a store may have and to what is left, by locked offers (by product)."""
    requests: list[LineRequest] = []
    drops: list[Drop] = []
    for line in lines:
        request, why = _plan_line(line, offers.get(line.product.id), now)
        requests += [request] if request else []
        drops += why
    return Plan(tuple(requests), tuple(drops))


def _plan_line(
    line: StandingLineView, offer: LockedOffer | None, now: datetime
) -> tuple[LineRequest | None, Sequence[Drop]]:
    if offer is None:
        return None, [_drop(line, DropReason.NOT_OFFERED)]
    if offer.cutoff_at is not None and now >= offer.cutoff_at:
        return None, [_drop(line, DropReason.OFFER_CLOSED)]
    if line.max_unit_price_cents is not None and offer.unit_price_cents > line.max_unit_price_cents:
        return None, [_drop(line, DropReason.PRICE_LIMIT, price_cents=offer.unit_price_cents)]
    if offer.remaining == 0:
        return None, [_drop(line, DropReason.SOLD_OUT)]
    drops = []
    wanted = line.quantity
    if offer.max_per_store is not None and wanted > offer.max_per_store:
        wanted = offer.max_per_store
        drops.append(_drop(line, DropReason.STORE_LIMIT, given=wanted))
    if offer.remaining is not None and wanted > offer.remaining:
        drops.append(_drop(line, DropReason.SHORT, given=offer.remaining))
    return LineRequest(offer.id, wanted, None, line.max_unit_price_cents), drops


def _drop(line: StandingLineView, reason: DropReason, *, given: int = 0, price_cents: int | None = None) -> Drop:
    return Drop(
        product_id=line.product.id,
        name=line.product.name,
        name_es=line.product.name_es,
        reason=reason,
        wanted=line.quantity,
        given=given,
        limit_cents=line.max_unit_price_cents if reason is DropReason.PRICE_LIMIT else None,
        price_cents=price_cents,
    )


def _told(drop: Drop, offers: Mapping[str, LockedOffer]) -> Mapping[str, object]:
    """Return a drop as a change of the order's trail: what was wished for and what came instead."""
    old, new = (
        (drop.limit_cents, drop.price_cents) if drop.reason is DropReason.PRICE_LIMIT else (drop.wanted, drop.given)
    )
    subject = {"offer_id": offers[drop.product_id].id} if drop.product_id in offers else {}
    return {"field": drop.reason.value, "old": old, "new": new, "name": drop.name, "name_es": drop.name_es, **subject}
