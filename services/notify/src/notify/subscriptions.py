"""Which events this service reads: its durables, their streams, and what handles each type of event."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import structlog
from mercadito_events.envelope import Event
from mercadito_events.inbox import Handler, Permanent
from sqlalchemy import Connection

from notify.market.assortment import keep_bought, keep_offers
from notify.market.quotes import Today, keep_quotes
from notify.queueing import intents
from notify.queueing.withdrawals import order_cancelled
from notify.recipients.contacts import change_contact
from notify.recipients.ordered import note_order
from notify.recipients.stores import change_store
from notify.revocations import sign_out

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One durable of a stream."""

    stream: str
    durable: str
    handlers: Mapping[str, Handler]


def subscriptions(today: Today) -> tuple[Subscription, ...]:
    """Return all of them; each is a durable of ``streams.yaml``. ``today`` is the market's day."""
    return (
        Subscription(
            "ACCOUNTS",
            "notify__accounts",
            {**intents.handlers("ACCOUNTS"), "accounts.contact.changed.v1": _both(change_contact, intents.look_again)},
        ),
        Subscription(
            "ORDERS",
            "notify__orders",
            {
                **_with(_with(intents.handlers("ORDERS"), _ABOUT_ORDERS), ABOUT_PRICES),
                "orders.person.signed_out.v1": sign_out,
                "orders.store.changed.v1": change_store,
            },
        ),
        Subscription(
            "USDA",
            "notify__usda",
            {**intents.handlers("USDA"), "usda.price.recorded.v1": partial(keep_quotes, today=today)},
        ),
    )


_ABOUT_ORDERS: Mapping[str, Handler] = {
    "orders.order.placed.v1": note_order,
    "orders.order.amended.v1": note_order,
    "orders.order.cancelled.v1": order_cancelled,
}


def _if_readable(keep: Handler) -> Handler:
    """Return a handler that passes over what it cannot read: no order's mail shall wait for what a digest remembers."""

    def handle(connection: Connection, event: Event) -> None:
        try:
            keep(connection, event)
        except Permanent as problem:
            _log.warning("not_kept_for_the_digest", event_id=event.id, problem=str(problem))

    return handle


ABOUT_PRICES: Mapping[str, Handler] = {
    "orders.cycle.opened.v1": _if_readable(keep_offers),
    "orders.order.placed.v1": _if_readable(keep_bought),
    "orders.order.amended.v1": _if_readable(keep_bought),
}
"""What the weekly digest remembers of events that cause a mail."""


def _with(mailed: Mapping[str, Handler], noted: Mapping[str, Handler]) -> dict[str, Handler]:
    """Return handlers of which some also take note of the event before it becomes a mail."""
    return {type_: _both(noted[type_], handle) if type_ in noted else handle for type_, handle in mailed.items()}


def _both(first: Handler, second: Handler) -> Handler:
    def handle(connection: Connection, event: Event) -> None:
        first(connection, event)
        second(connection, event)

    return handle
