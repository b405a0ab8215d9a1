"""A worker that stands still keeps what is its own waiting, and nobody else."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from client import eventually
from gateway import Gateway
from wire import DEADLINE_S

GET = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
TRIES = 100  # to meet with both workers: the kernel chooses


def _inode(gateway: Gateway, client: socket.socket) -> str | None:
    """Return what the kernel calls the gateway's end of a connection."""
    ends = [f":{gateway.port:04X}", f":{client.getsockname()[1]:04X}"]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1][-5:] == ends[0] and fields[2][-5:] == ends[1]:
            return f"socket:[{fields[9]}]"
    return None


def _worker_of(gateway: Gateway, client: socket.socket) -> int | None:
    inode = _inode(gateway, client)
    for pid in gateway.workers():
        for place in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # one of a probe is closed while we look
                if str(place.readlink()) == inode:
                    return pid
    return None


def _come(gateway: Gateway, crowd: ExitStack, number: int) -> tuple[socket.socket, int]:
    """Wait at the gateway; return the connection and its worker."""
    client = crowd.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE_S))
    client.sendall(GET)
    gateway.wait_for_waiting(number)
    return client, eventually(lambda: _worker_of(gateway, client))


def test_nobody_waits_for_a_worker_that_stands_still(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(away=("orders",), GATEWAY_HOLD_S="60")
    with ExitStack() as crowd:
        first, stopped = _come(gateway, crowd, 1)
        comers = (_come(gateway, crowd, number) for number in range(2, TRIES))
        later = next(client for client, worker in comers if worker != stopped)
        os.kill(stopped, signal.SIGSTOP)
        gateway.orders.start()
        assert later.recv(100).startswith(b"HTTP/1.1 200")
        os.kill(stopped, signal.SIGCONT)
        assert first.recv(100).startswith(b"HTTP/1.1 200")
