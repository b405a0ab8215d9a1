import contextlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mercadito_events.envelope import MAX_BODY_BYTES, Event, EventTooLarge, MalformedEvent, new_event, uuid7

TYPE, SOURCE = "orders.order.placed.v1", "/mercadito/orders"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(data=st.dictionaries(TEXT, JSON, max_size=5), subject=st.none() | TEXT)
def test_what_is_sent_is_what_is_read(data: dict[str, Any], subject: str | None) -> None:
    sent = new_event(TYPE, data, source=SOURCE, subject=subject)
    read = Event.from_message(TYPE, sent.headers(), sent.body())
    assert (read.id, read.type, read.source, read.data) == (sent.id, TYPE, SOURCE, data)
    assert read.subject == subject
    assert abs((read.time - sent.time).total_seconds()) < 0.001


@given(subject=st.text(max_size=60))
def test_header_values_are_printable_ascii_whatever_the_subject_holds(subject: str) -> None:
    try:
        headers = new_event(TYPE, {}, source=SOURCE, subject=subject).headers()
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert all(" " <= character <= "~" for value in headers.values() for character in value)


NAMES = st.sampled_from(["ce-id", "ce-type", "ce-time", "ce-source", "ce-subject"])


@given(headers=st.none() | st.dictionaries(NAMES, TEXT), body=st.binary(max_size=100))
def test_any_message_is_read_or_refused_and_never_anything_else(headers: dict[str, str] | None, body: bytes) -> None:
    with contextlib.suppress(MalformedEvent):
        Event.from_message(TYPE, headers, body)


GOOD = new_event(TYPE, {"a": 1}, source=SOURCE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ce-id": "42"}, "UUID"),
        ({"ce-id": ""}, "ce-id"),
        ({"ce-id": "x" * 10_000}, "ce-id"),
        ({"ce-type": "orders.order.amended.v1"}, "ce-type"),
        ({"ce-time": "yesterday"}, "ce-time"),
        ({"ce-time": "2026-01-01T00:00:00"}, "zone"),
        ({"ce-source": ""}, "ce-source"),
    ],
)
def test_a_wrong_header_is_named(change: dict[str, str], says: str) -> None:
    with pytest.raises(MalformedEvent, match=says):
        Event.from_message(TYPE, GOOD.headers() | change, GOOD.body())


NOT_OBJECTS = [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b"{}" + b" " * 256_000]
NOT_JSON = [b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\\udfff"}']


@pytest.mark.parametrize("body", NOT_OBJECTS + NOT_JSON)
def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        Event.from_message(TYPE, GOOD.headers(), body)


def test_a_body_nested_a_hundred_thousand_deep_is_refused_and_harms_nobody() -> None:
    with pytest.raises(MalformedEvent):
        Event.from_message(TYPE, GOOD.headers(), b'{"a":' + b"[" * 100_000)


def test_header_names_are_read_in_any_case_and_unknown_ones_are_let_through() -> None:
    headers = {name.upper(): value for name, value in GOOD.headers().items()} | {"X-New": "1"}
    assert Event.from_message(TYPE, headers, GOOD.body()).id == GOOD.id


def test_a_broken_trace_context_is_dropped_and_a_good_one_carried() -> None:
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert new_event(TYPE, {}, source=SOURCE, traceparent=good).headers()["traceparent"] == good
    assert "traceparent" not in new_event(TYPE, {}, source=SOURCE, traceparent="x\r\ny").headers()


def test_a_body_over_the_bound_is_refused_by_the_publisher() -> None:
    fits = {"a": "x" * (MAX_BODY_BYTES - len('{"a":""}'))}
    assert len(new_event(TYPE, fits, source=SOURCE).body()) == MAX_BODY_BYTES
    with pytest.raises(EventTooLarge, match="part and parts"):
        new_event(TYPE, {"a": fits["a"] + "x"}, source=SOURCE)


NO_TYPES = ["", "orders", "orders.v", "Orders.order.placed.v1", "orders.order.placed", "a.b.v0", "a.>.v1", "a.b.v1\n"]


@pytest.mark.parametrize("type_", NO_TYPES)
def test_a_type_that_is_not_a_subject_with_a_version_is_refused(type_: str) -> None:
    with pytest.raises(ValueError, match="event type"):
        new_event(type_, {}, source=SOURCE)


@pytest.mark.parametrize("data", [{"a": float("nan")}, {"a": "\ud800"}, {"a": datetime.now(UTC)}, {"a": {1, 2}}])
def test_data_that_is_not_json_is_refused_by_the_publisher(data: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        new_event(TYPE, data, source=SOURCE)


def test_ids_are_uuids_of_version_seven_that_sort_by_time() -> None:
    made = [uuid7() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    parsed = uuid.UUID(made[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert abs((parsed.int >> 80) / 1_000 - datetime.now(UTC).timestamp()) < 60
    stamps = [text[:18] for text in made]
    assert stamps == sorted(stamps)


def test_the_message_id_is_the_event_id() -> None:
    headers = GOOD.headers()
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == GOOD.id
    assert json.loads(GOOD.body()) == {"a": 1}
