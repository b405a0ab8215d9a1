"""What a person may ask for; frozen, checked by the use cases, built by the entry points."""

from collections.abc import Mapping
from dataclasses import dataclass

from orders.domain.order import LineRequest, OnShortage
from orders.domain.people import Actor


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """`told` are changes beside those of the lines that audit and event tell, such as what a standing order dropped."""

    actor: Actor
    cycle_id: str
    store_id: str
    lines: tuple[LineRequest, ...]
    note: str = ""
    on_shortage: OnShortage = OnShortage.REJECT
    reason: str = ""
    told: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class AmendOrder:
    """`lines` replace those of the order; a line that doesn't grow keeps its price; `note` None keeps the note."""

    actor: Actor
    order_id: str
    expected_version: int | None
    lines: tuple[LineRequest, ...]
    note: str | None = None
    on_shortage: OnShortage = OnShortage.REJECT
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    actor: Actor
    order_id: str
    expected_version: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Where a sign-in comes from; `address` is the one the gateway vouches for, `name` says browser and system."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key: it belongs to a person, and to one request (method, path and body, hashed)."""

    person_id: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer that can be given again: what is kept beside an idempotency key."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()
