"""Whether an upgrade is let in: the path, the page it comes from, the protocol it speaks."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from websockets.datastructures import Headers

PATH = "/ws"
MAX_ADDRESS_CHARS = 64
MAX_REQUEST_ID_CHARS = 64


def path_of(target: str) -> str:
    """Return the path of a request target."""
    return target.partition("?")[0]


def may_come_from(headers: Headers, allowed_origins: frozenset[str]) -> bool:
    """Say whether the page that opens the socket is ours.

    A browser always sends Origin and no script can change it; what sends none is not a browser, carries no one's
    cookies, and needs a ticket like everyone. "null" (a sandboxed or local page) and repeated headers are refused.
    """
    origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
    if not origins:
        return True
    if len(origins) > 1 or len(hosts) != 1:
        return False
    origin = origins[0].lower()
    return origin in allowed_origins or _is_host(origin, hosts[0].lower())


def _is_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and origin == f"{parts.scheme}://{host}"


def address_of(headers: Headers, peer: Sequence[object] | None) -> str:
    """Return the client's address as the gateway tells it; without a gateway, the peer's."""
    given = headers.get_all("X-Real-IP")
    if len(given) == 1 and given[0]:
        return given[0][:MAX_ADDRESS_CHARS]
    return str(peer[0]) if peer else ""


def request_id_of(headers: Headers) -> str | None:
    """Return the request's id as the gateway gave it, for the log."""
    given = headers.get_all("X-Request-Id")
    return given[0][:MAX_REQUEST_ID_CHARS] if given else None
