"""How full the disk under a folder is, for /metrics: asked at each scrape."""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Disk(Collector):
    """Reads the file system that a folder lies on; a folder that is not there yet is left out."""

    def __init__(self, place: str, folder: Path) -> None:
        self._place, self._folder = place, folder

    def collect(self) -> Iterable[Metric]:
        """Yield its size, and what we may still write."""
        size = GaugeMetricFamily("mercadito_disk_bytes", "Size of the disk under a folder", labels=["place"])
        free = GaugeMetricFamily("mercadito_disk_free_bytes", "What may still be written there", labels=["place"])
        try:
            found = os.statvfs(self._folder)
        except OSError:
            pass
        else:
            size.add_metric([self._place], float(found.f_blocks * found.f_frsize))
            free.add_metric([self._place], float(found.f_bavail * found.f_frsize))
        yield from (size, free)


def tell_disk(place: str, folder: Path, registry: CollectorRegistry = REGISTRY) -> None:
    """Have a registry tell it."""
    registry.register(Disk(place, folder))
