"""A volume that can be full: a service's data moved to a small one in memory, and back again afterwards."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.driver.system import ROOT, System
from tests.faults.containers import becomes_well, container, described, docker, project

MOVED_WITHIN_S = 120
COMPOSE = ROOT / "compose"


@dataclass(frozen=True)
class SmallDisk:
    """The volume, and the container that keeps it mounted: what lies in memory would be gone with its last user."""

    holder: str

    def fill(self) -> None:
        """Leave not one block free."""
        docker("exec", self.holder, "sh", "-c", "cat /dev/zero >/small/filler 2>/dev/null; true")

    def empty(self) -> None:
        """Give the room back."""
        docker("exec", self.holder, "rm", "-f", "/small/filler")


def _up(system: System, service: str, override: str | None) -> None:
    files = ["--file", str(COMPOSE / "compose.yaml"), *(["--file", "-"] if override else [])]
    command = ["docker", "compose", "--progress", "quiet", "--project-directory", str(COMPOSE), *files]
    done = subprocess.run(
        [*command, "up", "--detach", "--no-deps", "--no-build", service],
        input=override or "",
        env=system.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=MOVED_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    becomes_well(system, service)


@contextmanager
def small_disk(system: System, service: str, *, target: str, megabytes: int) -> Iterator[SmallDisk]:
    """Lend a service so small a disk in place of its volume; what it holds in the end is put back."""
    known = described(system, service)
    usual = next(mount["Name"] for mount in known["Mounts"] if mount["Destination"] == target)
    small = f"{project(system)}_small_{service}"
    options = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", f"o=size={megabytes}m"]
    docker("volume", "create", "--driver", "local", *options, small)
    mounts = ["--volume", f"{usual}:/usual", "--volume", f"{small}:/small"]
    image = known["Config"]["Image"]
    holder = docker("run", "--detach", "--rm", "--user", "0", *mounts, "--entrypoint", "sleep", image, "3600").strip()
    override = (
        f'services: {{{service}: {{volumes: ["small:{target}"]}}}}\n'
        f"volumes: {{small: {{external: true, name: {small}}}}}\n"
    )
    try:
        _move(system, service, holder, "/usual", "/small")
        try:
            _up(system, service, override)
            yield SmallDisk(holder)
        finally:
            _move(system, service, holder, "/small", "/usual")
            _up(system, service, None)
    finally:
        docker("rm", "--force", "--volumes", holder)
        docker("volume", "rm", "--force", small)


def _move(system: System, service: str, holder: str, old: str, new: str) -> None:
    docker("stop", container(system, service))
    docker("exec", holder, "sh", "-c", f"rm -f {old}/filler && find {new} -mindepth 1 -delete && cp -a {old}/. {new}/")
