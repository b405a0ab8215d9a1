"""A line's price limit: when the market moves above it, the line is dropped, its stock is free, the store is told."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from orders.application.ports import UnitOfWork
from orders.application.stock import StockMove
from orders.application.written_orders import CANCELLATION, Written, line_changes, record_order, record_stock
from orders.domain.cycle import Cycle, CycleState
from orders.domain.order import LockedOffer, Order, OrderLine, OrderState
from orders.domain.people import Actor

BATCH = 100
"""How many orders are looked up at once; all of them change in the caller's transaction, together with the price."""
MAX_REASON_CHARACTERS = 2_000
CENTS = 100
WHY = "price limits"


def drop_dear_lines(
    work: UnitOfWork, cycle: Cycle, offers: Iterable[LockedOffer], *, actor: Actor | None = None
) -> int:
    """Drop every live line whose limit is below its offer's new price; return how many.

    Call it in the transaction that raised the prices, after they are written and while these offers are locked (locks
    are taken as everywhere: day, offers, orders). An order left without lines is cancelled. Lines of an offer whose own
    cutoff has passed stay, since those goods may be bought already; after the day's cutoff nothing is dropped.

    Args:
        work: the caller's transaction.
        cycle: the market day, held so that it can't close meanwhile; one that isn't open has nothing to drop.
        offers: the changed offers with their new prices.
        actor: who changed the prices; without one, the events name whoever last had the order in hand.

    """
    now = work.now()
    if cycle.state is not CycleState.OPEN or now >= cycle.cutoff_at:
        return 0
    judged = {offer.id: offer for offer in offers if offer.cutoff_at is None or now < offer.cutoff_at}
    freed: Counter[str] = Counter()
    dropped = 0
    for order_id in _orders_above(work, judged):
        order = work.orders.lock(order_id)
        dear = [line for line in order.lines if _is_above(line, judged)] if order else []
        if order is not None and dear:
            hand = actor or work.dear_orders.last_hand(order_id)
            _drop(work, cycle, order, dear=dear, offers=judged, actor=hand)
            freed.update({line.offer_id: line.quantity for line in dear})
            dropped += len(dear)
    if freed:
        stock = StockMove.by(work, judged, {offer_id: -freed[offer_id] for offer_id in sorted(freed)})
        record_stock(work, cycle, actor, stock, WHY)
    return dropped


def _orders_above(work: UnitOfWork, offers: Mapping[str, LockedOffer]) -> Iterator[str]:
    prices = {offer.id: offer.unit_price_cents for offer in offers.values()}
    after: str | None = None
    while prices:
        found = work.dear_orders.above(prices, after, BATCH)
        yield from found
        if len(found) < BATCH:
            return
        after = found[-1]


def _is_above(line: OrderLine, offers: Mapping[str, LockedOffer]) -> bool:
    offer, limit = offers.get(line.offer_id), line.max_unit_price_cents
    return bool(offer and line.quantity and limit is not None and offer.unit_price_cents > limit)


def _drop(
    work: UnitOfWork,
    cycle: Cycle,
    order: Order,
    *,
    dear: Sequence[OrderLine],
    offers: Mapping[str, LockedOffer],
    actor: Actor,
) -> None:
    gone = {line.offer_id for line in dear}
    kept = tuple(line for line in order.lines if line.offer_id not in gone)
    limits = [_limit_change(line, offers[line.offer_id]) for line in dear]
    reason = _reason(dear, offers)
    if any(line.quantity for line in kept):
        changes = [*line_changes(order.lines, kept), *limits]
        written = Written("amended", work.orders.replace(order, kept), cycle, actor, changes, reason)
    else:
        cancelled = work.orders.set_state(order, OrderState.CANCELLED)
        written = Written("cancelled", cancelled, cycle, actor, [CANCELLATION, *limits], reason)
    record_order(work, written)


def _limit_change(line: OrderLine, offer: LockedOffer) -> dict[str, object]:
    """Say it in numbers too, so that page and mail can say it in the reader's language."""
    return {
        "field": "price_limit",
        "old": line.max_unit_price_cents,
        "new": offer.unit_price_cents,
        "offer_id": line.offer_id,
        "name": line.name,
        "name_es": line.name_es,
    }


def _reason(dear: Sequence[OrderLine], offers: Mapping[str, LockedOffer]) -> str:
    said = "; ".join(
        f"{line.name}: {_dollars(offers[line.offer_id].unit_price_cents)} is above"
        f" the limit of {_dollars(line.max_unit_price_cents or 0)}"
        for line in dear
    )
    return said if len(said) <= MAX_REASON_CHARACTERS else said[: MAX_REASON_CHARACTERS - 1] + "…"


def _dollars(cents: int) -> str:
    return f"${cents // CENTS:,}.{cents % CENTS:02d}"
