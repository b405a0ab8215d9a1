"""What we read of each event, against the example that its publisher gives."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from mercadito_events.envelope import Event
from notify.day_readings import (
    CancelledDay,
    ClosedDay,
    ClosingDay,
    Comment,
    FailedCrawl,
    OpenedDay,
    Store,
    Task,
)
from notify.market.quotes import keep_quotes
from notify.market.readings import BoughtLines, MarketOffers, RecordedPrices
from notify.queueing.intents import handlers
from notify.readings import (
    ChangedOrder,
    ContactChange,
    MailedLink,
    PasswordChange,
    PlacedOrder,
    Reading,
    SignedOut,
)
from notify.recipients.contacts import change_contact
from notify.recipients.stores import change_store
from notify.revocations import sign_out
from notify.subscriptions import ABOUT_PRICES, subscriptions
from sqlalchemy import Engine, text
from world import REPOSITORY, SERVICE

READERS: dict[str, tuple[type[Reading], ...]] = {
    "orders.comment.posted.v1": (Comment,),
    "orders.cycle.cancelled.v1": (CancelledDay,),
    "orders.cycle.closed.v1": (ClosedDay,),
    "orders.cycle.closing.v1": (ClosingDay,),
    "orders.cycle.opened.v1": (OpenedDay, MarketOffers),
    "orders.store.changed.v1": (Store,),
    "orders.task.progressed.v1": (Task,),
    "usda.crawl.failed.v1": (FailedCrawl,),
    "orders.order.placed.v1": (PlacedOrder, BoughtLines),
    "orders.order.amended.v1": (ChangedOrder, BoughtLines),
    "orders.order.cancelled.v1": (ChangedOrder,),
    "accounts.contact.changed.v1": (ContactChange,),
    "accounts.invitation.issued.v1": (MailedLink,),
    "accounts.password.changed.v1": (PasswordChange,),
    "accounts.password_reset.requested.v1": (MailedLink,),
    "orders.person.signed_out.v1": (SignedOut,),
    "usda.price.recorded.v1": (RecordedPrices,),
}
STATE = {
    "accounts.contact.changed.v1": change_contact,
    "orders.person.signed_out.v1": sign_out,
    "orders.store.changed.v1": change_store,
    "usda.price.recorded.v1": partial(keep_quotes, today=lambda: date(2026, 1, 9)),
}
CONTRACTS = SERVICE / "contracts" / "consumes"


def contract(subject: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CONTRACTS / f"{subject}.schema.json").read_text())
    return schema


def example(subject: str) -> Event:
    stored = json.loads((REPOSITORY / "events" / "examples" / f"{subject}.json").read_text())
    return Event.from_message(subject, stored["headers"], json.dumps(stored["body"]).encode())


def with_more(value: Any) -> Any:
    """Return the value with a field nobody asked for in every object of it."""
    if isinstance(value, Mapping):
        return {name: with_more(each) for name, each in value.items()} | {"zz_of_a_later_version": {"x": [1, None]}}
    return [with_more(each) for each in value] if isinstance(value, list) else value


def property_paths(
    schema: Mapping[str, Any], before: str = "", known: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[str]:
    for each in (schema, *schema.get("anyOf", ())):
        inside = known[each["$ref"].rpartition("/")[2]] if "$ref" in each else each.get("items", each)
        if inside is not each:
            yield from property_paths(inside, before, known)
            continue
        for name, inner in each.get("properties", {}).items():
            yield before + name
            yield from property_paths(inner, f"{before}{name}.", known)


def field_paths(reader: type[Reading]) -> Iterator[str]:
    described = reader.model_json_schema()
    yield from property_paths(described, known=described.get("$defs", {}))


def test_there_is_a_contract_for_each_event_that_is_handled() -> None:
    assert {path.name.removesuffix(".schema.json") for path in CONTRACTS.iterdir()} == set(READERS)
    assert set(handlers()) | set(STATE) == set(READERS)
    subscribed = {event for one in subscriptions(lambda: date(2026, 1, 9)) for event in one.handlers}
    assert subscribed == set(READERS)


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_publishers_example_keeps_the_contract(subject: str) -> None:
    Draft202012Validator.check_schema(contract(subject))
    Draft202012Validator(contract(subject), format_checker=FormatChecker()).validate(dict(example(subject).data))


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_contract_names_what_is_read_and_nothing_else(subject: str) -> None:
    assert set(property_paths(contract(subject))) == {
        path for reader in READERS[subject] for path in field_paths(reader)
    }


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_example_is_read_also_with_fields_of_a_later_version(subject: str) -> None:
    event = example(subject)
    for reader in READERS[subject]:
        assert reader.of(with_more(event.data)) == reader.of(event.data)


def test_the_examples_reach_the_database(engine: Engine) -> None:
    with engine.begin() as connection:
        for subject, handle in {**STATE, **handlers()}.items():
            # As of today: mails of what happened long ago are not even kept.
            handle(connection, replace(example(subject), time=datetime.now(UTC)))
        for subject, keep in ABOUT_PRICES.items():
            keep(connection, example(subject))
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in (
                "intents",
                "contacts",
                "revocations",
                "stores",
                "market_quotes",
                "market_offers",
                "store_series",
            )
        ]
    # Three of orders, a comment, the changed password, a closed and a cancelled day, a failed crawl. Links, prices and
    # reminders of the examples ended long ago; the task is still running.
    assert counts == [8, 1, 1, 1, 3, 1, 1]
