"""The frames of subprotocol ``mercadito.v1``: what clients may say, and what they are told (interfaces.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from realtime.ring import Entry

SUBPROTOCOL = "mercadito.v1"
MAX_FRAME_BYTES = 4_096
MAX_CHANNELS_PER_CLIENT = 32
MAX_OFFSET = 2**63
MAX_EPOCH_CHARS = 80
MAX_ECHO_CHARS = 80


class Close(IntEnum):
    """Why the server closes a socket."""

    NOT_TEXT = 1003
    RESTART = 1012
    UNAUTHENTICATED = 4001
    FORBIDDEN = 4003
    TOO_SLOW = 4008
    TOO_MANY = 4029


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


def welcome(session: str, ping_s: int) -> bytes:
    return orjson.dumps({"welcome": {"session": session, "ping_s": ping_s}})


def subscribed(channel: str, position: Position, *, recovered: bool) -> bytes:
    """Answer a subscription; ``pos.o`` is the ``p`` of the channel's next message."""
    pos = {"e": position.epoch, "o": position.offset}
    return orjson.dumps({"sub": {"c": channel, "recovered": recovered, "pos": pos}})


def batch(channel: str, previous: int, entries: Sequence[Entry], now_ms: int) -> bytes:
    """Encode messages of one channel, chained: each names the offset of the one before it."""
    messages = []
    for entry in entries:
        message = {"c": channel, "o": entry.offset, "p": previous, "k": entry.kind}
        if entry.version is not None:
            message["v"] = entry.version
        message["d"] = orjson.Fragment(entry.data)
        messages.append(message)
        previous = entry.offset
    return orjson.dumps({"b": messages, "t": now_ms})


def ping(n: int) -> bytes:
    return orjson.dumps({"ping": n})


def drain(retry_ms: int) -> bytes:
    return orjson.dumps({"drain": {"retry_ms": retry_ms}})


def error(code: str, channel: str | None = None) -> bytes:
    told: Mapping[str, str] = {"code": code} if channel is None else {"code": code, "c": channel[:MAX_ECHO_CHARS]}
    return orjson.dumps({"err": told})
