"""Free ports for servers that tests start."""

import contextlib
import random
import socket

# Below those that outgoing connections are given: between the look and the start none of them takes one away.
_PORTS = range(10_000, 20_000)


def free_port() -> int:
    """Return a TCP port on which nothing listens right now."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            port = random.choice(_PORTS)
            listener.bind(("127.0.0.1", port))
            return port
