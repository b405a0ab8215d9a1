"""A worker that may open no more files wants for something itself: that says nothing of others."""

import subprocess
from collections.abc import Callable
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
