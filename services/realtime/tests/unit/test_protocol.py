import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from realtime import protocol
from realtime.protocol import Auth, BadFrame, Frame, Pong, Position, Subscribe, Unsubscribe, Wish
from realtime.ring import Entry


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        ({"auth": "x.y.z"}, Auth("x.y.z")),
        ({"pong": 3}, Pong(3)),
        ({"unsub": ["staff", "cycle:1"]}, Unsubscribe(("staff", "cycle:1"))),
        ({"sub": [{"c": "staff"}]}, Subscribe((Wish("staff"),))),
        ({"sub": [{"c": "a", "pos": {"e": "E", "o": 7}}]}, Subscribe((Wish("a", Position("E", 7)),))),
        ({"sub": [{"c": "a", "since": 1795225196434}]}, Subscribe((Wish("a", None, 1795225196434),))),
        ({"sub": [{"c": "a", "new": 1}]}, Subscribe((Wish("a"),))),
    ],
)
def test_commands_are_read(frame: dict[str, object], command: protocol.Command) -> None:
    assert protocol.parse(orjson.dumps(frame).decode()) == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '"auth"',
        '{"auth": 1}',
        '{"auth": null}',
        '{"what": 1}',
        '{"auth": "a", "sub": [{"c": "staff"}]}',
        '{"pong": "1"}',
        '{"pong": true}',
        '{"pong": -1}',
        '{"sub": []}',
        '{"sub": {}}',
        '{"sub": ["staff"]}',
        '{"sub": [{}]}',
        '{"sub": [{"c": 1}]}',
        '{"sub": [{"c": "a", "pos": 1}]}',
        '{"sub": [{"c": "a", "pos": {}}]}',
        '{"sub": [{"c": "a", "pos": {"e": 1, "o": 1}}]}',
        '{"sub": [{"c": "a", "pos": {"e": "x", "o": -1}}]}',
        '{"sub": [{"c": "a", "pos": {"e": "x", "o": 1.5}}]}',
        '{"sub": [{"c": "a", "pos": {"e": "x", "o": true}}]}',
        '{"sub": [{"c": "a", "pos": {"e": "x", "o": 9223372036854775808}}]}',
        '{"sub": [{"c": "a", "since": "yesterday"}]}',
        '{"sub": [{"c": "a", "since": 1, "pos": {"e": "x", "o": 1}}]}',
        '{"unsub": [1]}',
        '{"unsub": "staff"}',
        "NaN",
        '{"pong": 1e400}',
        "[" * 2_000,
        "[" * 2_000 + "]" * 2_000,
        '{"sub":' * 500 + "1" + "}" * 500,
        '{"auth": "\\ud800"}',
    ],
)
def test_anything_else_is_a_bad_frame(text: str) -> None:
    with pytest.raises(BadFrame):
        protocol.parse(text)


def test_more_channels_than_a_client_may_have_are_a_bad_frame() -> None:
    with pytest.raises(BadFrame):
        protocol.parse(orjson.dumps({"sub": [{"c": f"cycle:{n}"} for n in range(33)]}).decode())


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(BadFrame):
        protocol.parse(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["c", "pos", "since", "e", "o"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["auth", "sub", "unsub", "pong"]), json_values, max_size=2))
def test_no_object_does_more_than_be_refused(frame: dict[str, object]) -> None:
    with contextlib.suppress(BadFrame):
        protocol.parse(orjson.dumps(frame).decode())


def said(frame: Frame) -> Any:
    return json.loads(frame.payload)


def test_a_whisper_has_neither_offset_nor_predecessor() -> None:
    assert said(protocol.whisper("cycle:1", "viewers", {"n": 3}, 5)) == {
        "b": [{"c": "cycle:1", "k": "viewers", "d": {"n": 3}}],
        "t": 5,
    }


def test_a_batch_chains_its_messages_and_gives_a_version_only_where_there_is_one() -> None:
    entries = [Entry(7, 0, "offer", b'{"a":1}', 3, "k"), Entry(9, 0, "cycle", b'{"state":"open"}')]
    frame = protocol.batch(protocol.chained(b"cycle:1", 5, entries), 1_000, [("cycle:1", "E", 9)])
    assert frame.heads == (("cycle:1", "E", 9),)
    assert said(frame) == {
        "b": [
            {"c": "cycle:1", "o": 7, "p": 5, "k": "offer", "v": 3, "d": {"a": 1}},
            {"c": "cycle:1", "o": 9, "p": 7, "k": "cycle", "d": {"state": "open"}},
        ],
        "t": 1_000,
    }


def test_the_other_frames_are_as_interfaces_md_says() -> None:
    assert said(protocol.welcome("s", 25)) == {"welcome": {"session": "s", "ping_s": 25}}
    assert said(protocol.ping(4, [Position("E", 7)])) == {"ping": 4, "seen": {"E": 7}}
    assert said(protocol.drain(700)) == {"drain": {"retry_ms": 700}}
    assert said(protocol.error("forbidden", "staff")) == {"err": {"code": "forbidden", "c": "staff"}}
    assert said(protocol.error("malformed")) == {"err": {"code": "malformed"}}
    assert said(protocol.subscribed("staff", Position("E", 4), recovered=True)) == {
        "sub": {"c": "staff", "recovered": True, "pos": {"e": "E", "o": 4}}
    }


def test_an_endless_channel_name_is_not_echoed_whole() -> None:
    assert len(protocol.error("unknown-channel", "x" * 4_000).payload) < 200
