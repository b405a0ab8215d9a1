import contextlib
import json
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from realtime import deflate
from realtime.protocol import Replay

GOOD = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    "offers",
    [
        ["permessage-deflate"],
        ["permessage-deflate; client_max_window_bits"],
        ["permessage-deflate; client_max_window_bits=10; server_no_context_takeover"],
        ['permessage-deflate; server_max_window_bits="15"'],
        ["permessage-deflate; server_max_window_bits=9, permessage-deflate"],
        ["x-other", "permessage-deflate;client_no_context_takeover"],
    ],
)
def test_what_we_can_do_is_agreed_to(offers: list[str]) -> None:
    assert deflate.negotiate(offers) == GOOD


@pytest.mark.parametrize(
    "offers",
    [
        [],
        [""],
        ["x-webkit-deflate-frame"],
        ["permessage-deflate; server_max_window_bits=9"],
        ["permessage-deflate; server_max_window_bits"],
        ["permessage-deflate; unknown"],
        ["permessage-deflate; client_no_context_takeover=1"],
        ["permessage-deflate; client_max_window_bits=x"],
        ["permessage-deflate; client_max_window_bits; client_max_window_bits"],
        ["permessage-deflate;"],
    ],
)
def test_anything_else_is_not(offers: list[str]) -> None:
    assert deflate.negotiate(offers) is None


@given(st.lists(st.binary(max_size=2_000), min_size=1, max_size=4))
def test_pieces_side_by_side_are_one_message(pieces: list[bytes]) -> None:
    packed = deflate.message([deflate.piece(piece) for piece in pieces])
    assert deflate.inflate(packed, 10_000) == b"".join(pieces)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(payload: bytes) -> None:
    with contextlib.suppress(deflate.BadDeflate):
        assert len(deflate.inflate(payload, 100)) <= 101


def test_a_replay_is_compressed_once_and_says_the_time_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay(b",".join(b'{"c":"cycle:1","o":%d}' % number for number in range(200)))
    head = ("cycle:1", "E", 200)
    first = replay.frame(1_000, head)
    packed = replay.compressed(first)
    assert len(packed) < len(first.payload) / 5
    pieces: list[bytes] = []
    monkeypatch.setattr(deflate, "piece", lambda payload: pieces.append(payload) or zlib.compress(payload, wbits=-15))
    later = replay.frame(2_000, head)
    replay.compressed(later)
    assert pieces == [b'],"t":2000}']
    assert first.replay is replay
    assert json.loads(later.payload)["t"] == 2_000
    assert orjson.loads(deflate.inflate(packed, 10**6)) == json.loads(first.payload)


def test_a_small_replay_is_not_worth_it() -> None:
    assert Replay(b"{}").frame(1, ("cycle:1", "E", 1)).replay is None
