"""One connection of the HTTP side: uvicorn's own, with what streams need of it and a bound on half requests."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from fastapi import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""A connection that has not sent a whole request head by then is closed."""


class Connection(H11Protocol):
    """Requests find it in ``request.state.connection``; ``on_lost`` is called when it ends.

    Nothing is buffered for a reader that is too slow: with a write limit of 0, whoever writes waits from the first
    byte that the kernel does not take.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_lost: Callable[[], None] | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self.app_state = {**self.app_state, "connection": self}
        self._head_timer = self.loop.call_later(HEAD_S, self._close_without_request)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, however it came."""
        super().connection_lost(exc)
        if self._head_timer is not None:
            self._head_timer.cancel()
        if self.on_lost is not None:
            self.on_lost()
        self.app_state = {}  # it holds this very object

    def _close_without_request(self) -> None:
        first: object = self.cycle  # uvicorn's types do not tell that there is none before the first request
        if first is None:
            self.transport.close()


def connection_of(request: Request) -> Connection:
    """Return the connection that a request came on."""
    return cast("Connection", request.state.connection)
