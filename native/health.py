"""Asking processes whether they can serve, with a deadline."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

from native.state import State

REQUEST_TIMEOUT_S = 5


class NotReady(Exception):
    """A process did not become ready in time; the message says what it answered last."""


def fetch(
    url: str, *, method: str = "GET", headers: dict[str, str] | None = None, timeout_s: float = REQUEST_TIMEOUT_S
) -> tuple[int, Any]:
    """Return status and parsed body of an answer; a refused or broken connection gives status 0 and the reason."""
    request = urllib.request.Request(url, method=method, headers=headers or {})  # noqa: S310 - addresses of our own
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        status, body = refused.code, refused.read()
    except (OSError, ValueError) as broken:
        return 0, str(broken)
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.decode(errors="replace")


def wait_until_ready(name: str, url: str, *, within_s: float) -> None:
    """Poll `url` until it answers 200."""
    deadline = time.monotonic() + within_s
    while True:
        status, body = fetch(url)
        if status == 200:  # noqa: PLR2004 - HTTP's OK
            return
        if time.monotonic() > deadline:
            raise NotReady(f"{name} is not ready after {within_s:.0f} s: {status or ''} {str(body)[:300]}".rstrip())
        time.sleep(0.1)


class GatewayAdmin:
    """The gateway's admin listener: pausing an upstream while what is behind it restarts."""

    def __init__(self, state: State) -> None:
        self.address = f"http://127.0.0.1:{state.ports['gateway-admin']}"
        self.headers = {"Authorization": f"Bearer {state.secret('gateway_admin_token')}"}

    def pause(self, upstream: str, *, max_s: int, drain_s: int) -> bool:
        """Hold new requests and wait for those under way; return whether the gateway holds them now."""
        url = f"{self.address}/upstreams/{upstream}/pause?max_s={max_s}&drain_s={drain_s}"
        status, _ = fetch(url, method="POST", headers=self.headers, timeout_s=drain_s + REQUEST_TIMEOUT_S)
        return status in {200, 409}

    def resume(self, upstream: str) -> None:
        """Let the held requests go."""
        fetch(f"{self.address}/upstreams/{upstream}/resume", method="POST", headers=self.headers)
