"""A listening socket that other processes may share (SO_REUSEPORT): the kernel spreads new connections over them."""

import socket

SEND_BUFFER_BYTES = 32 * 1024
"""What the kernel may hold for a client (Linux doubles it); small, so that a slow one is noticed here."""

USER_TIMEOUT_MS = 20_000
"""A client whose network acknowledges nothing for so long is cut by the kernel."""


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; what it accepts has the options above.

    Raises:
        OSError: the port is taken by someone who does not share it, or the host is not here.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
