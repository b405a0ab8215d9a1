"""What the container of a process takes, and what it may take, for /metrics: nobody has to be let near the engine.

Counted as in docs/performance.md: anonymous and shared memory. Files that the kernel keeps at hand are given back
before a limit ends anybody. A process that no container bounds tells its own resident memory, and the machine's.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTROL_GROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self/statm")
# Beyond this a limit is the kernel's way to say that there is none (version 1).
NO_LIMIT = 1 << 60


class Memory(Collector):
    """Reads the control group (version 2, else 1) at each scrape: two small files."""

    def __init__(self, groups: Path = CONTROL_GROUPS, process: Path = PROCESS) -> None:
        self._groups, self._process = groups, process

    def collect(self) -> Iterable[Metric]:
        """Yield what is taken and what may be taken."""
        used, limit = self._read()
        yield GaugeMetricFamily("mercadito_memory_bytes", "Anonymous and shared memory of the container", used)
        yield GaugeMetricFamily("mercadito_memory_limit_bytes", "What the container may take", limit)

    def _read(self) -> tuple[float, float]:
        for limit_file, stat_file, wanted in (
            ("memory.max", "memory.stat", ("anon", "shmem")),
            ("memory/memory.limit_in_bytes", "memory/memory.stat", ("rss", "shmem")),
        ):
            try:
                limit = (self._groups / limit_file).read_text().strip()
                stat = dict(line.split(" ", 1) for line in (self._groups / stat_file).read_text().splitlines())
            except OSError:
                continue
            if limit != "max" and int(limit) < NO_LIMIT:
                return sum(float(stat.get(name, 0)) for name in wanted), float(limit)
        return self._resident(), float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))

    def _resident(self) -> float:
        pages = self._process.read_text().split()[1]
        return float(int(pages) * os.sysconf("SC_PAGE_SIZE"))


def tell_memory(registry: CollectorRegistry = REGISTRY) -> None:
    """Have a registry tell it."""
    registry.register(Memory())
