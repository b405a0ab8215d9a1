"""Whether the databases' disk has room for the restored ones beside those in use, which stay until the exchange."""

from contextlib import suppress
from dataclasses import dataclass

from mercadito_backup.databases import DATABASES, PSQL
from mercadito_backup.manifest import Manifest
from mercadito_backup.problems import Failed, Refused
from mercadito_backup.programs import run
from mercadito_backup.settings import MB, Server

# Asked of the server itself, which may be on another machine; where it can't tell, nobody knows.
FREE = "df --output=avail --block-size=1 . | tail -n 1"
DEADLINE_S = 60


@dataclass(frozen=True, slots=True)
class Room:
    """What there is on the disk of the databases."""

    free: int
    left_over: int
    """What a restore that broke off left there: the next one drops it first."""
    aside: int
    """What the last restore put aside, and may be dropped."""
    log: int
    """So much the log of changes may grow at most."""


def look(server: Server, *, left_over: str, aside: str, mark: str) -> Room | None:
    """Ask the server; None where it can't be asked, or can't tell.

    What was put aside counts as nothing while ``mark`` says that a restore is under way: then it is what was in use.
    """
    asked = (
        f"SELECT (SELECT free FROM told), {_size_of(left_over)},"  # noqa: S608 - our names
        f" CASE WHEN EXISTS (SELECT FROM pg_database WHERE shobj_description(oid, 'pg_database') = '{mark}')"
        f" THEN 0 ELSE {_size_of(aside)} END, pg_size_bytes(current_setting('max_wal_size'));"
    )
    statements = (
        "BEGIN;",
        "CREATE TEMPORARY TABLE told (free bigint) ON COMMIT DROP;",
        f"COPY told FROM PROGRAM '{FREE}';",
        asked,
        "ROLLBACK;",
    )
    with suppress(Failed, ValueError):
        said = run(
            [*PSQL, "--dbname", "postgres"], server.environment, given="\n".join(statements), deadline_s=DEADLINE_S
        )
        return Room(*(int(figure) for figure in said.split("|")))
    return None


def _size_of(end: str) -> str:
    names = ", ".join(f"'{name}{end}'" for name in DATABASES)
    return f"(SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database WHERE datname IN ({names}))"  # noqa: S608 - our names


def need(made: Manifest, room: Room | None) -> None:
    """Refuse what would fill the disk; the databases in use could not be written to any more, either.

    Raises:
        Refused: there is too little room.

    """
    if room is None:
        return
    rows = sum(dump.database_bytes for dump in made.databases.values())
    # Each row is written twice, but the log goes when there is enough of it.
    wanted = rows + min(rows, 2 * room.log)
    there = room.free + room.left_over
    if wanted > there:
        may_go = (
            f". What the last restore put aside takes {room.aside // MB} MB: compose/restore --forget drops it"
            " (on a cluster mercadito-backup forget)"
        )
        raise Refused(
            f"the restored databases need about {wanted // MB} MB beside those in use, and their disk has {there // MB}"
            f" MB: make room there{may_go if room.aside else ''}"
        )
