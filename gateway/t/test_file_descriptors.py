"""A worker that may open no more files wants for something itself: that says nothing of others."""

import contextlib
import http.client
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from client import eventually
from gateway import Gateway

ENOUGH = 1024


def _allow_descriptors(pid: int, number: int) -> None:
    """Change how many files a process may have open from now on, as its own user: that needs no privilege."""
    owner = Path(f"/proc/{pid}").stat()
    command = ["prlimit", f"--pid={pid}", f"--nofile={number}:"]
    subprocess.run(command, check=True, user=owner.st_uid, group=owner.st_gid, extra_groups=[])


def _events(gateway: Gateway, event: str) -> int:
    return (gateway.folder / "errors").read_text().count(f'"event": "{event}"')


def test_a_worker_without_file_descriptors_strikes_nobody_off(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    workers, falls = set(gateway.workers()), gateway.falls()
    for pid in workers:
        _allow_descriptors(pid, 0)
    # Told once a second: ten times a second it looks whether the others are alive.
    eventually(lambda: _events(gateway, "probe_not_made") >= 2 * len(workers))
    for pid in workers:
        _allow_descriptors(pid, ENOUGH)
    assert gateway.fetch("/", "POST", b"1").status == 200
    assert set(gateway.workers()) == workers
    assert _events(gateway, "worker_died") == 0
    assert gateway.falls() == falls


def _status(gateway: Gateway) -> int | None:
    """Return what a request met with that changes something, or None when nobody took its connection."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return gateway.fetch("/", "POST", b"1").status
    return None


def _dawdle(gateway: Gateway, crowd: ExitStack) -> socket.socket:
    dawdler = crowd.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
    with contextlib.suppress(ConnectionError):
        dawdler.sendall(b"GET / HTTP/1.1\r\nHos")
    return dawdler


def test_a_worker_without_connections_calls_no_service_away(make_gateway: Callable[..., Gateway]) -> None:
    """Whoever finds a connection and none for its service gets a 500 of nginx's own, which is written down."""
    gateway = make_gateway(GATEWAY_CONNECTIONS="64", GATEWAY_WORKERS="1", GATEWAY_CLIENT_HEAD_S="600")
    falls = gateway.falls()
    with ExitStack() as crowd:
        dawdlers = [_dawdle(gateway, crowd) for _ in range(100)]

        def is_one_left() -> bool:
            """Come, until a connection is free, and no second one."""
            status = _status(gateway)
            if status is None:
                dawdlers.pop().close()
            elif status == 200:
                dawdlers.append(_dawdle(gateway, crowd))
            return status == 500

        eventually(is_one_left)
        eventually(lambda: _events(gateway, "internal_error") and _events(gateway, "probe_not_made"))
    assert eventually(lambda: _status(gateway)) == 200
    assert gateway.falls() == falls
