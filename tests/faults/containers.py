"""The containers of one system, and what can be done to each from outside."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.driver.polling import eventually
from tests.driver.system import System

COMMAND_WITHIN_S = 60
BACK_WITHIN_S = 90


def docker(*arguments: str) -> str:
    """Run a command of the engine; return what it prints."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, timeout=COMMAND_WITHIN_S)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def project(system: System) -> str:
    """Return the name that tells this system's containers from others'."""
    return system.environment["COMPOSE_PROJECT_NAME"]


def container(system: System, service: str) -> str:
    """Return the id of a service's container, running or not."""
    labels = (f"project={project(system)}", f"service={service}", "oneoff=False")
    filters = [part for label in labels for part in ("--filter", f"label=com.docker.compose.{label}")]
    found = docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
    assert len(found) == 1, f"{service}: {found}"
    return found[0]


def described(system: System, service: str) -> dict[str, Any]:
    """Return what the engine knows of a service's container."""
    (known,) = json.loads(docker("inspect", container(system, service)))
    return dict(known)


def is_well(system: System, service: str) -> bool:
    """Say whether the container runs and its own health check, asked now, is content."""
    known = described(system, service)
    if known["State"]["Status"] != "running":
        return False
    check = known["Config"]["Healthcheck"]["Test"]
    asked = ["docker", "exec", known["Id"], *check[1:]]
    return subprocess.run(asked, check=False, capture_output=True, timeout=COMMAND_WITHIN_S).returncode == 0


def said(system: System, service: str, *, last: int) -> str:
    """Return the last lines of a service's log, of which some write to standard error."""
    asked = ["docker", "logs", "--tail", str(last), container(system, service)]
    done = subprocess.run(
        asked, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_WITHIN_S
    )
    return done.stdout


def becomes_well(system: System, service: str, *, within_s: float = BACK_WITHIN_S) -> None:
    """Wait until it does."""
    eventually(lambda: is_well(system, service), within_s=within_s, what=f"{service} well")


@contextmanager
def stopped(system: System, service: str) -> Iterator[None]:
    """Stop a service while the block runs."""
    docker("stop", container(system, service))
    try:
        yield
    finally:
        docker("start", container(system, service))
    becomes_well(system, service)


@contextmanager
def frozen(system: System, service: str) -> Iterator[None]:
    """Freeze a service while the block runs: it is there, and answers nothing."""
    docker("pause", container(system, service))
    try:
        yield
    finally:
        docker("unpause", container(system, service))
    becomes_well(system, service)


def sql(system: System, database: str, statement: str) -> list[list[str]]:
    """Run a statement as the superuser inside PostgreSQL's container; return rows of texts."""
    psql = ["psql", "-XqAt", "-F", "\t", "--username", "postgres", "--dbname", database, "--command", statement]
    said = docker("exec", "--user", "999", container(system, "postgres"), *psql)
    return [line.split("\t") for line in said.splitlines()]
