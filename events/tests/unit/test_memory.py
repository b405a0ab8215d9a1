"""What a container takes and may take, read from control groups of both versions."""

import os
from pathlib import Path

import pytest
from mercadito_events.service.memory import Memory, tell_memory
from prometheus_client import CollectorRegistry

MIB = 1 << 20


def told(groups: Path, process: Path) -> tuple[float, float]:
    used, limit = (metric.samples[0].value for metric in Memory(groups, process).collect())
    return used, limit


@pytest.fixture
def process(tmp_path: Path) -> Path:
    file = tmp_path / "statm"
    file.write_text("9000 256 100 1 0 500 0\n")
    return file


def test_the_second_version_counts_what_is_not_given_back(tmp_path: Path, process: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{256 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon {50 * MIB}\nfile {90 * MIB}\nshmem {6 * MIB}\n")
    assert told(tmp_path, process) == (56 * MIB, 256 * MIB)


def test_so_does_the_first(tmp_path: Path, process: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text(f"{128 * MIB}\n")
    (folder / "memory.stat").write_text(
        f"cache {90 * MIB}\nrss {40 * MIB}\nshmem {2 * MIB}\nhierarchical_memory_limit 1\n"
    )
    assert told(tmp_path, process) == (42 * MIB, 128 * MIB)


@pytest.mark.parametrize(
    ("limit_file", "limit"), [("memory.max", "max"), ("memory/memory.limit_in_bytes", "9223372036854771712")]
)
def test_without_a_limit_it_is_the_process_alone(tmp_path: Path, process: Path, limit_file: str, limit: str) -> None:
    file = tmp_path / limit_file
    file.parent.mkdir(exist_ok=True)
    file.write_text(limit)
    (file.parent / "memory.stat").write_text("anon 5\nrss 5\n")
    used, bound = told(tmp_path, process)
    assert 0 < used < bound
    assert bound == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert told(tmp_path / "nowhere", process) == (used, bound)


def test_a_registry_tells_it_of_this_very_process() -> None:
    registry = CollectorRegistry()
    tell_memory(registry)
    assert (registry.get_sample_value("mercadito_memory_bytes") or 0) > MIB
    assert (registry.get_sample_value("mercadito_memory_limit_bytes") or 0) > MIB
