"""Encryption by age: locked for public keys, so that what stands on the server cannot open what lies there."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mercadito_backup.problems import Failed
from mercadito_backup.programs import run

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/tmp"}  # noqa: S108 - age keeps nothing there
_NAME_DIGITS = 16


def name_of(recipients: Sequence[str]) -> str:
    """Return a short name for a set of keys, the same in whatever order and with whatever remark they are given."""
    keys = sorted({" ".join(each.split()[:2]) for each in recipients})
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:_NAME_DIGITS]


def lock(recipients: Sequence[str]) -> list[str]:
    """Return the command that locks its input so that each of these can open it."""
    return ["age", *(argument for each in recipients for argument in ("--recipient", each))]


def unlock(key: Path, file: Path) -> list[str]:
    """Return the command that opens a file and writes what is in it."""
    return ["age", "--decrypt", "--identity", str(key), str(file)]


def new_key(file: Path) -> str:
    """Make a private key, readable by us alone; return its public half."""
    run(["age-keygen", "--output", str(file)], ENVIRONMENT)
    found = re.search(r"^# public key: (age1[0-9a-z]+)$", file.read_text(), re.MULTILINE)
    if found is None:
        raise Failed("age-keygen made no key")
    return found[1]
