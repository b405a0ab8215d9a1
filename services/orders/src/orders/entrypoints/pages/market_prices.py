"""The market prices: searched and drawn in the browser, from the price service; what is our own comes with the page."""

import time
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, render_template, request

from orders.application.market_prices import OfferedSeries, SoldProduct
from orders.application.product_queries import SeriesView
from orders.application.queries import QuoteView
from orders.application.shop import plain
from orders.domain import packs
from orders.domain.pricing import STALE_AFTER_BUSINESS_DAYS
from orders.entrypoints.identity import container
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.formats import CENTS
from orders.entrypoints.pages.price_words import market_search_words, market_series_words
from orders.entrypoints.pages.product_words import signed, usd
from orders.entrypoints.pages.reader import locale, private, signed_in
from orders.entrypoints.pages.site import site

MAX_OFFERED = 200
MAX_SEARCH_CHARACTERS = 100

blueprint = Blueprint("market_prices", __name__)


@blueprint.get("/prices")
@private
def index() -> Response:
    """Show the search, and the series of what is on offer for a start without one."""
    signed_in()
    q = field_text(request.args, "q", MAX_SEARCH_CHARACTERS).strip()
    found = container().market_prices.offered(MAX_OFFERED + 1)
    offered = sorted((_Offered(name_of(each), each.series.quote) for each in found[:MAX_OFFERED]), key=_by_name)
    return _drawn(
        "pages/market_prices.html",
        q=q,
        offered=offered,
        fitting={each for each in offered if _is_named(each, q)},
        is_cut=len(found) > MAX_OFFERED,
        trends=container().trends.of(each.quote.series_id for each in offered),
        price_range=price_range,
        signed=signed,
        words=market_search_words(),
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
        back=f"/prices?{urlencode({'commodity': known.quote.commodity})}" if known else "/prices",
        sold=sold,
        own=[_as_read_by_the_chart(product) for product in sold],
        a_package=a_package,
        words=market_series_words(),
    )


def a_package(product: SoldProduct, unit_price_cents: int) -> int:
    """Return in cents what as much as a market package holds costs with us, half up."""
    return int((unit_price_cents * product.units_per_package).quantize(Decimal(1), ROUND_HALF_UP))


def name_of(product: OfferedSeries) -> str:
    """Return what the reader calls it."""
    return product.product_name_es if locale() == "es" else product.product_name


@dataclass(frozen=True, slots=True)
class _Offered:
    """Something on sale, by the reader's name for it, and what the market asks for it."""

    name: str
    quote: QuoteView


def _by_name(offered: _Offered) -> str:
    return plain(offered.name)


def _is_named(offered: _Offered, q: str) -> bool:
    """Tell whether it has all the words, in the reader's language or as the USDA calls it."""
    text = plain(f"{offered.name} {offered.quote.commodity} {offered.quote.variety}")
    return all(word in text for word in plain(q).split())


def price_range(quote: QuoteView) -> str:
    """Write what was asked for a package: lowest and highest, or the one price there is."""
    low, high = (usd(price if price is not None else quote.reference) for price in (quote.low, quote.high))
    return low if low == high else f"{low}\u2013{high}"


def _drawn(template: str, **facts: Any) -> Response:
    body = render_template(
        template,
        glossary=packs.glossary(locale()),
        today=market_day().isoformat(),
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


def market_day() -> date:
    """Return the market's day: recorded files may set it."""
    hub = site().hub
    return hub.usda_today or datetime.now(hub.time_zone).date()
