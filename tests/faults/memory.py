"""What the containers of a system weigh, as the design counts it: memory of their own and shared, no page cache."""

import re

from tests.driver.system import System
from tests.faults.containers import container, described, docker

# Anonymous and shared memory, where the kernel counts by the first or the second version of cgroups.
_FILES = "cat /sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory/memory.stat 2>/dev/null; true"
_PARTS = ({"anon", "shmem"}, {"total_rss", "total_shmem"})
HELPERS = {"usda-site", "mail-sink"}
SERVICES = ("postgres", "nats", "orders-web", "orders-worker", "realtime", "usda", "notify", "gateway", "backup")
MB = 2**20


def weight(system: System, service: str) -> int:
    """Return the bytes of one service."""
    told = docker("exec", container(system, service), "sh", "-c", _FILES)
    counted = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", told, re.MULTILINE)}
    parts = next(parts for parts in _PARTS if parts <= counted.keys())
    return sum(counted[part] for part in parts)


def weights(system: System) -> dict[str, int]:
    """Return the bytes of each service of the product."""
    return {service: weight(system, service) for service in SERVICES}


def limit(system: System, service: str) -> int:
    """Return the bytes that a service may take."""
    return int(described(system, service)["HostConfig"]["Memory"])
