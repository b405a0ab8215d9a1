"""Cutting ways between containers: all of one, or the one way between two, on which packets then vanish unanswered."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.driver.system import System
from tests.faults.containers import described, docker

COMMAND_WITHIN_S = 20


def cutting_problem() -> str | None:
    """Say why single ways can't be cut here; None where they can."""
    missing = [name for name in ("nsenter", "iptables") if shutil.which(name) is None]
    if missing or os.geteuid():
        return f"cutting the way between two containers needs root and {', '.join(missing) or 'nothing else'}"
    return None


def _addresses(known: dict[str, object]) -> dict[str, str]:
    settings = known["NetworkSettings"]
    assert isinstance(settings, dict)
    return {name: network["IPAddress"] for name, network in settings["Networks"].items() if network["IPAddress"]}


@contextmanager
def unplugged(system: System, service: str) -> Iterator[None]:
    """Take a service off all its networks while the block runs; it comes back under its name, perhaps elsewhere."""
    known = described(system, service)
    networks = list(_addresses(known))
    for network in networks:
        docker("network", "disconnect", network, known["Id"])
    try:
        yield
    finally:
        for network in networks:
            docker("network", "connect", "--alias", service, network, known["Id"])


def _filter(pid: int, action: str, address: str) -> None:
    for chain, side in (("INPUT", "--source"), ("OUTPUT", "--destination")):
        rule = ["iptables", "--wait", action, chain, side, address, "--jump", "DROP"]
        command = ["nsenter", "--target", str(pid), "--net", *rule]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COMMAND_WITHIN_S)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@contextmanager
def cut(system: System, one: str, other: str) -> Iterator[None]:
    """Have every packet between two services vanish while the block runs; both still reach everybody else."""
    here, there = described(system, one), described(system, other)
    shared = _addresses(here).keys() & _addresses(there).keys()
    assert shared, f"{one} and {other} have no network in common"
    with ExitStack() as mended:
        for network in shared:
            pid, address = here["State"]["Pid"], _addresses(there)[network]
            _filter(pid, "--append", address)
            mended.callback(_filter, pid, "--delete", address)
        yield
