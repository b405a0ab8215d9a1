"""`ProductQueries` on PostgreSQL."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from orders.adapters.availability import lent
from orders.adapters.cursors import as_text, as_uuid, page_of, read_cursor
from orders.adapters.products import stored_product
from orders.adapters.read_rows import quote_view, timeline_entry
from orders.application.product_queries import (
    OfferedPrice,
    ProductFilter,
    ProductView,
    SeriesFilter,
    SeriesView,
    suggest,
    words_of,
)
from orders.application.product_store import StoredProduct
from orders.application.products import ENTITY
from orders.application.queries import Page, TimelineEntry
from orders.domain.cycle import CycleState
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor

MAX_CATEGORIES = 500
MAX_PRICES = 30
MAX_TIMELINE = 100
EXPORT_BATCH = 1_000

# The words are brought into the form that is stored once a statement, not once a row.
_FITS = (
    "search_text LIKE ALL (ARRAY(SELECT '%' || replace(replace(replace(search_form(word), '\\', '\\\\'), '%', '\\%'),"
    " '_', '\\_') || '%' FROM unnest(CAST(:words AS text[])) AS word))"
)
_PRODUCT = (
    "SELECT p.id, p.version, p.name, p.name_es, p.category, p.pack, p.series_id, p.units_per_package, p.yield_share,"
    " p.markup, p.floor_cents, p.ceiling_cents, p.case_size, p.active, q.market, q.report_id, q.quoted_on, q.low,"
    " q.high, q.reference, q.commodity, q.variety, q.package, q.size, clock_timestamp() AS server_time"
    " FROM products p LEFT JOIN series_quotes q ON q.series_id = p.series_id"
)
_ONE = text(f"{_PRODUCT} WHERE p.id = CAST(:id AS uuid)")
_PRODUCTS = text(
    f"{_PRODUCT} WHERE p.{_FITS} AND (CAST(:category AS text) IS NULL OR p.category = :category)"
    " AND (CAST(:active AS boolean) IS NULL OR p.active = :active) AND (NOT :unmapped OR q.series_id IS NULL)"
    " AND (CAST(:after_id AS uuid) IS NULL OR (p.category, p.name, p.id) > (:after_category, :after_name, :after_id))"
    " ORDER BY p.category, p.name, p.id LIMIT :limit"
)
_CATEGORIES = text("SELECT DISTINCT category FROM products ORDER BY category LIMIT :limit")
_PRICES = text(
    "SELECT c.id, c.name, c.state, c.delivery_on, o.unit_price_cents, coalesce((SELECT sum(l.quantity)"
    " FROM order_lines l JOIN orders r ON r.id = l.order_id AND r.state <> 'cancelled' WHERE l.offer_id = o.id), 0)"
    " AS ordered FROM offers o JOIN cycles c ON c.id = o.cycle_id WHERE o.product_id = CAST(:id AS uuid)"
    " ORDER BY c.delivery_on DESC, c.cutoff_at DESC, c.id LIMIT :limit"
)
_TIMELINE = text(
    "SELECT a.at, a.action, p.name AS actor_name, a.role, a.changes, a.reason FROM audit a"
    " LEFT JOIN people p ON p.id = a.person_id WHERE a.entity = :entity AND a.entity_id = CAST(:id AS uuid)"
    " ORDER BY a.id DESC LIMIT :limit"
)
_SERIES = (
    "SELECT series_id, market, report_id, commodity, variety, package, size, organic, quoted_on, low, high, reference,"
    " clock_timestamp() AS server_time FROM series_quotes"
)
_ONE_SERIES = text(f"{_SERIES} WHERE series_id = CAST(:id AS uuid)")
_ALL_SERIES = text(
    f"{_SERIES} WHERE {_FITS}"
    " AND (CAST(:commodity AS text) IS NULL OR lower(commodity) = lower(:commodity))"
    " AND (CAST(:market AS text) IS NULL OR lower(market) = lower(:market))"
    " AND (CAST(:after_id AS uuid) IS NULL OR (commodity, variety, package, size, market, series_id)"
    " > (:after_commodity, :after_variety, :after_package, :after_size, :after_market, :after_id))"
    " ORDER BY commodity, variety, package, size, market, series_id LIMIT :limit"
)


class SqlProductQueries:
    """Reads of products; `usda_today` dates the market for recorded price files."""

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def products(self, actor: Actor, wanted: ProductFilter, *, limit: int, cursor: str | None) -> Page[ProductView]:
        """Page through products by category and name."""
        actor.require_staff()
        after = read_cursor(cursor, as_text, as_text, as_uuid) or (None, None, None)
        with lent(self._engine) as connection:
            found = connection.execute(_PRODUCTS, _product_values(wanted, after, limit + 1)).all()
        views = [self._product_view(row) for row in found]
        return page_of(views, limit, lambda view: [view.product.category, view.product.name, view.id])

    def every(self, actor: Actor, wanted: ProductFilter) -> Iterator[StoredProduct]:
        """Go through all products that fit, a bounded piece at a time, so that no connection is kept waiting."""
        actor.require_staff()
        after: tuple[str | None, ...] = (None, None, None)
        while True:
            with lent(self._engine) as connection:
                found = connection.execute(_PRODUCTS, _product_values(wanted, after, EXPORT_BATCH)).all()
            yield from map(stored_product, found)
            if len(found) < EXPORT_BATCH:
                return
            after = (found[-1].category, found[-1].name, str(found[-1].id))

    def product(self, actor: Actor, product_id: str) -> ProductView:
        """Return one product with its quote and suggested price."""
        actor.require_staff()
        with lent(self._engine) as connection:
            row = connection.execute(_ONE, {"id": product_id}).one_or_none() if is_id(product_id) else None
        if row is None:
            raise NotFound("no such product")
        return self._product_view(row)

    def categories(self, actor: Actor) -> tuple[str, ...]:
        """List the categories in use."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return tuple(connection.scalars(_CATEGORIES, {"limit": MAX_CATEGORIES}))

    def prices(self, actor: Actor, product_id: str) -> tuple[OfferedPrice, ...]:
        """Return what a product was offered at, the latest market day first."""
        actor.require_staff()
        with lent(self._engine) as connection:
            found = connection.execute(_PRICES, {"id": product_id, "limit": MAX_PRICES}).all()
        return tuple(
            OfferedPrice(
                cycle_id=str(row.id),
                cycle_name=row.name,
                state=CycleState(row.state),
                delivery_on=row.delivery_on,
                unit_price_cents=row.unit_price_cents,
                ordered=int(row.ordered),
            )
            for row in found
        )

    def timeline(self, actor: Actor, product_id: str) -> tuple[TimelineEntry, ...]:
        """Return the audit trail of a product, the latest first."""
        actor.require_staff()
        values = {"entity": ENTITY, "id": product_id, "limit": MAX_TIMELINE}
        with lent(self._engine) as connection:
            return tuple(map(timeline_entry, connection.execute(_TIMELINE, values)))

    def series(self, actor: Actor, wanted: SeriesFilter, *, limit: int, cursor: str | None) -> Page[SeriesView]:
        """Page through series by commodity, variety, package, size and market."""
        actor.require_staff()
        kinds = (as_text,) * 5
        after = read_cursor(cursor, *kinds, as_uuid) or (None,) * 6
        names = ("after_commodity", "after_variety", "after_package", "after_size", "after_market", "after_id")
        values = {
            "words": words_of(wanted.text),
            "commodity": wanted.commodity,
            "market": wanted.market,
            **dict(zip(names, after, strict=True)),
            "limit": limit + 1,
        }
        with lent(self._engine) as connection:
            found = connection.execute(_ALL_SERIES, values).all()
        return page_of([self._series_view(row) for row in found], limit, _place)

    def one_series(self, actor: Actor, series_id: str) -> SeriesView | None:
        """Return a series, or None when no quote of it is known."""
        actor.require_staff()
        if not is_id(series_id):
            return None
        with lent(self._engine) as connection:
            row = connection.execute(_ONE_SERIES, {"id": series_id}).one_or_none()
        return None if row is None else self._series_view(row)

    def _product_view(self, row: Row[Any]) -> ProductView:
        stored = stored_product(row)
        if row.reference is None:
            return ProductView(stored)
        today = self._today(row.server_time)
        quote = quote_view(row, today)
        age_days = max((today - quote.quoted_on).days, 0)
        return ProductView(stored, quote, suggest(stored.product, quote.reference), age_days)

    def _series_view(self, row: Row[Any]) -> SeriesView:
        return SeriesView(quote_view(row, self._today(row.server_time)), row.organic)

    def _today(self, server_time: datetime) -> date:
        return self._usda_today or server_time.astimezone(self._time_zone).date()


def _place(series: SeriesView) -> list[str | int]:
    quote = series.quote
    return [quote.commodity, quote.variety, quote.package, quote.size, quote.market, quote.series_id]


def _product_values(wanted: ProductFilter, after: tuple[Any, ...], limit: int) -> dict[str, Any]:
    return {
        "words": words_of(wanted.text),
        "category": wanted.category,
        "active": wanted.active,
        "unmapped": wanted.unmapped,
        "after_category": after[0],
        "after_name": after[1],
        "after_id": after[2],
        "limit": limit,
    }
