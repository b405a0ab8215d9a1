"""More ways for a service to fail: what comes back is no whole answer, or comes too late."""

import socket
import threading
from collections.abc import Iterable

from faulty import Behaviour, Request

TRICKLE_S = 0.05
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"


def says(*parts: bytes, then_closes: bool = True) -> Behaviour:
    """Answer with bytes as they are."""

    def behave(connection: socket.socket, _: Request) -> bool:
        for part in parts:
            connection.sendall(part)
        return not then_closes

    return behave


def trickles(parts: Iterable[bytes], between: threading.Event) -> Behaviour:
    """Answer one part at a time; once `between` is set, the rest comes at once."""

    def behave(connection: socket.socket, _: Request) -> bool:
        for part in parts:
            connection.sendall(part)
            between.wait(TRICKLE_S)
        return True

    return behave
