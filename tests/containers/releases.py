"""Releases for tests: the images of another one under a new name, with something in them that makes them new."""

import os
import subprocess

from tests.containers.conftest import COMPOSE, STARTED_WITHIN_S
from tests.driver.system import System

# What compose/up tags its images with.
BASE = os.environ.get("MERCADITO_VERSION", "0.1.0")
IMAGES = ("orders", "realtime", "usda-ingest", "notify", "gateway", "nats", "backup", "demo")
MADE_WITHIN_S = 120


def make_release(name: str, *, of: str, broken: str = "") -> None:
    """Make a release of new images; the one called `broken` ends as soon as it starts."""
    for image in IMAGES:
        lines = [f"FROM mercadito/{image}:{of}", f"LABEL example.mercadito.test={name}"]
        if image == broken:
            lines += ['ENTRYPOINT ["false"]']
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", f"mercadito/{image}:{name}", "-"],
            input="\n".join(lines),
            check=True,
            capture_output=True,
            text=True,
            timeout=MADE_WITHIN_S,
        )


def forget_release(name: str) -> None:
    """Remove its images."""
    images = [f"mercadito/{image}:{name}" for image in IMAGES]
    subprocess.run(["docker", "rmi", *images], check=False, capture_output=True, timeout=MADE_WITHIN_S)


def tried(system: System, command: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one of compose's scripts, whatever comes of it; what it prints is in `stdout`."""
    return subprocess.run(
        [str(COMPOSE / command), *arguments],
        env=system.environment | environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STARTED_WITHIN_S,
    )
