"""What is agreed about each wished line, decided while the offers are locked: how much, at which price, until when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orders.domain.errors import (
    FieldError,
    Invalid,
    OfferCutoff,
    OffersClosed,
    PriceChanged,
    PriceNow,
    Shortage,
    SoldOut,
)
from orders.domain.order import MAX_TOTAL_CENTS, LineRequest, LockedOffer, OnShortage, OrderLine, stock_deltas


def agree_lines(
    requests: Sequence[LineRequest],
    offers: Mapping[str, LockedOffer],
    *,
    placed: Sequence[OrderLine] = (),
    on_shortage: OnShortage,
) -> tuple[OrderLine, ...]:
    """Decide every line against locked offers; `placed` are the lines of the order being amended.

    A placed line keeps its price while it doesn't grow; one that grows is at today's price as a whole (ADR 19).

    Raises:
        Invalid: an offer that is not of this cycle, or more than a store may have.
        PriceChanged: some price is not the expected one, or every line is above its limit.
        SoldOut: too little left (with PARTIAL: nothing at all left to give).

    """
    before = {line.offer_id: line for line in placed}
    _require_offered(requests, offers, before)
    wishes = [_Wish(one, offers[one.offer_id], before.get(one.offer_id)) for one in requests]
    unexpected = tuple(wish.price_now for wish in wishes if not wish.has_expected_price)
    if unexpected:
        raise PriceChanged(unexpected)
    lines = tuple(wish.line for wish in wishes)
    is_empty = not any(line.quantity for line in lines)
    shortages = tuple(wish.shortage for wish in wishes if wish.is_short)
    if shortages and (on_shortage is OnShortage.REJECT or is_empty):
        raise SoldOut(shortages)
    if is_empty:
        raise PriceChanged(tuple(wish.price_now for wish in wishes))
    if sum(line.total_cents for line in lines) > MAX_TOTAL_CENTS:
        raise Invalid(FieldError("lines", f"an order may be worth {MAX_TOTAL_CENTS // 100} dollars at most"))
    return lines


def require_before_cutoffs(
    before: Sequence[OrderLine], after: Sequence[OrderLine], offers: Mapping[str, LockedOffer], now: datetime
) -> None:
    """Refuse to add, raise, lower or remove a line whose offer has an earlier cutoff that has passed (ADR 18)."""
    was, becomes = ({line.offer_id: line.quantity for line in lines} for lines in (before, after))
    changed = {*stock_deltas(was, becomes), *(becomes.keys() - was.keys())}
    closed = tuple(
        OfferCutoff(offer_id, cutoff_at)
        for offer_id in sorted(changed)
        if (cutoff_at := offers[offer_id].cutoff_at) is not None and now >= cutoff_at
    )
    if closed:
        raise OffersClosed(closed)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A wished line beside its offer and what the order holds of it already."""

    request: LineRequest
    offer: LockedOffer
    placed: OrderLine | None

    @property
    def held(self) -> int:
        return self.placed.quantity if self.placed else 0

    @property
    def left(self) -> int:
        """Return how much of the wish there is: what remains and what the order holds already."""
        remaining = self.offer.remaining
        return self.request.quantity if remaining is None else min(self.request.quantity, remaining + self.held)

    @property
    def limit(self) -> int | None:
        return self.request.limit(self.placed)

    @property
    def is_too_dear(self) -> bool:
        return self.limit is not None and self._price(self.left) > self.limit

    @property
    def is_short(self) -> bool:
        return self.left < self.request.quantity and not self.is_too_dear

    @property
    def shortage(self) -> Shortage:
        return Shortage(self.offer.id, self.request.quantity, self.left)

    @property
    def price_now(self) -> PriceNow:
        return PriceNow(self.offer.id, self.offer.unit_price_cents)

    @property
    def has_expected_price(self) -> bool:
        """Accept today's price and, for a line that is not to grow, the agreed one."""
        expected = self.request.expected_unit_price_cents
        return expected in (None, self.offer.unit_price_cents, self._price(self.request.quantity))

    @property
    def line(self) -> OrderLine:
        given = self._within_limit if self.is_too_dear else self.left
        return OrderLine(
            offer_id=self.offer.id,
            name=self.offer.name,
            name_es=self.offer.name_es,
            pack=self.offer.pack,
            quantity=given,
            unit_price_cents=self._price(given),
            shorted=self.request.quantity - given,
            max_unit_price_cents=self.limit,
        )

    @property
    def _within_limit(self) -> int:
        """Return what is held at a price within the limit: it stays, and nothing goes on top of it above the limit."""
        if self.placed is None or self.limit is None or self.placed.unit_price_cents > self.limit:
            return 0
        return min(self.held, self.request.quantity)

    def _price(self, quantity: int) -> int:
        if self.placed is not None and quantity <= self.placed.quantity:
            return self.placed.unit_price_cents
        return self.offer.unit_price_cents


def _require_offered(
    requests: Iterable[LineRequest], offers: Mapping[str, LockedOffer], placed: Mapping[str, OrderLine]
) -> None:
    errors = []
    for index, request in enumerate(requests):
        offer, before = offers.get(request.offer_id), placed.get(request.offer_id)
        if offer is None:
            errors.append(FieldError(f"lines.{index}.offer_id", "not an offer of this market day"))
        elif offer.max_per_store is not None and request.quantity > max(
            offer.max_per_store, before.quantity if before else 0
        ):
            errors.append(FieldError(f"lines.{index}.quantity", f"at most {offer.max_per_store} per store"))
    if errors:
        raise Invalid(*errors)
