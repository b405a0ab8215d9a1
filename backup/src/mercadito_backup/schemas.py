"""The steps of each database's schema that this release has, as Alembic's files say them."""

import re
from pathlib import Path

_STEP = re.compile(r'^(revision|down_revision)(?::[^=]+)? = "(\w+)"', re.MULTILINE)


def _told(folder: Path, name: str) -> set[str]:
    found = (_STEP.findall(file.read_text()) for file in folder.glob("*.py"))
    return {value for each in found for what, value in each if what == name}


def steps(folder: Path) -> set[str]:
    """Return all steps that lie there."""
    return _told(folder, "revision")


def newest(folder: Path) -> str | None:
    """Return the step that no other comes after."""
    return next(iter(steps(folder) - _told(folder, "down_revision")), None)
