"""Rows into what pages and the API read."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Row

from orders.application.queries import (
    Change,
    CycleView,
    LineView,
    MailView,
    OfferTotal,
    OfferView,
    OrderSummary,
    OrderView,
    QuoteView,
    StoreView,
    TimelineEntry,
)
from orders.domain.cycle import CycleState
from orders.domain.order import OrderState
from orders.domain.people import Role
from orders.domain.pricing import is_stale, suggested_price_cents


def store_view(row: Row[Any]) -> StoreView:
    return StoreView(str(row.id), row.name, row.route)


def cycle_view(row: Row[Any]) -> CycleView:
    return CycleView(
        id=str(row.id),
        name=row.name,
        state=CycleState(row.state),
        opens_at=row.opens_at,
        cutoff_at=row.cutoff_at,
        delivery_on=row.delivery_on,
        server_time=row.server_time,
    )


def offer_view(row: Row[Any], today: date) -> OfferView:
    quote = None if row.reference is None else quote_view(row, today)
    return OfferView(
        id=str(row.id),
        product_id=str(row.product_id),
        name=row.name,
        name_es=row.name_es,
        category=row.category,
        pack=row.pack,
        series_id=None if row.series_id is None else str(row.series_id),
        unit_price_cents=row.unit_price_cents,
        available=row.available,
        remaining=row.remaining,
        max_per_store=row.max_per_store,
        version=row.version,
        quote=quote,
        suggested_price_cents=None if quote is None else _suggested(row),
        ordered=row.ordered,
        shorted=row.shorted,
        ordered_by_all=None if row.ordered_by_all is None else int(row.ordered_by_all),
        case_size=row.case_size,
        cutoff_at=row.cutoff_at,
        agreed_unit_price_cents=row.agreed_unit_price_cents,
        max_unit_price_cents=row.max_unit_price_cents,
    )


def _suggested(row: Row[Any]) -> int:
    return suggested_price_cents(
        row.reference,
        units_per_package=row.units_per_package,
        yield_share=row.yield_share,
        markup=row.markup,
        floor_cents=row.floor_cents,
        ceiling_cents=row.ceiling_cents,
    )


def quote_view(row: Row[Any], today: date) -> QuoteView:
    return QuoteView(
        series_id=str(row.series_id),
        market=row.market,
        report_id=row.report_id,
        quoted_on=row.quoted_on,
        low=row.low,
        high=row.high,
        reference=row.reference,
        stale=is_stale(row.quoted_on, today),
        commodity=row.commodity,
        variety=row.variety,
        package=row.package,
        size=row.size,
    )


def order_summary(row: Row[Any]) -> OrderSummary:
    return OrderSummary(
        id=str(row.id),
        number=row.number,
        state=OrderState(row.state),
        version=row.version,
        cycle_id=str(row.cycle_id),
        cycle_name=row.cycle_name,
        delivery_on=row.delivery_on,
        store_id=str(row.store_id),
        store_name=row.store_name,
        line_count=row.line_count,
        total_cents=row.total_cents,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
    )


def order_view(row: Row[Any], lines: Iterable[Row[Any]]) -> OrderView:
    editable = row.state == OrderState.PLACED and row.cycle_state == CycleState.OPEN and row.server_time < row.cutoff_at
    return OrderView(
        id=str(row.id),
        number=row.number,
        state=OrderState(row.state),
        version=row.version,
        cycle_id=str(row.cycle_id),
        cycle_name=row.cycle_name,
        delivery_on=row.delivery_on,
        cutoff_at=row.cutoff_at,
        store_id=str(row.store_id),
        store_name=row.store_name,
        lines=tuple(map(line_view, lines)),
        total_cents=row.total_cents,
        note=row.note,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
        editable_until=row.cutoff_at if editable else None,
    )


def line_view(row: Row[Any]) -> LineView:
    return LineView(
        offer_id=str(row.offer_id),
        name=row.name,
        name_es=row.name_es,
        pack=row.pack,
        quantity=row.quantity,
        unit_price_cents=row.unit_price_cents,
        total_cents=row.quantity * row.unit_price_cents,
        shorted=row.shorted,
        max_unit_price_cents=row.max_unit_price_cents,
    )


def timeline_entry(row: Row[Any]) -> TimelineEntry:
    return TimelineEntry(
        at=row.at,
        action=row.action,
        actor_name=row.actor_name,
        actor_role=None if row.role is None else Role(row.role),
        changes=tuple(map(_change, row.changes)),
        reason=row.reason,
    )


def _change(stored: Mapping[str, Any]) -> Change:
    return Change(
        field=stored["field"],
        old=stored.get("old"),
        new=stored.get("new"),
        offer_id=stored.get("offer_id"),
        name=stored.get("name"),
        name_es=stored.get("name_es"),
    )


def mail_view(row: Row[Any]) -> MailView:
    return MailView(
        message_id=row.message_id,
        kind=row.kind,
        state=row.state,
        at=row.at,
        reason=row.reason,
        person_name=row.person_name,
        order_id=None if row.order_id is None else str(row.order_id),
        order_number=row.order_number,
        store_name=row.store_name,
    )


def offer_total(row: Row[Any]) -> OfferTotal:
    return OfferTotal(
        offer_id=str(row.offer_id),
        name=row.name,
        name_es=row.name_es,
        pack=row.pack,
        unit_price_cents=row.unit_price_cents,
        ordered=int(row.ordered),
        stores=row.stores,
        available=row.available,
        remaining=row.remaining,
    )
