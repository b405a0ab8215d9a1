"""The frames of subprotocol ``mercadito.v1``: what clients may say, and what they are told (interfaces.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from realtime import deflate
from realtime.ring import Entry

SUBPROTOCOL = "mercadito.v1"
MAX_FRAME_BYTES = 4_096
MAX_CHANNELS_PER_CLIENT = 32
MAX_OFFSET = 2**63
MAX_EPOCH_CHARS = 80
MAX_ECHO_CHARS = 80
HEAD = 14
"""As long as the header of a frame can be: RFC 6455, 5.2."""

_ROOM = bytes(HEAD)
_BATCH_BEGIN = b'{"b":['


class Close(IntEnum):
    """Why the server closes a socket."""

    NORMAL = 1000
    BROKEN_PROTOCOL = 1002
    NOT_TEXT = 1003
    NOT_UTF_8 = 1007
    TOO_BIG = 1009
    FAULT = 1011
    RESTART = 1012
    UNAUTHENTICATED = 4001
    FORBIDDEN = 4003
    TOO_SLOW = 4008
    TOO_MANY = 4029


class Frame:
    """One frame, made once for all clients that get it.

    ``heads`` tells, for each channel with news in it, up to which (epoch, offset) its reader has then seen everything.
    ``buffer`` is ``HEAD`` bytes of room for a socket's own header, then the JSON text: so it goes from the hub to the
    kernel through picows' C function without a copy and without Python between (9 % of a delivery).
    """

    __slots__ = ("buffer", "heads", "replay")

    def __init__(self, payload: bytes, heads: Iterable[tuple[str, str, int]] = ()) -> None:
        self.buffer = bytearray(_ROOM + payload)
        self.heads = tuple(heads)
        self.replay: Replay | None = None

    @property
    def payload(self) -> bytes:
        """The JSON text."""
        return bytes(self.buffer[HEAD:])


class Replay:
    """A channel's messages for those who come back, encoded once; compressed once, when the first wants it so."""

    __slots__ = ("_compressed", "encoded")

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded
        self._compressed: bytes | None = None

    def frame(self, now_ms: int, head: tuple[str, str, int]) -> Frame:
        """Make a frame of it that tells the time of now."""
        frame = batch((self.encoded,), now_ms, (head,))
        frame.replay = self if len(self.encoded) >= deflate.WORTH_BYTES else None
        return frame

    def compressed(self, frame: Frame) -> bytes:
        """Return the payload of a compressed frame that says the same; only its end is compressed anew."""
        if self._compressed is None:
            self._compressed = deflate.piece(_BATCH_BEGIN + self.encoded)
        rest = bytes(frame.buffer[HEAD + len(_BATCH_BEGIN) + len(self.encoded) :])
        return deflate.message((self._compressed, deflate.piece(rest)))


class BadFrame(ValueError):
    """A frame that is not one of the commands."""


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to ``offset`` of the stream that ``epoch`` names has been seen."""

    epoch: str
    offset: int


@dataclass(frozen=True, slots=True)
class Wish:
    """A channel to watch, and from where: a position, a time, or (neither) from now on."""

    channel: str
    position: Position | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Auth:
    ticket: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pong:
    n: int


Command = Auth | Subscribe | Unsubscribe | Pong


def parse(text: str) -> Command:
    """Read a client's frame: an object with exactly one command.

    Raises:
        BadFrame: it is anything else.

    """
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:  # also for nesting deeper than orjson's own bound
        raise BadFrame("not JSON") from None
    if not isinstance(frame, dict) or len(frame) != 1:
        raise BadFrame("not an object with one command")
    ((name, value),) = frame.items()
    match name:
        case "auth" if isinstance(value, str):
            return Auth(value)
        case "sub":
            return Subscribe(tuple(_wish(item) for item in _items(value)))
        case "unsub":
            return Unsubscribe(tuple(_text(item) for item in _items(value)))
        case "pong" if _is_whole(value):
            return Pong(value)
    raise BadFrame("not a command")


def _items(value: object) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHANNELS_PER_CLIENT:
        raise BadFrame("not a list of channels")
    return value


def _wish(item: object) -> Wish:
    if not isinstance(item, dict) or "c" not in item or ("pos" in item and "since" in item):
        raise BadFrame("not a channel to watch")
    since = item.get("since")
    if since is not None and not _is_whole(since):
        raise BadFrame("since is not a time")
    return Wish(_text(item["c"]), _position(item.get("pos")), since)


def _position(value: object) -> Position | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not _is_whole(value.get("o")) or len(_text(value.get("e"))) > MAX_EPOCH_CHARS:
        raise BadFrame("not a position")
    return Position(value["e"], value["o"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadFrame("not a text")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_OFFSET


def welcome(session: str, ping_s: int) -> Frame:
    return Frame(orjson.dumps({"welcome": {"session": session, "ping_s": ping_s}}))


def subscribed(channel: str, position: Position, *, recovered: bool) -> Frame:
    """Answer a subscription; ``pos.o`` is the ``p`` of the channel's next message."""
    pos = {"e": position.epoch, "o": position.offset}
    payload = orjson.dumps({"sub": {"c": channel, "recovered": recovered, "pos": pos}})
    return Frame(payload, ((channel, position.epoch, position.offset),))


def message(channel: bytes, entry: Entry, previous: int) -> bytes:
    """Encode one message; ``previous`` is the offset of the one before it. Names and kinds need no JSON escapes."""
    version = b"" if entry.version is None else b',"v":%d' % entry.version
    parts = (channel, entry.offset, previous, entry.kind.encode(), version, entry.data)
    return b'{"c":"%b","o":%d,"p":%d,"k":"%b"%b,"d":%b}' % parts


def chained(channel: bytes, previous: int, entries: Iterable[Entry]) -> list[bytes]:
    """Encode messages of one channel: each names the offset of the one before it."""
    encoded = []
    for entry in entries:
        encoded.append(message(channel, entry, previous))
        previous = entry.offset
    return encoded


def batch(messages: Iterable[bytes], now_ms: int, heads: Sequence[tuple[str, str, int]]) -> Frame:
    """Make a frame of encoded messages."""
    return Frame(b'%b%b],"t":%d}' % (_BATCH_BEGIN, b",".join(messages), now_ms), heads)


def whisper(channel: str, kind: str, data: Mapping[str, Any], now_ms: int) -> Frame:
    """Make a frame of one ephemeral message: it has no place in the chain and is never sent again."""
    return Frame(orjson.dumps({"b": [{"c": channel, "k": kind, "d": data}], "t": now_ms}))


def ping(n: int, seen: Sequence[Position]) -> Frame:
    """Ask for a sign of life; ``seen``: up to where, by epoch, this client has been told everything it watches."""
    return Frame(orjson.dumps({"ping": n, "seen": {position.epoch: position.offset for position in seen}}))


def drain(retry_ms: int) -> Frame:
    return Frame(orjson.dumps({"drain": {"retry_ms": retry_ms}}))


def error(code: str, channel: str | None = None) -> Frame:
    told: Mapping[str, str] = {"code": code} if channel is None else {"code": code, "c": channel[:MAX_ECHO_CHARS]}
    return Frame(orjson.dumps({"err": told}))
