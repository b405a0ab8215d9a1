"""The market prices: searched and drawn in the browser, from the price service; what is our own comes with the page."""

import time
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template

from orders.application.market_prices import SoldProduct
from orders.application.product_queries import SeriesView
from orders.domain import packs
from orders.domain.pricing import STALE_AFTER_BUSINESS_DAYS
from orders.entrypoints.identity import container
from orders.entrypoints.pages.formats import CENTS
from orders.entrypoints.pages.price_words import market_search_words, market_series_words
from orders.entrypoints.pages.reader import locale, private, signed_in
from orders.entrypoints.pages.site import site

MAX_OFFERED = 60

blueprint = Blueprint("market_prices", __name__)


@blueprint.get("/prices")
@private
def index() -> Response:
    """Show the search, and the series of what is on offer for a start without one."""
    signed_in()
    return _drawn(
        "pages/market_prices.html", offered=container().market_prices.offered(MAX_OFFERED), words=market_search_words()
    )


@blueprint.get("/prices/<uuid:series_id>")
@private
def series(series_id: UUID) -> Response:
    """Show one series; whether there is such a one the price service knows."""
    wanted = str(series_id)
    known = container().market_prices.known(wanted)
    sold = container().market_prices.sold(signed_in().actor, wanted)
    return _drawn(
        "pages/market_series.html",
        series_id=wanted,
        known=known,
        kind=_kind(known) if known else "",
        sold=sold,
        own=[_as_read_by_the_chart(product) for product in sold],
        a_package=a_package,
        words=market_series_words(),
    )


def a_package(product: SoldProduct, unit_price_cents: int) -> int:
    """Return in cents what as much as a market package holds costs with us, half up."""
    return int((unit_price_cents * product.units_per_package).quantize(Decimal(1), ROUND_HALF_UP))


def _drawn(template: str, **facts: Any) -> Response:
    body = render_template(
        template,
        glossary=packs.glossary(locale()),
        today=_today().isoformat(),
        stale_after=STALE_AFTER_BUSINESS_DAYS,
        rendered_at_ms=time.time_ns() // 1_000_000,
        market_tab="prices",
        here="prices",
        **facts,
    )
    return Response(body, mimetype="text/html")


def _as_read_by_the_chart(product: SoldProduct) -> dict[str, Any]:
    prices = [
        {
            "since": price.since.isoformat(),
            "until": price.until.isoformat(),
            "price": str(Decimal(a_package(product, price.unit_price_cents)) / CENTS),
        }
        for price in product.prices
    ]
    return {"name": product.name_es if locale() == "es" else product.name, "prices": prices}


def _kind(known: SeriesView) -> str:
    """Write what sets a series apart, as the script will."""
    quote = known.quote
    parts = (quote.variety, packs.pack_in(quote.package, locale()), packs.pack_in(quote.size, locale()))
    return f"{', '.join(part for part in parts if part)} · {quote.market}"


def _today() -> date:
    """Return the market's day: recorded files may set it."""
    hub = site().hub
    return hub.usda_today or datetime.now(hub.time_zone).date()
