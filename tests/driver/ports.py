"""Free ports for what tests start: they stay theirs until it listens, and over its restart."""

import itertools
import random
import socket

# Below those that outgoing connections are given (32,768 and up): while a service is away, thousands of connections
# would otherwise find its port free.
_PORTS = range(20_000, 32_000)
LOOPBACK = "127.0.0.1"
# Each process goes through them in an order of its own: none is given twice before all others were.
_NEXT = itertools.cycle(random.sample(_PORTS, len(_PORTS)))


def free_port(host: str = LOOPBACK) -> int:
    """Return a port at which nobody listens on that address, and which no client is given."""
    while True:
        port = next(_NEXT)
        if _is_free(port, host):
            return port


def free_port_pair() -> int:
    """Return a free port whose successor is free as well (the gateway's admin listener)."""
    while True:
        port = random.choice(_PORTS[:-1:2])
        if _is_free(port, LOOPBACK) and _is_free(port + 1, LOOPBACK):
            return port


def _is_free(port: int, host: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
