"""The events of this service, as their readers expect them (`events/schemas`)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from orders.application.day_reports import DaySums, ListedOffer, PriceList
from orders.application.ports import ContactRecord, Fact, StoreRecord
from orders.domain.cycle import Cycle
from orders.domain.order import LockedOffer, Order
from orders.domain.packs import pack_in
from orders.domain.people import Actor

MAX_OFFERS_PER_EVENT = 200
MAX_OFFER_BYTES_PER_EVENT = 240_000
MAX_STORES_PER_EVENT = 5_000
"""Of 39 bytes each; as many as the schema allows."""
MAX_PACK_ES_CHARACTERS = 120
MAX_MARKET_PACK_CHARACTERS = 64
"""The longest of two months' reports has 61, in either language; a hundred of them must fit into an opening."""


def order_fact(
    action: str, order: Order, cycle: Cycle, *, actor: Actor, changes: Sequence[Mapping[str, object]], reason: str
) -> Fact:
    """Describe what happened to an order; `action` is placed, amended or cancelled."""
    in_order = {line.offer_id for line in order.lines}
    data = {
        "order_id": order.id,
        "number": order.number,
        "store_id": order.store_id,
        "store_name": order.store_name,
        "cycle_id": cycle.id,
        "cycle_name": cycle.name,
        "delivery_on": cycle.delivery_on.isoformat(),
        "cutoff_at": timestamp(cycle.cutoff_at),
        "state": order.state.value,
        "version": order.version,
        "lines": [
            {
                "offer_id": line.offer_id,
                "name": line.name,
                "name_es": line.name_es,
                **_packs(line.pack),
                "quantity": line.quantity,
                "unit_price_cents": line.unit_price_cents,
                "total_cents": line.total_cents,
                "shorted": line.shorted,
            }
            for line in order.lines
        ],
        "total_cents": order.total_cents,
        "note": order.note,
        "actor": {"person_id": actor.person_id, "role": actor.role.value},
        "changes": [_told(change, in_order) for change in changes],
        "reason": reason,
    }
    return Fact(f"orders.order.{action}.v1", order.id, data)


def _packs(pack: str) -> dict[str, str]:
    """Return `pack`, and `pack_es` unless it reads the same; bounded, since the largest event must fit."""
    spanish = pack_in(pack, "es")[:MAX_PACK_ES_CHARACTERS]
    return {"pack": pack} if spanish == pack else {"pack": pack, "pack_es": spanish}


def _told(change: Mapping[str, object], in_order: set[str]) -> dict[str, object]:
    """Leave out the names of lines that the event lists anyway; those of the largest order would not fit twice."""
    if change.get("offer_id") not in in_order:
        return dict(change)
    return {name: value for name, value in change.items() if name not in ("name", "name_es")}


def offers_changed(cycle_id: str, offers: Sequence[LockedOffer]) -> Iterator[Fact]:
    """Describe offers as they stand now, split so that no event grows too large."""
    parts = list(_parts([offer_body(offer) for offer in offers]))
    for number, part in enumerate(parts, start=1):
        data = {"cycle_id": cycle_id, "offers": part, "part": number, "parts": len(parts)}
        yield Fact("orders.offers.changed.v1", cycle_id, data)


def _parts(bodies: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut a list where an event would hold too many offers or too many bytes: a name may be 80 letters of 4 bytes."""
    part: list[dict[str, Any]] = []
    part_bytes = 0
    for body in bodies:
        body_bytes = len(json.dumps(body, ensure_ascii=False).encode())
        if part and (len(part) == MAX_OFFERS_PER_EVENT or part_bytes + body_bytes > MAX_OFFER_BYTES_PER_EVENT):
            yield part
            part, part_bytes = [], 0
        part.append(body)
        part_bytes += body_bytes
    if part:
        yield part


def offer_body(offer: LockedOffer) -> dict[str, Any]:
    return {
        "offer_id": offer.id,
        "version": offer.version,
        "name": offer.name,
        "name_es": offer.name_es,
        "pack": offer.pack,
        "unit_price_cents": offer.unit_price_cents,
        "remaining": offer.remaining,
        "available": offer.available,
        "ordered": offer.ordered,
        "case_size": offer.case_size,
        "cutoff_at": timestamp(offer.cutoff_at) if offer.cutoff_at else None,
    }


def cycle_fact(verb: str, cycle: Cycle, server_time: datetime, **more: object) -> Fact:
    """Describe a market day that was scheduled, opened, is closing, closed or was cancelled."""
    data = {
        "cycle_id": cycle.id,
        "name": cycle.name,
        "state": cycle.state.value,
        "opens_at": timestamp(cycle.opens_at),
        "cutoff_at": timestamp(cycle.cutoff_at),
        "delivery_on": cycle.delivery_on.isoformat(),
        "server_time": timestamp(server_time),
        **more,
    }
    return Fact(f"orders.cycle.{verb}.v1", cycle.id, data)


def closing(cycle: Cycle, server_time: datetime, stores: Sequence[str]) -> Iterator[Fact]:
    """Describe a market day that closes soon, in parts where more stores than an event holds have no order."""
    starts = range(0, len(stores), MAX_STORES_PER_EVENT) or (0,)
    for number, start in enumerate(starts, start=1):
        part = {"part": number, "parts": len(starts)} if len(starts) > 1 else {}
        listed = list(stores[start : start + MAX_STORES_PER_EVENT])
        yield cycle_fact("closing", cycle, server_time, stores_without_order=listed, **part)


def price_list(found: PriceList) -> dict[str, object]:
    """Return what an opening tells of its offers: a bounded choice, and how many there are."""
    return {"price_list": [_listed(offer) for offer in found.offers], "offers_total": found.total}


def _listed(offer: ListedOffer) -> dict[str, object]:
    told: dict[str, object] = {
        "offer_id": offer.offer_id,
        "name": offer.name,
        "name_es": offer.name_es,
        **_packs(offer.pack),
        "unit_price_cents": offer.unit_price_cents,
    }
    if offer.last_unit_price_cents is not None:
        told["last_unit_price_cents"] = offer.last_unit_price_cents
    if offer.series_id is not None:
        told["series_id"] = offer.series_id
        told |= _market_packs(offer.market_pack)
    return told


def _market_packs(pack: str) -> dict[str, str]:
    """Return what the market quotes the series in; one longer than any report ever had is not told rather than cut."""
    spanish = pack_in(pack, "es")
    if not pack or max(len(pack), len(spanish)) > MAX_MARKET_PACK_CHARACTERS:
        return {}
    return {"market_pack": pack} if spanish == pack else {"market_pack": pack, "market_pack_es": spanish}


def day_sums(sums: DaySums) -> dict[str, object]:
    """Return what a close tells of the day's orders."""
    return {
        "summary": {
            "orders": sums.orders,
            "stores_without_order": sums.stores_without_order,
            "units": sums.units,
            "shorted": sums.shorted,
            "total_cents": sums.total_cents,
            "products": sums.products,
            "top": [
                {
                    "name": line.name,
                    "name_es": line.name_es,
                    **_packs(line.pack),
                    "quantity": line.quantity,
                    "shorted": line.shorted,
                }
                for line in sums.top
            ],
        }
    }


def store_changed(store: StoreRecord) -> Fact:
    data = {
        "store_id": store.id,
        "name": store.name,
        "active": store.active,
        "wants_reminder": store.wants_reminder,
        "people": list(store.people),
    }
    return Fact("orders.store.changed.v1", store.id, data)


def contact_changed(contact: ContactRecord, time_zone: str) -> Fact:
    data = {
        "person_id": contact.person_id,
        "email": contact.email,
        "name": contact.name,
        "locale": contact.locale,
        "time_zone": time_zone,
        "role": contact.role.value,
        "store_ids": list(contact.store_ids),
        "active": contact.active,
        "version": contact.version,
    }
    return Fact("accounts.contact.changed.v1", contact.person_id, data)


def link_issued(purpose: str, person_id: str, link: str, expires_at: datetime) -> Fact:
    """Hand a one-time link to notify; the outbox forgets it when it expires."""
    verb = {"invitation": "invitation.issued", "password_reset": "password_reset.requested"}[purpose]
    data = {"person_id": person_id, "link": link, "expires_at": timestamp(expires_at)}
    return Fact(f"accounts.{verb}.v1", person_id, data, expires_at)


def password_changed(person_id: str, at: datetime) -> Fact:
    """Tell the owner of a password, by notify, that it was chosen or changed."""
    return Fact("accounts.password.changed.v1", person_id, {"person_id": person_id, "at": timestamp(at)})


def signed_out(person_id: str, until: datetime, *, session_id: str | None = None, token_id: str | None = None) -> Fact:
    """Tell the other services what not to accept any more, until it would have expired anyway."""
    data: dict[str, Any] = {"person_id": person_id, "until": timestamp(until)}
    if session_id is not None:
        data["session_id"] = session_id
    if token_id is not None:
        data["token_id"] = token_id
    return Fact("orders.person.signed_out.v1", person_id, data)


def timestamp(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
