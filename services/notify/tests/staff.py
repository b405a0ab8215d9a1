"""Staff who ask the API."""

from collections.abc import Callable

PATH = "/api/v1/notifications"
Token = Callable[..., str]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
