"""Reading a dump: into an empty database, for the drill and for the restore alike."""

from collections.abc import Mapping
from pathlib import Path

from mercadito_backup.locking import ENVIRONMENT, unlock
from mercadito_backup.programs import chained, read_all


def pg_restore(*options: str) -> list[str]:
    """Return the command that reads a dump from its input to the end: what pg_restore leaves must be sound, too."""
    return ["sh", "-c", 'pg_restore "$@" && exec cat >/dev/null', "pg_restore", *options]


def load(key: Path, file: Path, database: str, env: Mapping[str, str]) -> None:
    """Restore one dump into an empty database.

    Raises:
        Failed: the key does not open it, it is damaged, or a statement failed.

    """
    chained(
        [unlock(key, file), pg_restore("--exit-on-error", "--single-transaction", f"--dbname={database}")],
        {**ENVIRONMENT, **env},
        read_all,
    )
