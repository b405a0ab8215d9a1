"""The schemas, the examples, the AsyncAPI document and the streams agree."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from mercadito_events.envelope import MAX_BODY_BYTES, Event
from mercadito_events.topology import stream_of

ROOT = Path(__file__).parents[2]
TYPES = sorted(file.name.removesuffix(".json") for file in (ROOT / "examples").iterdir())


def schema(type_: str) -> dict[str, Any]:
    return json.loads((ROOT / "schemas" / f"{type_}.schema.json").read_text())


def example(type_: str) -> dict[str, Any]:
    return json.loads((ROOT / "examples" / f"{type_}.json").read_text())


def checker(type_: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(type_), format_checker=jsonschema.FormatChecker())


def test_every_schema_has_its_example() -> None:
    assert sorted(file.name.removesuffix(".schema.json") for file in (ROOT / "schemas").iterdir()) == TYPES


@pytest.mark.parametrize("type_", TYPES)
def test_the_example_is_valid_and_the_kit_reads_it(type_: str) -> None:
    shown = example(type_)
    jsonschema.Draft202012Validator.check_schema(schema(type_))
    checker(type_).validate(shown["body"])
    body = json.dumps(shown["body"], ensure_ascii=False).encode()
    event = Event.from_message(type_, shown["headers"], body)
    assert event.headers() == shown["headers"]
    assert len(body) < MAX_BODY_BYTES


@pytest.mark.parametrize("type_", TYPES)
def test_the_schema_belongs_to_its_type_and_to_a_stream(type_: str) -> None:
    found = schema(type_)
    assert found["title"] == type_
    assert found["$id"] == example(type_)["headers"]["ce-dataschema"]
    assert found["$schema"].endswith("2020-12/schema")
    assert stream_of(type_)


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    inner = [found for value in node.values() for found in objects(value)]
    return [*inner, node] if node.get("type") == "object" else inner


@pytest.mark.parametrize("type_", TYPES)
def test_a_publisher_may_send_nothing_that_the_schema_does_not_name(type_: str) -> None:
    for found in objects(schema(type_)):
        assert found["additionalProperties"] is False
        assert set(found["required"]) <= set(found["properties"])
    with pytest.raises(jsonschema.ValidationError):
        checker(type_).validate(example(type_)["body"] | {"surprise": 1})


@pytest.mark.parametrize("type_", TYPES)
def test_no_required_field_may_be_missing(type_: str) -> None:
    body = example(type_)["body"]
    for field in schema(type_)["required"]:
        with pytest.raises(jsonschema.ValidationError):
            checker(type_).validate({name: value for name, value in body.items() if name != field})


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if not type_.startswith("accounts.")])
def test_no_event_outside_accounts_carries_an_address_or_a_link(type_: str) -> None:
    named = {name for found in objects(schema(type_)) for name in found["properties"]}
    assert not named & {"email", "address", "link", "token", "phone"}


def test_a_sign_out_names_a_session_or_a_token_or_neither_and_not_both() -> None:
    body = {"person_id": "p", "until": "2026-01-01T00:00:00Z"}
    checker("orders.person.signed_out.v1").validate(body)
    with pytest.raises(jsonschema.ValidationError):
        checker("orders.person.signed_out.v1").validate(body | {"session_id": "s", "token_id": "t"})


def test_the_asyncapi_document_names_every_event_and_no_other() -> None:
    document = yaml.safe_load((ROOT / "asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    channels = document["channels"]
    assert sorted(channel["address"] for channel in channels.values()) == TYPES
    for key, channel in channels.items():
        assert f"Stream {stream_of(channel['address'])}." in channel["description"]
        assert document["operations"][f"send_{key}"]["channel"]["$ref"] == f"#/channels/{key}"
        message = document["components"]["messages"][key]
        assert (ROOT / message["payload"]["schema"]["$ref"]).exists()
        assert message["name"] == channel["address"]
