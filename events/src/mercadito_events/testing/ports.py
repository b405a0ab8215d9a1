"""Free ports for servers that tests start."""

import contextlib
import itertools
import random
import socket

# Below those that outgoing connections are given: between the look and the start none of them takes one away.
_PORTS = range(10_000, 20_000)
# Each process goes through them in an order of its own: none is given twice before all others were.
_NEXT = itertools.cycle(random.sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """Return a TCP port on which nothing listens right now."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            port = next(_NEXT)
            listener.bind(("127.0.0.1", port))
            return port
