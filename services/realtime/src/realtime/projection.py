"""What of an event is shown on which channel: an allow-list of fields, never the event itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mercadito_events.envelope import Event, MalformedEvent

MAX_TEXT_CHARS = 300
MAX_NUMBER = 2**53
"""What every JSON reader, browsers included, takes for the same number."""


@dataclass(frozen=True, slots=True)
class News:
    """One message for one channel.

    ``key`` names the thing whose value this is: while messages wait for the next tick, only the latest of a key is
    kept. None means that each message counts for itself and is sent at once.
    """

    channel: str
    kind: str
    data: Mapping[str, Any]
    version: int | None = None
    key: str | None = None


def news_of(event: Event) -> list[News]:
    """Return what watchers are told of this event; nothing for events that no channel shows.

    Raises:
        MalformedEvent: a field that is shown is missing or is not a plain value.

    """
    project = _PROJECTIONS.get(event.type)
    return project(event) if project else []


def _offers(event: Event) -> list[News]:
    cycle_id = _identifier(event.data, "cycle_id")
    news = []
    for offer in _list(event.data, "offers"):
        data = _picked(offer, ("offer_id", "remaining", "available", "unit_price_cents"))
        data |= _picked(offer, tuple(field for field in ("ordered", "case_size") if field in offer))
        version, key = _version(offer), f"offer:{_identifier(offer, 'offer_id')}"
        news += [News(channel, "offer", data, version, key) for channel in (f"cycle:{cycle_id}", "staff")]
    return news


def _order(event: Event) -> list[News]:
    fields = ("order_id", "number", "store_id", "store_name", "state", "version", "total_cents")
    data = _picked(event.data, fields)
    store_id = _identifier(event.data, "store_id")
    return [News(channel, "order", data, _version(event.data)) for channel in (f"store:{store_id}", "staff")]


def _comment(event: Event) -> list[News]:
    data = _picked(event.data, ("order_id", "number", "store_id", "store_name", "comment_id", "text", "at"))
    author = event.data.get("actor")
    if not isinstance(author, Mapping):
        raise MalformedEvent("actor is missing")
    data |= {"role": _text(author, "role"), "name": _plain({"name": "", **author}, "name")}
    store_id = _identifier(event.data, "store_id")
    return [News(channel, "comment", data) for channel in (f"store:{store_id}", "staff")]


# A cycle's events say in their name what became of it; "closing" is the warning before the cutoff, still open.
_CYCLE_STATES = {
    "orders.cycle.scheduled.v1": "scheduled",
    "orders.cycle.opened.v1": "open",
    "orders.cycle.closing.v1": "open",
    "orders.cycle.closed.v1": "closed",
    "orders.cycle.packing.v1": "packing",
    "orders.cycle.cancelled.v1": "cancelled",
}


def _cycle(event: Event) -> list[News]:
    cycle_id = _identifier(event.data, "cycle_id")
    data = {"cycle_id": cycle_id, "state": _CYCLE_STATES[event.type], **_picked(event.data, ("cutoff_at",))}
    version = _version(event.data) if "version" in event.data else None
    return [News(channel, "cycle", data, version) for channel in (f"cycle:{cycle_id}", "staff")]


def _signed_out(event: Event) -> list[News]:
    everywhere = event.data.get("session_id") is None and event.data.get("token_id") is None
    return [News(f"person:{_identifier(event.data, 'person_id')}", "signed_out", {"all": everywhere})]


def _task(event: Event) -> list[News]:
    data = _picked(event.data, ("task_id", "kind", "state"))
    data |= {"done": _count(event.data.get("done")), "total": _count(event.data.get("total"))}
    if data["done"] is None:
        raise MalformedEvent("done is not a whole number")
    return [News(f"person:{_identifier(event.data, 'person_id')}", "task", data)]


def _prices(event: Event) -> list[News]:
    news = []
    for quote in _list(event.data, "quotes"):
        data = _picked(quote, ("series_id", "date", "low", "high", "reference"))
        key = f"price:{_identifier(quote, 'series_id')}:{data['date']}"
        news.append(News("prices", "price", data, None, key))
    for taken in _list({"withdrawn": [], **event.data}, "withdrawn"):
        data = {**_picked(taken, ("series_id", "date")), "low": None, "high": None, "reference": None}
        key = f"price:{_identifier(taken, 'series_id')}:{data['date']}"
        news.append(News("prices", "price", data, None, key))
    return news


def _crawl(event: Event) -> list[News]:
    state = "failed" if event.type == "usda.crawl.failed.v1" else _text(event.data, "state")
    data = {"crawl_id": _identifier(event.data, "crawl_id"), "state": state}
    counted = {name: _count(event.data.get(name)) for name in ("files", "files_total", "rows", "problems")}
    return [News("crawls", "crawl", {**data, **counted})]


_PROJECTIONS: dict[str, Callable[[Event], list[News]]] = {
    "orders.offers.changed.v1": _offers,
    "orders.order.placed.v1": _order,
    "orders.order.amended.v1": _order,
    "orders.order.cancelled.v1": _order,
    "orders.order.packed.v1": _order,
    "orders.order.delivered.v1": _order,
    "orders.comment.posted.v1": _comment,
    **dict.fromkeys(_CYCLE_STATES, _cycle),
    "orders.person.signed_out.v1": _signed_out,
    "orders.task.progressed.v1": _task,
    "usda.price.recorded.v1": _prices,
    "usda.crawl.progressed.v1": _crawl,
    "usda.crawl.failed.v1": _crawl,
}
SHOWN = frozenset(_PROJECTIONS)


def _picked(data: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: _plain(data, field) for field in fields}


def _plain(data: Mapping[str, Any], field: str) -> str | int | float | bool | None:
    if field not in data:
        raise MalformedEvent(f"{field} is missing")
    value = data[field]
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        return value[:MAX_TEXT_CHARS]
    if value is None or isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER):
        return value
    raise MalformedEvent(f"{field} is not a plain value")


def _text(data: Mapping[str, Any], field: str) -> str:
    value = _plain(data, field)
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"{field} is not a text")
    return value


# Ids become part of channel names: what no client could subscribe to is refused here too.
def _identifier(data: Mapping[str, Any], field: str) -> str:
    value = _text(data, field)
    if len(value) > _MAX_ID_CHARS or not value.replace("-", "").replace("_", "").isalnum() or not value.isascii():
        raise MalformedEvent(f"{field} is not an id")
    return value


_MAX_ID_CHARS = 64


def _version(data: Mapping[str, Any]) -> int:
    value = data.get("version")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
        raise MalformedEvent("version is not a whole number")
    return value


def _list(data: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    value = data.get(field)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise MalformedEvent(f"{field} is not a list of objects")
    return value


def _count(value: object) -> int | None:
    """Return a number as it is and a list's length: how many problems there were is news, their text is not."""
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER else None
