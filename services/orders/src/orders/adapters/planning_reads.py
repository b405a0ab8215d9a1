"""`PlanningQueries` on PostgreSQL: few statements, however many offers there are."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from orders.adapters import planning_read_sql as sql
from orders.adapters import planning_sql
from orders.adapters.availability import lent
from orders.adapters.cursors import as_moment, as_number, as_text, as_uuid, page_of, read_cursor
from orders.adapters.cycles import cycle_of
from orders.adapters.planned_offers import suggestion_of
from orders.adapters.read_rows import timeline_entry
from orders.application.planning_ports import LeftOut
from orders.application.planning_queries import (
    Acceptable,
    Counted,
    DayList,
    DayView,
    OfferPlanView,
    ProductName,
    ProductPlanView,
    SuggestionView,
)
from orders.application.queries import Page, TimelineEntry
from orders.domain.errors import NotFound
from orders.domain.order import is_id
from orders.domain.people import Actor
from orders.domain.pricing import is_stale

MAX_DAYS_AHEAD = 100


class SqlPlanningQueries:
    """Reads for staff; `usda_today` dates the market for recorded price files."""

    def __init__(self, engine: Engine, time_zone: ZoneInfo, usda_today: date | None) -> None:
        self._engine = engine
        self._time_zone = time_zone
        self._usda_today = usda_today

    def days(self, actor: Actor, *, limit: int, cursor: str | None) -> DayList:
        """List market days; see the port."""
        actor.require_staff()
        after = read_cursor(cursor, as_moment, as_uuid) or (None, None)
        values = {"after_cutoff": after[0], "after_id": after[1], "limit": limit + 1}
        with lent(self._engine) as connection:
            ahead = tuple(map(_day, connection.execute(sql.DAYS_AHEAD, {"limit": MAX_DAYS_AHEAD})))
            past = tuple(map(_day, connection.execute(sql.DAYS_PAST, values)))
        return DayList(ahead, page_of(past, limit, lambda day: [day.cycle.cutoff_at.isoformat(), day.cycle.id]))

    def day(self, actor: Actor, cycle_id: str) -> DayView:
        """Return one market day."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return _day(_one(connection, sql.DAY, {"id": _known(cycle_id)}))

    def last_day(self, actor: Actor) -> DayView | None:
        """Return the market day to copy."""
        actor.require_staff()
        with lent(self._engine) as connection:
            row = connection.execute(sql.LAST_DAY).one_or_none()
        return None if row is None else _day(row)

    def offers(
        self, actor: Actor, cycle_id: str, *, limit: int, cursor: str | None, category: str | None, text: str | None
    ) -> Page[OfferPlanView]:
        """Page through a market day's offers."""
        actor.require_staff()
        after = read_cursor(cursor, as_text, as_text, as_uuid) or (None, None, None)
        values = {
            "cycle_id": _known(cycle_id),
            "category": category,
            "wanted": text,
            "after_category": after[0],
            "after_name": after[1],
            "after_id": after[2],
            "limit": limit + 1,
        }
        with lent(self._engine) as connection:
            found = self._offers(connection, connection.execute(sql.OFFERS, values).all())
        return page_of(found, limit, lambda offer: [offer.category, offer.name, offer.id])

    def offer(self, actor: Actor, offer_id: str) -> OfferPlanView:
        """Return one offer."""
        actor.require_staff()
        with lent(self._engine) as connection:
            return self._offers(connection, [_one(connection, sql.OFFER, {"id": _known(offer_id)})])[0]

    def offer_or_none(self, actor: Actor, offer_id: str) -> OfferPlanView | None:
        """Return one offer, or None when it was taken out."""
        try:
            return self.offer(actor, offer_id)
        except NotFound:
            return None

    def named(self, actor: Actor, offer_id: str) -> ProductName | None:
        """Return the product of an offer; see the port."""
        actor.require_staff()
        with lent(self._engine) as connection:
            row = connection.execute(sql.NAMED, {"id": _known(offer_id)}).one_or_none()
        return None if row is None else ProductName(row.name, row.name_es)

    def trail(self, actor: Actor, offer_id: str, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """Page through what happened to an offer, newest first."""
        actor.require_staff()
        before = read_cursor(cursor, as_number)
        values = {"id": _known(offer_id), "before": before[0] if before else None, "limit": limit + 1}
        with lent(self._engine) as connection:
            found = connection.execute(sql.TRAIL, values).all()
            if not found:
                _one(connection, sql.OFFER, {"id": offer_id})
        rows = page_of(found, limit, lambda row: [row.id])
        return Page(tuple(map(timeline_entry, rows.items)), rows.next_cursor)

    def categories(self, actor: Actor, cycle_id: str) -> tuple[Counted, ...]:
        """Count a market day's offers by category."""
        return self._counted(actor, sql.CATEGORIES, cycle_id)

    def product_categories(self, actor: Actor, cycle_id: str) -> tuple[Counted, ...]:
        """Count what is not offered yet by category."""
        return self._counted(actor, sql.PRODUCT_CATEGORIES, cycle_id)

    def acceptable(self, actor: Actor, cycle_id: str) -> Acceptable:
        """Count the prices that are not the suggested ones."""
        actor.require_staff()
        with lent(self._engine) as connection:
            rows = connection.execute(sql.PRICES, {"cycle_id": _known(cycle_id)}).all()
        differing = [
            row for row in rows if (one := suggestion_of(row)) and one.unit_price_cents != row.unit_price_cents
        ]
        stale = sum(1 for row in differing if is_stale(row.quoted_on, self._today(row.server_time)))
        return Acceptable(len(differing) - stale, stale)

    def left_out(self, actor: Actor, cycle_id: str) -> tuple[LeftOut, ...]:
        """Return what a copy left out."""
        actor.require_staff()
        with lent(self._engine) as connection:
            source = _one(connection, sql.DAY, {"id": _known(cycle_id)}).copied_from
            rows = connection.execute(planning_sql.LEFT_OUT, {"cycle_id": source}).all() if source else ()
        return tuple(LeftOut(row.name, row.name_es) for row in rows)

    def products(
        self, actor: Actor, cycle_id: str, *, limit: int, category: str | None, text: str | None
    ) -> tuple[ProductPlanView, ...]:
        """Return products that are not offered yet."""
        actor.require_staff()
        values = {"cycle_id": _known(cycle_id), "category": category, "wanted": text, "limit": limit}
        with lent(self._engine) as connection:
            rows = connection.execute(sql.PRODUCTS, values).all()
        return tuple(
            ProductPlanView(
                id=str(row.id),
                name=row.name,
                name_es=row.name_es,
                category=row.category,
                pack=row.pack,
                suggestion=self._suggestion(row),
                last_price_cents=row.last_price_cents,
            )
            for row in rows
        )

    def _counted(self, actor: Actor, statement: Any, cycle_id: str) -> tuple[Counted, ...]:
        actor.require_staff()
        with lent(self._engine) as connection:
            rows = connection.execute(statement, {"cycle_id": _known(cycle_id)})
            return tuple(Counted(row.category, row.number) for row in rows)

    def _offers(self, connection: Connection, rows: Any) -> tuple[OfferPlanView, ...]:
        ids = [str(row.id) for row in rows if row.available is None]
        counted = connection.execute(planning_sql.ORDERED, {"ids": ids}) if ids else ()
        ordered = {row.offer_id: int(row.ordered) for row in counted}
        return tuple(self._offer(row, ordered.get(row.id, 0)) for row in rows)

    def _offer(self, row: Row[Any], counted: int) -> OfferPlanView:
        return OfferPlanView(
            id=str(row.id),
            cycle_id=str(row.cycle_id),
            product_id=str(row.product_id),
            name=row.name,
            name_es=row.name_es,
            category=row.category,
            pack=row.pack,
            series_id=None if row.series_id is None else str(row.series_id),
            unit_price_cents=row.unit_price_cents,
            available=row.available,
            remaining=row.remaining,
            ordered=counted if row.available is None else row.available - row.remaining,
            max_per_store=row.max_per_store,
            case_size=row.case_size,
            cutoff_at=row.cutoff_at,
            version=row.version,
            is_withdrawn=row.withdrawn_at is not None,
            suggestion=self._suggestion(row),
        )

    def _suggestion(self, row: Row[Any]) -> SuggestionView | None:
        found = suggestion_of(row)
        if found is None:
            return None
        today = self._today(row.server_time)
        return SuggestionView(
            unit_price_cents=found.unit_price_cents,
            market=found.market,
            report_id=found.report_id,
            quoted_on=found.quoted_on,
            age_days=max(0, (today - found.quoted_on).days),
            stale=is_stale(found.quoted_on, today),
        )

    def _today(self, server_time: datetime) -> date:
        return self._usda_today or server_time.astimezone(self._time_zone).date()


def _day(row: Row[Any]) -> DayView:
    return DayView(cycle_of(row), row.server_time, row.offers, row.orders, int(row.total_cents))


def _known(text: str) -> str:
    if not is_id(text):
        raise NotFound("no such id")
    return text


def _one(connection: Connection, statement: Any, values: dict[str, Any]) -> Row[Any]:
    row = connection.execute(statement, values).one_or_none()
    if row is None:
        raise NotFound("not there")
    found: Row[Any] = row
    return found
