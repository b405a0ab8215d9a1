"""The AsyncAPI document is well-formed, and says what the code does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError
from published import DOCUMENT, check_told, judge
from realtime import channels, protocol
from realtime.protocol import BadFrame, Close

MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]
EXAMPLES = [(name, example["payload"]) for name, message in MESSAGES.items() for example in message["examples"]]
SAID = ("auth", "subscribe", "unsubscribe", "pong")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)


def at(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version", "description"} <= set(DOCUMENT["info"])
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        assert isinstance(at(reference), dict), reference


def test_every_message_has_a_channel_and_a_direction_and_each_is_of_its_operations_channel() -> None:
    in_channels = {ref for channel in DOCUMENT["channels"].values() for ref in references(channel["messages"])}
    assert in_channels == {f"#/components/messages/{name}" for name in MESSAGES}
    used = set()
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
            used.add(at(message["$ref"])["$ref"])
    assert used == in_channels
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == {"/ws", "/sse"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_a_schema_that_is_used(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])
    assert f"#/components/schemas/{name}" in set(references(DOCUMENT))


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_each_example_is_one_of_its_message(name: str, payload: dict[str, Any]) -> None:
    judge(MESSAGES[name]["payload"]["$ref"].rpartition("/")[2]).validate(payload)
    if name in SAID:
        protocol.parse(json.dumps(payload))
    else:
        check_told(payload)


def test_what_the_document_forbids_to_say_is_refused() -> None:
    for frame in ({"sub": [{"c": "prices", "pos": {"e": "x", "o": 1}, "since": 1}]}, {"sub": []}, {"pong": "1"}):
        (name,) = frame
        schema = {"sub": "Subscribe", "pong": "Pong"}[name]
        with pytest.raises(ValidationError):
            judge(schema).validate(frame)
        with pytest.raises(BadFrame):
            protocol.parse(json.dumps(frame))


@pytest.mark.parametrize(
    "message",
    [
        {"c": "cycle:a", "k": "offer", "o": 1, "p": 0, "d": {"n": 1}},
        {"c": "cycle:a", "k": "viewers", "o": 1, "p": 0, "d": {"n": 1}},
        {"c": "cycle:a", "k": "viewers", "d": {"n": -1}},
        {"c": "cycle a", "k": "viewers", "d": {"n": 1}},
        {"c": "cycle:a", "k": "other", "o": 1, "p": 0, "d": {}},
        {"c": "person:a", "k": "signed_out", "o": 1, "d": {"all": True}},
        {"c": "person:a", "k": "signed_out", "o": 1, "p": 0, "d": {"all": True, "session": "secret"}},
    ],
)
def test_the_judge_tells_wrong_messages(message: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check_told({"b": [message], "t": 1})


def test_the_table_of_channels_is_the_codes() -> None:
    table = {row["name"].partition(":")[0]: row for row in DOCUMENT["x-channels"]}
    assert {family: row["stream"] for family, row in table.items()} == dict(channels._STREAMS)
    pattern = re.compile(SCHEMAS["ChannelName"]["pattern"])
    for row in DOCUMENT["x-channels"]:
        name = row["name"].replace("{id}", "01941f3a-7c00")
        assert pattern.fullmatch(name)
        assert channels.parse(name)
    kinds = {kind for row in table.values() for kind in row["kinds"]}
    assert kinds == set(SCHEMAS["Message"]["properties"]["k"]["enum"])
    assert {each["properties"]["k"]["const"] for each in SCHEMAS["Message"]["oneOf"]} == kinds
    assert {payload["b"][0]["k"] for name, payload in EXAMPLES if name == "batch"} == kinds


def test_every_close_code_is_explained() -> None:
    assert {str(code.value) for code in Close} <= set(DOCUMENT["x-close-codes"])
    assert set(SCHEMAS["Error"]["properties"]["err"]["properties"]["code"]["enum"]) == set(DOCUMENT["x-error-codes"])


def test_the_bounds_are_the_codes() -> None:
    assert SCHEMAS["Subscribe"]["properties"]["sub"]["maxItems"] == protocol.MAX_CHANNELS_PER_CLIENT
    assert SCHEMAS["Position"]["properties"]["e"]["maxLength"] == protocol.MAX_EPOCH_CHARS
