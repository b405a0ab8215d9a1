"""Whether an upgrade is let in: the path, the page it comes from, the protocol it speaks."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from mercadito_events.service.addresses import counted

from realtime.protocol import SUBPROTOCOL

PATH = "/ws"
VERSION = "13"
NOT_NOW = {"Retry-After": "1", "X-Gateway-Not-Processed": "1"}
"""What goes with a 503: the gateway may hold the request and try again."""

MAX_ADDRESS_CHARS = 64
MAX_REQUEST_ID_CHARS = 64


class Headers(Protocol):
    """A request's header fields, names without regard to case."""

    def getall(self, key: str, default: list[str]) -> list[str]: ...


class FewHeaders:
    """Header fields as HTTP servers other than the socket's own give them: (name, value) pairs in bytes."""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Return all values of that name."""
        return self._values.get(key.lower(), default)


def path_of(target: str) -> str:
    """Return the path of a request target."""
    return target.partition("?")[0]


def may_come_from(headers: Headers, allowed_origins: frozenset[str]) -> bool:
    """Say whether the page that opens the socket is ours.

    A browser always sends Origin and no script can change it; what sends none is not a browser, carries no one's
    cookies, and needs a ticket like everyone. "null" (a sandboxed or local page) and repeated headers are refused.
    """
    origins, hosts = headers.getall("Origin", []), headers.getall("Host", [])
    if not origins:
        return True
    if len(origins) > 1 or len(hosts) != 1:
        return False
    origin = origins[0].lower()
    return origin in allowed_origins or _is_host(origin, hosts[0].lower())


def speaks_ours(headers: Headers) -> bool:
    """Say whether the client offers our subprotocol."""
    offered = ",".join(headers.getall("Sec-WebSocket-Protocol", []))
    return SUBPROTOCOL in (name.strip() for name in offered.split(","))


def speaks_version(headers: Headers) -> bool:
    """Say whether the client speaks RFC 6455, the only version there is."""
    return headers.getall("Sec-WebSocket-Version", []) == [VERSION]


def _is_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and origin == f"{parts.scheme}://{host}"


def address_of(headers: Headers, peer: Sequence[object] | None) -> str:
    """Return the client's address, as it is counted, as the gateway tells it; without a gateway, the peer's."""
    given = headers.getall("X-Real-IP", [])
    if len(given) == 1 and given[0]:
        return count_as(given[0][:MAX_ADDRESS_CHARS])
    return count_as(str(peer[0])) if peer else ""


def count_as(text: str) -> str:
    """Return what a client's address counts as; what is no address is taken as it is."""
    return counted(text) or text


def request_id_of(headers: Headers) -> str | None:
    """Return the request's id as the gateway gave it, for the log."""
    given = headers.getall("X-Request-Id", [])
    return given[0][:MAX_REQUEST_ID_CHARS] if given else None
