"""Building the images again: after nothing, after a line of code, after another revision, after one dependency."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.world import ROOT, BenchFailed

TAG = "0.1.0-bench"
# Service of compose to the folder and the package of its image.
IMAGES = {
    "orders-web": ("services/orders", "orders"),
    "realtime": ("services/realtime", "realtime"),
    "usda": ("services/usda-ingest", "usda_ingest"),
    "notify": ("services/notify", "notify"),
}
NAMES = {"orders-web": "orders", "usda": "usda-ingest"}
FOLDERS = ("compose", "events", "services", "gateway", "backup", "demo")
CODE_LIMIT_S = 5.0
DEPENDENCY_LIMIT_S = 30.0
BUILT_WITHIN_S = 600
LEFT_OUT = shutil.ignore_patterns(".venv", "__pycache__", "node_modules", "tests", ".*_cache", ".hypothesis", ".state")


def run() -> Report:
    """Build each image in each situation, from a copy of the tree."""
    report = Report("images")
    folder = Path(tempfile.mkdtemp(prefix="mercadito-bench-images-"))
    try:
        for name in ("requirements-installer.txt", "requirements-build.txt", ".dockerignore"):
            shutil.copy(ROOT / name, folder / name)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
        for service in IMAGES:
            _measure(report, folder, service)
    finally:
        shutil.rmtree(folder)
        names = [f"mercadito/{NAMES.get(service, service)}:{TAG}" for service in IMAGES]
        subprocess.run(["docker", "image", "rm", "--force", *names], check=False, capture_output=True)
    report.notes.append("a dependency: one pin's hash list is cut by a line, so that all of them are installed again")
    return report


def _measure(report: Report, folder: Path, service: str) -> None:
    project, package = IMAGES[service]
    _build(folder, service)
    report.add(f"{service}: nothing changed", "s", _build(folder, service))
    report.must(f"{service}: another revision", "s", _build(folder, service, revision="another"), at_most=CODE_LIMIT_S)
    code = folder / project / "src" / package / "__init__.py"
    report.must(f"{service}: a line of code", "s", _changed(folder, service, code, _with_a_line), at_most=CODE_LIMIT_S)
    pins = folder / project / "requirements.txt"
    took_s = _changed(folder, service, pins, _with_one_hash_less)
    report.must(f"{service}: a dependency", "s", took_s, at_most=DEPENDENCY_LIMIT_S)


def _changed(folder: Path, service: str, file: Path, change: Callable[[str], str]) -> float:
    before = file.read_text()
    after = change(before)
    if after == before:
        raise BenchFailed(f"{file} could not be changed")
    file.write_text(after)
    return _build(folder, service)


def _with_a_line(code: str) -> str:
    return f"{code}\nCHANGED_AT = {time.time_ns()}\n"


def _with_one_hash_less(pins: str) -> str:
    """Drop the first hash of the package that has most: what is allowed changes, what is installed does not."""
    entries = re.split(r"\n(?=\S)", pins)
    most = max(range(len(entries)), key=lambda place: entries[place].count("--hash="))
    entries[most] = re.sub(r"\n    --hash=\S+ \\", "", entries[most], count=1)
    # The builder remembers the pins of earlier runs.
    return "\n".join([*entries, f"# {time.time_ns()}", ""])


def _build(folder: Path, service: str, revision: str = "unknown") -> float:
    """Build one image; return the seconds it took."""
    base = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", "python:3.13-slim-trixie"],
        check=False,
        capture_output=True,
        text=True,
    )
    files = ["compose.yaml", *(["compose.engine.yaml"] if "stand-in" in base.stdout else [])]
    options = [part for name in files for part in ("--file", str(folder / "compose" / name))]
    settings = {"MERCADITO_VERSION": TAG, "MERCADITO_REVISION": revision, "MERCADITO_STATE_DIR": str(folder)}
    began = time.monotonic()
    done = subprocess.run(
        ["docker", "compose", "--progress", "plain", *options, "build", service],
        env={**os.environ, **settings},
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILT_WITHIN_S,
    )
    if done.returncode:
        raise BenchFailed(f"building {service}: {(done.stdout + done.stderr)[-2000:]} (compose/engine/prepare helps)")
    return time.monotonic() - began
