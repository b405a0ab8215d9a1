"""Every event that a service reads has a publisher, and the publisher's example holds what the reader needs."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {file.stem: file for file in (ROOT / "events" / "examples").glob("*.json")}
SCHEMAS = {file.name.removesuffix(".schema.json"): file for file in (ROOT / "events" / "schemas").glob("*.schema.json")}
EXPECTATIONS = sorted((ROOT / "services").glob("*/contracts/consumes/*.schema.json"))


def validator(schema: Path) -> jsonschema.Draft202012Validator:
    document = json.loads(schema.read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())


def body(subject: str) -> object:
    return json.loads(EXAMPLES[subject].read_text())["body"]


def test_events_schemas_and_examples_come_in_pairs() -> None:
    assert EXAMPLES
    assert set(EXAMPLES) == set(SCHEMAS)


@pytest.mark.parametrize("subject", sorted(SCHEMAS))
def test_the_publishers_example_fits_its_own_schema(subject: str) -> None:
    validator(SCHEMAS[subject]).validate(body(subject))


def test_three_services_state_what_they_read() -> None:
    readers = {expectation.parents[2].name for expectation in EXPECTATIONS}
    assert readers == {"orders", "realtime", "usda-ingest", "notify"}


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda path: f"{path.parents[2].name}:{path.stem}")
def test_a_reader_finds_what_it_needs_in_the_publishers_example(expectation: Path) -> None:
    subject = expectation.name.removesuffix(".schema.json")
    assert subject in EXAMPLES, f"nobody publishes {subject}"
    validator(expectation).validate(body(subject))


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda path: f"{path.parents[2].name}:{path.stem}")
def test_a_reader_tolerates_fields_that_it_does_not_know(expectation: Path) -> None:
    example = body(expectation.name.removesuffix(".schema.json"))
    assert isinstance(example, dict)
    validator(expectation).validate({**example, "a_field_of_tomorrow": {"nested": [1, 2, 3]}})


def streams() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((ROOT / "events" / "streams.yaml").read_text())
    found: dict[str, dict[str, Any]] = document["streams"]
    return found


def test_every_durable_filters_what_its_stream_keeps() -> None:
    durables = [
        (name, each["filter"]) for name, stream in streams().items() for each in stream.get("durables", {}).values()
    ]
    assert durables
    for name, wanted in durables:
        assert any(wanted.split(".")[0] == subject.split(".")[0] for subject in streams()[name]["subjects"]), wanted


def test_every_subject_belongs_to_exactly_one_stream() -> None:
    prefixes = [subject.split(".")[0] for stream in streams().values() for subject in stream["subjects"]]
    assert len(prefixes) == len(set(prefixes))
    assert {subject.split(".")[0] for subject in SCHEMAS} <= set(prefixes)
