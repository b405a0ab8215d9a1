"""What we read of each event, against the example that its publisher gives."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from mercadito_events.envelope import Event
from notify.contacts import change_contact
from notify.intents import handlers
from notify.readings import (
    ChangedOrder,
    ContactChange,
    MailedLink,
    PasswordChange,
    PlacedOrder,
    Reading,
    SignedOut,
)
from notify.revocations import sign_out
from sqlalchemy import Engine, text
from world import REPOSITORY, SERVICE

READERS: dict[str, type[Reading]] = {
    "orders.order.placed.v1": PlacedOrder,
    "orders.order.amended.v1": ChangedOrder,
    "orders.order.cancelled.v1": ChangedOrder,
    "accounts.contact.changed.v1": ContactChange,
    "accounts.invitation.issued.v1": MailedLink,
    "accounts.password.changed.v1": PasswordChange,
    "accounts.password_reset.requested.v1": MailedLink,
    "orders.person.signed_out.v1": SignedOut,
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


def property_paths(schema: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield before + name
        yield from property_paths(inner.get("items", inner), f"{before}{name}.")


def field_paths(reader: type[Reading], before: str = "") -> Iterator[str]:
    for name, described in reader.model_json_schema()["properties"].items():
        yield before + name
        items = described.get("items", {})
        if "$ref" in items:
            from_line = reader.model_json_schema()["$defs"][items["$ref"].rpartition("/")[2]]
            yield from property_paths(from_line, f"{before}{name}.")


def test_there_is_a_contract_for_each_event_that_is_handled() -> None:
    assert {path.name.removesuffix(".schema.json") for path in CONTRACTS.iterdir()} == set(READERS)
    assert set(handlers()) | {"accounts.contact.changed.v1", "orders.person.signed_out.v1"} == set(READERS)


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_publishers_example_keeps_the_contract(subject: str) -> None:
    Draft202012Validator.check_schema(contract(subject))
    Draft202012Validator(contract(subject), format_checker=FormatChecker()).validate(dict(example(subject).data))


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_contract_names_what_is_read_and_nothing_else(subject: str) -> None:
    assert set(property_paths(contract(subject))) == set(field_paths(READERS[subject]))


@pytest.mark.parametrize("subject", sorted(READERS))
def test_the_example_is_read_also_with_fields_of_a_later_version(subject: str) -> None:
    event = example(subject)
    assert READERS[subject].of(with_more(event.data)) == READERS[subject].of(event.data)


def test_the_examples_reach_the_database(engine: Engine) -> None:
    with engine.begin() as connection:
        for subject, handle in {
            **handlers(), "accounts.contact.changed.v1": change_contact, "orders.person.signed_out.v1": sign_out,
        }.items():  # fmt: skip
            handle(connection, example(subject))
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("intents", "contacts", "revocations")
        ]
    # Three of orders and the changed password; the two links of the examples ended long ago, so they are not even kept.
    assert counts == [4, 1, 1]
