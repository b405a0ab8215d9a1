"""What a backup says of itself: readable without a key, so that it can be judged before anything is touched."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from mercadito_backup.problems import Refused

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Dump:
    """One database as it was at the moment of the backup."""

    file: str
    size: int
    sha256: str
    revision: str
    """The newest step of its schema."""
    rows: dict[str, int]
    """How many each table had, counted in the snapshot that was dumped."""
    database_bytes: int
    """What the database took on its server's disk: about what restoring it takes."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup."""

    taken_at: datetime
    seconds: float
    databases: dict[str, Dump]
    raw_files: int
    known: dict[str, str | None]
    """The newest step of each schema that the release had which took it. The schemas themselves may be newer: after a
    rollback that release is at work on those of the one after it, and can restore them."""

    def write(self, folder: Path) -> None:
        """Put it beside the dumps; on the disk when this returns, since by it alone they are a backup."""
        known = asdict(self) | {"version": VERSION, "taken_at": self.taken_at.isoformat()}
        with (folder / NAME).open("w") as file:
            file.write(json.dumps(known, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def size(self) -> int:
        """Bytes of all its dumps."""
        return sum(dump.size for dump in self.databases.values())


def read(folder: Path) -> Manifest:
    """Read a backup's manifest.

    Raises:
        Refused: there is none, or it can't be understood.

    """
    try:
        known = json.loads((folder / NAME).read_bytes())
        if known["version"] != VERSION:
            raise Refused(f"{folder.name} was made by another version of backups ({known['version']})")
        return Manifest(
            datetime.fromisoformat(known["taken_at"]),
            known["seconds"],
            {name: Dump(**dump) for name, dump in known["databases"].items()},
            known["raw_files"],
            known.get("known") or {},
        )
    except FileNotFoundError:
        raise Refused(f"{folder.name} has no {NAME}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Refused(f"{folder.name}/{NAME} is damaged: {type(problem).__name__}: {problem}") from None
