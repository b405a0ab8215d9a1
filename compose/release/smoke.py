"""Run inside a container beside the gateway: what people and programs see through it. A line for each that is wrong."""

import json
import os
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

TIMEOUT_S = 30  # longer than the gateway holds
HOST = urlsplit(os.environ["PUBLIC_URL"]).netloc
# The name in here is not the one that the certificate is for.
TLS = ssl._create_unverified_context() if sys.argv[1] == "https" else None  # noqa: S323, SLF001
GATEWAY = ("gateway", 8443 if TLS else 8080)
HANDSHAKE = (
    f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: bWVyY2FkaXRvIHNtb2tlIQ==\r\nSec-WebSocket-Protocol: mercadito.v1\r\n\r\n"
)


def get(path: str) -> bytes:
    """Return the body of what must be answered with 200."""
    url = f"{'https' if TLS else 'http'}://{GATEWAY[0]}:{GATEWAY[1]}{path}"
    asked = urllib.request.Request(url, headers={"Host": HOST})
    with urllib.request.urlopen(asked, timeout=TIMEOUT_S, context=TLS) as answer:
        body: bytes = answer.read()
    return body


def page() -> None:
    """The page that everybody may open."""
    if b"<form" not in get("/sign-in"):
        raise ValueError("no form on the page")


def document() -> None:
    """The API tells what it can."""
    json.loads(get("/api/v1/openapi.json"))["paths"]["/api/v1/orders"]


def prices() -> None:
    """The price service answers through the gateway."""
    json.loads(get("/api/v1/prices/commodities?limit=1"))["items"]


def socket_opens() -> None:
    """A WebSocket is let in."""
    with socket.create_connection(GATEWAY, timeout=TIMEOUT_S) as plain:
        spoken = TLS.wrap_socket(plain, server_hostname=HOST.partition(":")[0]) if TLS else plain
        spoken.sendall(HANDSHAKE.encode())
        told = spoken.recv(100).split(b"\r\n")[0].decode()
    if " 101 " not in told:
        raise ValueError(told or "no answer")


CHECKS: dict[str, Callable[[], object]] = {
    "the gateway, /healthz": lambda: get("/healthz"),
    "a page, /sign-in": page,
    "the API's document, /api/v1/openapi.json": document,
    "prices, /api/v1/prices/commodities": prices,
    "mail pages, /mail/page.css": lambda: get("/mail/page.css"),
    "static files": lambda: get("/static/css/mercadito.css"),
    "a WebSocket, /ws": socket_opens,
}
wrong = 0
for name, check in CHECKS.items():
    try:
        check()
    except (OSError, ValueError, KeyError) as problem:
        wrong += 1
        print(f"✗ {name}: {problem}")
sys.exit(1 if wrong else 0)
