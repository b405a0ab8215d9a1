"""The channels a client can watch, the stream that feeds each, and who may watch it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mercadito_events.service.identity import Identity

ORDERS = "ORDERS"
USDA = "USDA"
MAX_NAME_CHARS = 80

_NAME = re.compile(r"(cycle|store|person):([A-Za-z0-9_-]{1,64})|(staff|crawls|prices)", re.ASCII)
_STREAMS = {"cycle": ORDERS, "store": ORDERS, "person": ORDERS, "staff": ORDERS, "crawls": USDA, "prices": USDA}


@dataclass(frozen=True, slots=True)
class Channel:
    """A well-formed channel name, taken apart; ``id`` is empty for channels there is one of."""

    name: str
    family: str
    id: str

    @property
    def stream(self) -> str:
        return _STREAMS[self.family]


def parse(name: str) -> Channel | None:
    """Return the channel of that name, or None when there can't be one."""
    found = _NAME.fullmatch(name) if len(name) <= MAX_NAME_CHARS else None
    if found is None:
        return None
    return Channel(name, found[1] or found[3], found[2] or "")


def stream_of(name: str) -> str:
    """Return the stream that feeds the channel of this (well-formed) name."""
    return _STREAMS[name.partition(":")[0]]


def may_watch(identity: Identity, channel: Channel) -> bool:
    """Say whether this person may see the channel's news; asked on each subscription and recovery."""
    return _RIGHTS[channel.family](identity, channel.id)


def _is_staff(identity: Identity, _id: str) -> bool:
    return identity.role in ("staff", "admin")


# The table of interfaces.md, "WebSocket /ws". Everyone who gets as far as this question is signed in.
_RIGHTS: dict[str, Callable[[Identity, str], bool]] = {
    "cycle": lambda _identity, _id: True,
    "store": lambda identity, id_: id_ in identity.store_ids or _is_staff(identity, id_),
    "person": lambda identity, id_: id_ == identity.person_id,
    "staff": _is_staff,
    "crawls": _is_staff,
    "prices": lambda _identity, _id: True,
}
