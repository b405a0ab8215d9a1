"""Reading what the order page needs, once, and drawing it: the whole page, or only its shelves for a script."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, render_template, request

from orders.application.queries import CycleView, StoreView
from orders.application.shop import Shelves, ShopOffer, Standing, View, Wish
from orders.entrypoints.identity import container
from orders.entrypoints.pages.filling import LAST, Filling, fill
from orders.entrypoints.pages.formats import TimeLeft
from orders.entrypoints.pages.offer_rows import RowWriter
from orders.entrypoints.pages.order_form import TypedOrder, as_ordered
from orders.entrypoints.pages.order_meeting import meet
from orders.entrypoints.pages.order_page import OrderPageModel, arrange
from orders.entrypoints.pages.reader import formats, locale, signed_in
from orders.entrypoints.pages.refusals import Refusal, closed_meanwhile, meanwhile, not_offered_any_more
from orders.entrypoints.pages.words import order_page_words

WHOLE_PAGE, ONLY_SHELVES = "pages/order.html", "pages/order_shelves.html"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the database says about a store's market day and a view of it, as of `at_ms`."""

    store: StoreView
    has_other_stores: bool
    cycle: CycleView
    standing: Standing
    stock: Shelves
    wishes: tuple[Wish, ...]
    at_ms: int

    @property
    def by_id(self) -> Mapping[str, ShopOffer]:
        return {offer.id: offer for offer in self.stock.offers}


def look(
    stores: tuple[StoreView, ...],
    store: StoreView,
    cycle: CycleView,
    view: View,
    *,
    typed: TypedOrder | None = None,
    copying: str | None = None,
) -> Sight:
    """Read the view, what was typed besides, and the older order that is to be copied ("last", or an order's id)."""
    # The page wants news from before its rows were read, so that none is missed.
    at_ms = time.time_ns() // 1_000_000
    shop = container().shop
    wishes: tuple[Wish, ...] = ()
    if copying:
        wishes = shop.wishes(signed_in().actor, cycle.id, store.id, None if copying == LAST else copying)
    besides = {*(typed.quantities if typed else ()), *(wish.offer_id for wish in wishes if wish.offer_id)}
    return Sight(
        store=store,
        has_other_stores=len(stores) > 1,
        cycle=cycle,
        standing=shop.standing(cycle.id, store.id),
        stock=shop.shelves(cycle.id, store.id, view, locale=locale(), besides=besides),
        wishes=wishes,
        at_ms=at_ms,
    )


def draw(
    sight: Sight, *, typed: TypedOrder | None = None, refusal: Refusal | None = None, template: str = WHOLE_PAGE
) -> Response:
    """Draw the page with what was typed, else with what is ordered."""
    order = sight.standing.order if sight.standing.order and sight.standing.order.editable else None
    saved = as_ordered(sight.stock.offers, order.note if order else "")
    by_id = sight.by_id
    filled = saved if typed is None else typed
    if typed is not None and order is not None and template == WHOLE_PAGE and not typed.is_silent:
        met = meet(typed, saved)
        filled, refusal = met.typed, meanwhile(refusal, met, by_id)
    if sight.cycle.takes_orders and not (refusal and refusal.closed):
        fixed = [one for one in sight.stock.offers if one.is_closed and not filled.has_just(one.id, one.ordered)]
        filled, refusal = filled.holding(fixed), closed_meanwhile(refusal, fixed, filled)
    if refusal is None and any(line.offer_id not in by_id for line in filled.lines()):
        refusal = not_offered_any_more()
    filling: Filling | None = None
    if sight.wishes:
        filling = fill(sight.wishes, by_id, locale())
        filled = filled.filled_with(filling.quantities)
    trends = container().trends.of(offer.series_id for offer in sight.stock.offers if offer.series_id)
    writer = RowWriter(filled, refusal, trends, formats())
    model = OrderPageModel(
        store=sight.store,
        has_other_stores=sight.has_other_stores,
        cycle=sight.cycle,
        left=TimeLeft.between(sight.cycle.server_time, sight.cycle.cutoff_at),
        order=order,
        offers_copy=order is None and sight.standing.has_older and not filled.lines(),
        typed=filled,
        stock=sight.stock,
        arranged=arrange(map(writer.row, sight.stock.offers), sight.stock),
        refusal=refusal,
        filling=filling,
        asked_for_limits="limits" in request.form,
        rendered_at_ms=sight.at_ms,
    )
    page = render_template(template, page=model, words=order_page_words(), here="order", here_path=model.address)
    return Response(page, refusal.status if refusal else 200, mimetype="text/html")
