"""Figures that several services tell: signs of life, disks."""

import time
from pathlib import Path

from mercadito_events.service.beats import beat
from mercadito_events.service.disk import tell_disk
from prometheus_client import REGISTRY, CollectorRegistry


def test_a_part_that_came_round_says_when() -> None:
    began = time.time()
    beat("clock of a test")
    noted = REGISTRY.get_sample_value("mercadito_beat_timestamp_seconds", {"part": "clock of a test"})
    assert noted is not None
    assert began <= noted <= time.time()


def test_a_disk_tells_what_it_holds_and_has_left(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    tell_disk("here", tmp_path, registry)
    size = registry.get_sample_value("mercadito_disk_bytes", {"place": "here"}) or 0
    free = registry.get_sample_value("mercadito_disk_free_bytes", {"place": "here"}) or -1
    assert 0 <= free <= size
    assert size > 0


def test_a_folder_that_is_not_there_yet_says_nothing(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    tell_disk("nowhere", tmp_path / "later", registry)
    assert registry.get_sample_value("mercadito_disk_bytes", {"place": "nowhere"}) is None
    (tmp_path / "later").mkdir()
    assert registry.get_sample_value("mercadito_disk_bytes", {"place": "nowhere"}) is not None
