"""What is served of others' packages is what npm's lock file pins, byte for byte (ADR 37)."""

import json
from pathlib import Path

import pytest

SERVICE = Path(__file__).resolve().parents[3]
SERVED = SERVICE / "src/orders/static/vendor"
PACKAGES = SERVICE / "node_modules"
LOCK = json.loads((SERVICE / "package-lock.json").read_text())["packages"]
SOURCES = {"chart.umd.min.js": "chart.js/dist/chart.umd.min.js", "chart.LICENSE.md": "chart.js/LICENSE.md"}


def test_every_served_file_is_known() -> None:
    assert {file.name for file in SERVED.iterdir()} == set(SOURCES)


@pytest.mark.parametrize("served", SOURCES)
def test_a_served_file_is_the_packages_own(served: str) -> None:
    source = PACKAGES / SOURCES[served]
    assert source.exists(), "python3 -m native.environments --test services/orders installs it"
    assert (SERVED / served).read_bytes() == source.read_bytes()


def test_the_installed_version_is_the_locked_one() -> None:
    installed = json.loads((PACKAGES / "chart.js/package.json").read_text())["version"]
    declared = json.loads((SERVICE / "package.json").read_text())["dependencies"]["chart.js"]
    assert installed == declared == LOCK["node_modules/chart.js"]["version"]


def test_the_lock_file_holds_hashes_and_no_addresses() -> None:
    packages = {name: entry for name, entry in LOCK.items() if name}
    assert packages
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name


def test_nothing_served_makes_code_of_text() -> None:
    """The policy is `default-src 'self'`: neither would run."""
    text = (SERVED / "chart.umd.min.js").read_text()
    assert "eval(" not in text
    assert "new Function" not in text
