"""What realtime reads of each event is what the publisher's example holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mercadito_events.envelope import Event
from realtime.channels import parse, stream_of
from realtime.projection import SHOWN, news_of

CONTRACTS = Path(__file__).parents[2] / "contracts" / "consumes"
PUBLISHED = Path(__file__).parents[4] / "events" / "examples"
EXAMPLES = {file.stem: file for file in sorted(PUBLISHED.glob("*.json")) if file.stem in SHOWN}


def contract(type_: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRACTS / f"{type_}.schema.json").read_text())
    return found


def example(type_: str, **added: Any) -> Event:
    given = json.loads(EXAMPLES[type_].read_text())
    return Event.from_message(type_, given["headers"], json.dumps(given["body"] | added).encode())


def test_there_is_a_contract_for_each_event_that_is_shown_and_no_other() -> None:
    assert {file.name.removesuffix(".schema.json") for file in CONTRACTS.iterdir()} == SHOWN


@pytest.mark.parametrize("type_", sorted(SHOWN))
def test_each_contract_is_a_schema_that_lets_new_fields_through(type_: str) -> None:
    schema = contract(type_)
    Draft202012Validator.check_schema(schema)
    assert "additionalProperties" not in json.dumps(schema)


def test_the_publishers_have_examples_of_what_realtime_shows_so_far() -> None:
    assert {"orders.offers.changed.v1", "orders.order.placed.v1", "usda.price.recorded.v1"} <= set(EXAMPLES)


@pytest.mark.parametrize("type_", EXAMPLES)
def test_the_publishers_example_fulfils_the_contract(type_: str) -> None:
    Draft202012Validator(contract(type_)).validate(json.loads(EXAMPLES[type_].read_text())["body"])


@pytest.mark.parametrize("type_", EXAMPLES)
def test_the_example_is_shown_and_unknown_fields_change_nothing(type_: str) -> None:
    news = news_of(example(type_))
    assert news
    assert news == news_of(example(type_, something_new={"deep": [1]}))
    for item in news:
        assert parse(item.channel), item.channel
        assert stream_of(item.channel) == type_.partition(".")[0].upper()


@pytest.mark.parametrize("type_", [type_ for type_ in EXAMPLES if type_.startswith("orders.cycle.")])
def test_a_cycles_state_is_the_one_that_orders_means(type_: str) -> None:
    assert {item.data["state"] for item in news_of(example(type_))} == {example(type_).data["state"]}


def test_the_sign_out_of_the_example_names_no_session() -> None:
    (news,) = news_of(example("orders.person.signed_out.v1"))
    assert news.data == {"all": False}
