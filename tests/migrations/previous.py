"""The release before this one, checked out beside this tree: its tests and its processes meet the new schema.

It is the last tag `v*` before this commit; where there is none yet, the commit `BEFORE_THE_FIRST_TAG`.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from native.state import ROOT
from tests.migrations.services import SERVICES

# The end of the week before; every service has migrated since. Not read any more once a release is tagged.
BEFORE_THE_FIRST_TAG = "eba8c683691c79b3041019be173b092067367cfe"
FOLDER = ROOT / "tests" / ".previous"
GIT_WITHIN_S = 120
SHALLOW = "this clone is shallow"
INSTALLED_WITHIN_S = 600


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, timeout=GIT_WITHIN_S)


def _is_here(commit: str) -> bool:
    return _git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _lacks_history() -> str:
    """Say why commits may be missing here that exist elsewhere; empty where this clone is whole."""
    shallow = _git("rev-parse", "--is-shallow-repository")
    if shallow.returncode:
        return "this is no git checkout"
    return SHALLOW if shallow.stdout.strip() == b"true" else ""


def commit() -> str:
    """Return the commit of the release before.

    Skips, saying why, where this checkout has no history and cannot fetch it; fails where the history is whole.
    """
    lacking = _lacks_history()
    if lacking == SHALLOW:
        # Tags and what lies between them: without those the last release could not be known.
        _git("fetch", "--quiet", "--unshallow", "--tags", "origin")
        lacking = _lacks_history()
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    wanted = tag.stdout.decode().strip() if tag.returncode == 0 else BEFORE_THE_FIRST_TAG
    if not _is_here(wanted):
        if lacking:
            pytest.skip(f"NO TEST AGAINST THE RELEASE BEFORE: {lacking} and {wanted} cannot be fetched")
        pytest.fail(f"the history is whole, and {wanted} is not in it")
    return _git("rev-parse", f"{wanted}^{{commit}}").stdout.decode().strip()


def files(of: str, folder: str) -> dict[str, str]:
    """Return the texts of the files that the commit has in a folder, by name."""
    listed = _git("ls-tree", "--name-only", of, f"{folder}/")
    assert listed.returncode == 0, listed.stderr
    names = [name for name in listed.stdout.decode().splitlines() if name.endswith(".py")]
    return {name: _git("show", f"{of}:{name}").stdout.decode() for name in names}


def checkout(of: str) -> Path:
    """Return a folder with that commit's tree and the environments of its services, made once."""
    folder = FOLDER / of[:12]
    mark = folder / "ready"
    if mark.exists():
        return folder
    # One at a time: its environments take 400 MB.
    shutil.rmtree(FOLDER, ignore_errors=True)
    unpack(of, folder)
    projects = [service.project for service in SERVICES]
    _must_succeed([sys.executable, "-m", "native.environments", "--test", *projects], folder)
    mark.touch()
    return folder


def unpack(of: str, folder: Path) -> None:
    """Write that commit's tree into a new folder."""
    folder.mkdir(parents=True)
    packed = folder / "tree.tar"
    written = _git("archive", "--format=tar", f"--output={packed}", of)
    assert written.returncode == 0, written.stderr
    _must_succeed(["tar", "--extract", "--file", str(packed)], folder)
    packed.unlink()


def give_new_steps(folder: Path) -> None:
    """Give an old tree this tree's migration steps: what its tests set up then has the new schema."""
    for service in SERVICES:
        old = folder / service.project / "migrations" / "versions"
        for step in service.steps:
            shutil.copyfile(step, old / step.name)


def _must_succeed(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALLED_WITHIN_S)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
