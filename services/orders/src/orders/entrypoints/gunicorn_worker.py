"""The gunicorn worker that a restart and a kill are harmless with."""

import select
import socket
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # it has no types of its own

from orders.entrypoints.health import DRAINING

# Larger answers are sent in parts of this size.
LARGEST_GATHERED_BYTES = 1_000_000


class Gathering:
    """A socket that keeps what is written until it is flushed."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._kept = bytearray()

    def sendall(self, data: bytes) -> None:
        """Keep the data; beyond the bound, send what there is."""
        self._kept += data
        if len(self._kept) > LARGEST_GATHERED_BYTES:
            self.flush()

    def sendfile(self, *arguments: Any) -> int:
        """Send a file after what was kept."""
        self.flush()
        return self._sock.sendfile(*arguments)

    def flush(self) -> None:
        """Send what was kept, in one call."""
        if self._kept:
            self._sock.sendall(self._kept)
            self._kept.clear()

    def __getattr__(self, name: str) -> Any:
        """Be the socket in everything else."""
        return getattr(self._sock, name)


class OrdersWorker(ThreadWorker):  # type: ignore[misc]
    """gthread that refuses connections as soon as it drains, and sends each answer whole.

    Draining: gunicorn's own keeps the socket open while it finishes what it holds: who connects meanwhile is accepted
    by the kernel, sends a request, and is cut off without an answer when the process ends. Refused, the gateway knows
    that nothing was sent, and holds the request. What had connected before is still served.

    Whole answers: gunicorn sends head and body one after the other. Killed in between, it leaves half an answer, which
    nobody can repeat; killed before, it leaves none, and the gateway asks again.
    """

    sockets: list[socket.socket]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say in /readyz that this worker is draining, and begin to."""
        DRAINING.begun = True
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Close the listening sockets when accepting ends for good."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        listeners, self.sockets = self.sockets, []
        for listener in listeners:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer one request; what was written is sent when it is complete, and dropped when writing it failed."""
        whole = conn.sock
        conn.sock = Gathering(whole)
        try:
            goes_on = super().handle_request(req, conn)
            conn.sock.flush()
        finally:
            conn.sock = whole
        return goes_on
