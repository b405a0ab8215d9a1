"""The compose files as `docker compose config` puts them together, and which overlay comes over which."""

import functools
import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.driver.system import ROOT

FOLDER = ROOT / "compose"
CORE = FOLDER / "compose.yaml"
RENDERED_WITHIN_S = 60
ASKED_WITHIN_S = 30

Service = dict[str, Any]


def overlays() -> list[str]:
    """Return the names of all overlays in the folder: `demo` for compose.demo.yaml."""
    return sorted(file.name.split(".")[1] for file in FOLDER.glob("compose.*.yaml"))


def file_of(name: str) -> Path:
    """Return an overlay's file."""
    return FOLDER / f"compose.{name}.yaml"


def needs(name: str) -> set[str]:
    """Return the overlays that one comes over, as its first line says them."""
    first = file_of(name).read_text().splitlines()[0]
    return set(re.findall(r"compose\.([a-z]+)\.yaml", first))


def together(*names: str) -> tuple[str, ...]:
    """Return these with all that they come over, each after what it needs."""
    found: list[str] = []

    def add(name: str) -> None:
        for needed in sorted(needs(name)):
            add(needed)
        if name not in found:
            found.append(name)

    for name in names:
        add(name)
    return tuple(found)


def combinations() -> list[tuple[str, ...]]:
    """Return none, each alone, every two, and all: what one amends of another shows in a pair already."""
    pairs = itertools.combinations(overlays(), 2)
    chosen = [(), *((name,) for name in overlays()), *pairs, tuple(overlays())]
    return list(dict.fromkeys(together(*names) for names in chosen))


def given(*files: Path) -> dict[str, str]:
    """Return an environment with what the files demand (`${NAME:?}`) and nothing else."""
    demanded = {name for file in files for name in re.findall(r"\$\{([A-Z_0-9]+):?\?", file.read_text())}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | dict.fromkeys(demanded, "/srv/given")


def config(names: tuple[str, ...], *options: str) -> "subprocess.CompletedProcess[str]":
    """Have Compose put the core file and these overlays together, with every profile."""
    files = [CORE, *map(file_of, names)]
    command = ["docker", "compose", "--env-file", "/dev/null", "--project-directory", str(FOLDER), "--profile", "*"]
    command += [part for file in files for part in ("--file", str(file))]
    return subprocess.run(
        [*command, "config", *options],
        env=given(*files),
        check=False,
        capture_output=True,
        text=True,
        timeout=RENDERED_WITHIN_S,
    )


@functools.cache
def rendered(*names: str) -> dict[str, Any]:
    """Return what Compose makes of these overlays over the core."""
    done = config(together(*names), "--format", "json")
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@functools.cache
def compose_problem() -> str | None:
    """Say why nothing can be put together here; None where it can."""
    try:
        asked = subprocess.run(
            ["docker", "compose", "version"], check=False, capture_output=True, text=True, timeout=ASKED_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"no Compose: {problem} (compose/engine/prepare sets one up)"
    return None if asked.returncode == 0 else f"no Compose: {asked.stderr.strip()}"


def seconds(duration: str) -> float:
    """Return how long `2m0s` is."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))
