"""The images that the stack was started from: how large, what is in them, what they tell, how they are built again."""

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver.system import ROOT, System
from tests.sbom import bill
from tests.sbom.inventory import Inventory, read

MB = 1_000_000
VERSION = os.environ.get("MERCADITO_VERSION") or "0.1.0"
BASES = {
    "gateway": "openresty/openresty:1.27.1.2-5-bookworm",
    "nats": "nats:2.12.3-alpine",
    "backup": "postgres:17-trixie",
}
PYTHON_BASE = "python:3.13-slim-trixie"
# What each may add to its base.
LARGEST = {
    "orders": 180,
    "realtime": 180,
    "notify": 180,
    "demo": 180,
    "usda-ingest": 300,
    "gateway": 10,
    "nats": 5,
    "backup": 250,
}
OURS = {"orders", "realtime", "usda-ingest", "notify", "demo"}
BUILDS = re.compile(
    r"/s?bin/(pip[0-9.]*|easy_install|([a-z0-9_]+-)*(gcc|g\+\+|cpp|ld|as)(-\d+)?|cc|c\+\+|make|uv|npm|git)$"
    r"|/site-packages/(pip|setuptools|wheel|hatchling)/|/ensurepip/|\.whl$"
)
LEFT_OVERS = re.compile(r"/\.git/|/\.cache/pip|/(tests?|\.pytest_cache|\.mypy_cache|\.hypothesis)/[^/]+\.pyc?$|/\.env$")
BUILT_WITHIN_S = 300
REVISION_LENGTH = 40


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.strip()


@pytest.fixture(scope="module", params=sorted(LARGEST))
def inventory(request: pytest.FixtureRequest, system: System) -> Inventory:
    return read(f"mercadito/{request.param}:{VERSION}")


def name_of(inventory: Inventory) -> str:
    return inventory.image.split("/")[1].split(":")[0]


def size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def test_it_adds_little_to_its_base(inventory: Inventory) -> None:
    name = name_of(inventory)
    added = size(inventory.image) - size(BASES.get(name, PYTHON_BASE))
    assert 0 < added < LARGEST[name] * MB


def test_nothing_in_it_builds_or_installs(inventory: Inventory) -> None:
    assert len(inventory.paths) > 1_000
    if name_of(inventory) in OURS:
        assert [path for path in inventory.paths if BUILDS.search(path)] == []
    assert {package.name for package in inventory.packages} & {
        "gcc",
        "g++",
        "make",
        "git",
        "pip",
        "setuptools",
    } == set()


def test_no_key_no_test_and_no_cache_is_in_it(inventory: Inventory) -> None:
    assert inventory.private_keys == []
    mine = [path for path in inventory.paths if path.startswith(("/opt/", "/srv/", "/build", "/root/", "/wheels"))]
    assert [path for path in mine if LEFT_OVERS.search(path)] == []
    assert not [path for path in inventory.paths if path.startswith(("/build/", "/wheels/", "/opt/builder"))]


def test_it_says_what_it_is_and_is_nobodys_root(inventory: Inventory) -> None:
    text = docker("image", "inspect", "--format", "{{.Config.User}} {{json .Config.Labels}}", inventory.image)
    user, labels = text.split(" ", 1)
    assert user == "10001:10001"
    for wanted in (
        'image.title":"mercadito-',
        'image.description":"',
        f'image.version":"{VERSION}"',
        'image.source":"',
    ):
        assert wanted in labels
    # compose/up asks git for it.
    assert re.search(rf'image.revision":"[0-9a-f]{{{REVISION_LENGTH}}}(-dirty)?"', labels)


def test_its_own_code_and_all_that_is_pinned_is_in_its_bill(inventory: Inventory) -> None:
    text = bill.bill(inventory)
    assert "bomFormat" in text
    found = {(package.name, package.version) for package in inventory.of("pypi")}
    name = name_of(inventory)
    if name in OURS:
        assert f"mercadito-{name}" in {each for each, _ in found}
        pinned = bill.pins(name)
        # Some pins are for other systems; what is there is all pinned, and every pin of it has its hashes in the bill.
        foreign = {each for each, _ in found} - {each for each, _ in pinned}
        assert foreign <= {"mercadito-events", f"mercadito-{name}"}
        here = found & set(pinned)
        assert len(here) == len(found) - len(foreign)
        assert all(pinned[each] and all(digest in text for digest in pinned[each]) for each in here)
    if name != "nats" or inventory.of("deb"):
        assert len(inventory.of("deb")) > 50
    assert all(package.version for package in inventory.packages)


def test_a_bill_that_is_no_cyclonedx_is_refused() -> None:
    with pytest.raises(bill.NotValid):
        bill.check('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": 1}]}')


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Path]:
    """What an image of orders is built from, to be changed."""
    for name in ("requirements-installer.txt", "requirements-build.txt", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    left_out = shutil.ignore_patterns(".venv", "__pycache__", "node_modules", "tests", ".*_cache", ".hypothesis")
    for folder in ("compose", "events", "services/orders"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    yield tmp_path
    subprocess.run(
        ["docker", "image", "rm", "--force", f"mercadito/orders:{VERSION}-changed"], check=False, capture_output=True
    )


def test_after_a_change_of_code_what_it_needs_is_not_installed_again(system: System, copied: Path) -> None:
    changed = copied / "services" / "orders" / "src" / "orders" / "__init__.py"
    # Another change each time: the builder remembers those of earlier runs.
    changed.write_text(f'{changed.read_text()}\nCHANGED = "{uuid.uuid4()}"\n')
    stand_in = docker(
        "image", "inspect", "--format", '{{index .Config.Labels "example.mercadito.stand-in"}}', PYTHON_BASE
    )
    files = [
        "compose.yaml",
        *(["compose.engine.yaml"] if stand_in not in {"", "<no value>"} else []),
    ]
    options = [part for name in files for part in ("--file", str(copied / "compose" / name))]
    done = subprocess.run(
        ["docker", "compose", "--progress", "plain", *options, "build", "orders-web"],
        env={**system.environment, "MERCADITO_VERSION": f"{VERSION}-changed"},
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILT_WITHIN_S,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    steps = dict(re.findall(r"^(#\d+) \[[^\]]*\] ((?:RUN|COPY) .*)$", said, re.MULTILINE))
    cached = set(re.findall(r"^(#\d+) CACHED$", said, re.MULTILINE))
    again = [step for number, step in steps.items() if number not in cached]
    assert any(step.startswith("RUN /opt/builder/bin/pip wheel") for step in again), said
    assert any(step.startswith("COPY --from=build") for number, step in steps.items() if number in cached), said
    assert [step for step in again if "requirements" in step or "--from=build" in step or "compileall" in step] == []
