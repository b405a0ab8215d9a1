"""The restore: beside what runs, made safe for the world of now, then put in its place in one transaction."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from mercadito_backup import databases, raw_files, room, schemas
from mercadito_backup.loading import load, pg_restore
from mercadito_backup.locking import ENVIRONMENT, unlock
from mercadito_backup.manifest import Manifest, read
from mercadito_backup.problems import Failed, Refused
from mercadito_backup.programs import chained, digest, read_all, run
from mercadito_backup.settings import MB, Server

BESIDE, BEFORE, HALF_WAY = "_restored", "_before_restore", "_half_restored"
# Carries the mark of a restore that has exchanged the databases and is not at its end.
MARKED = "orders"
# So many order numbers are left out: none that somebody has on paper is given a second time.
ORDER_NUMBERS_LEFT_OUT = 1_000
# More than any day counts it up: no answer kept in a browser by its number is taken for a new one.
PRICE_VERSIONS_LEFT_OUT = 1_000_000
# The streams are made anew, and refilled from what the outboxes keep; readers know by their inboxes what they had.
_TELL_AGAIN = (
    "UPDATE outbox SET published_at = NULL, stream_seq = NULL"
    " WHERE published_at IS NOT NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"
)
_HELD = (
    "INSERT INTO queue_switches (held, reason, person_id) VALUES (true, 'restored from the backup {name}: what waits"
    " may have been sent already. Look at what waits, then let it go', 'restore')"
)
_MADE_SAFE: dict[str, tuple[str, ...]] = {
    "orders": (
        _TELL_AGAIN,
        # Who signed out, and links that were used, after the backup: they must not come back to life.
        "DELETE FROM sessions",
        "UPDATE one_time_links SET used_at = clock_timestamp() WHERE used_at IS NULL",
        f"SELECT setval('order_numbers', last_value + {ORDER_NUMBERS_LEFT_OUT}) FROM order_numbers",  # noqa: S608 - a constant
    ),
    "usda": (
        _TELL_AGAIN,
        f"UPDATE price_version SET version = version + {PRICE_VERSIONS_LEFT_OUT}, changed_at = clock_timestamp()",  # noqa: S608 - a constant
    ),
    "notify": (
        _TELL_AGAIN,
        # What the backup holds as waiting may have been sent since: staff let it go, and see why it is held.
        _HELD,
    ),
}


def check(
    folder: Path,
    key: Path,
    migrations: Path,
    tell: Callable[[str], None],
    server: Server | None = None,
) -> Manifest:
    """Look whether a backup can be restored by this version, with this key; touch nothing.

    ``server`` is the one that it would be restored into: it says, where it matters, on which schemas this version is at
    work, and whether its disk has room.

    Raises:
        Refused: it can't; the words say why.

    """
    made = read(folder)
    if made.databases.keys() != set(databases.DATABASES):
        raise Refused(f"{folder.name} holds {', '.join(sorted(made.databases))}; that is not what this version wants")
    unknown = unknown_schemas(made, migrations)
    if unknown and not (server and unknown.items() <= schemas_in_use(server).items()):
        raise Refused(f"{folder.name} is {newer(unknown)}")
    for dump in made.databases.values():
        file = folder / dump.file
        if not file.is_file() or file.stat().st_size != dump.size or digest(file) != dump.sha256:
            raise Refused(f"{folder.name}/{dump.file} is damaged: size or checksum is not what the manifest says")
    for name, dump in made.databases.items():
        try:
            chained([unlock(key, folder / dump.file), pg_restore("--list")], ENVIRONMENT, read_all)
        except Failed as problem:
            raise Refused(f"{folder.name}/{dump.file} can't be opened with this key: {problem}") from None
        tell(f"✓ {name}: {dump.size / MB:.1f} MB, schema {dump.revision}, {sum(dump.rows.values()):,} rows")
    if server:
        room.need(made, room.look(server, left_over=BESIDE, aside=BEFORE, mark=HALF_WAY))
    tell(f"✓ {folder.name}: taken at {made.taken_at:%Y-%m-%d %H:%M:%S} UTC, {made.raw_files} answers of the USDA")
    for lacking in raw_files.not_to_be_put_back(folder.parent, key, made.raw_files):
        tell(f"! {lacking}. A restore goes on without them")
    return made


def unknown_schemas(made: Manifest, migrations: Path) -> dict[str, str]:
    """Return the schemas on which this release may not be able to work.

    It can on those it knows, and on those on which the release was that took the backup, where that was no newer one.
    """
    known = {name: schemas.steps(migrations / name) for name in made.databases}
    return {
        name: dump.revision
        for name, dump in made.databases.items()
        if dump.revision not in known[name] and made.known.get(name) not in known[name]
    }


def newer(unknown: Mapping[str, str]) -> str:
    """Say which schemas are not known here, and what to do."""
    listed = ", ".join(f"{name} has schema {schema}" for name, schema in unknown.items())
    return f"of a newer version: {listed}, unknown here; the release that took it can restore it"


def schemas_in_use(server: Server) -> dict[str, str]:
    """Return on which schema each database is now; nothing of those that don't answer, as after the loss of a disk."""
    found = {}
    for name in databases.DATABASES:
        with suppress(Failed):
            command = [*databases.PSQL, "--dbname", name, "--command", databases.REVISION]
            found[name] = run(command, server.environment).strip()
    return found


def load_beside(folder: Path, key: Path, made: Manifest, server: Server, tell: Callable[[str], None]) -> None:
    """Restore each database under another name, beside the one in use, and make it safe for the world of now.

    Raises:
        Failed: a statement failed. What is in use was not touched; running it again begins anew.

    """
    env = server.environment
    for name, dump in made.databases.items():
        tell(f"… {name}: {sum(dump.rows.values()):,} rows")
        beside = name + BESIDE
        _as_superuser(
            env,
            f"DROP DATABASE IF EXISTS {beside} WITH (FORCE);",
            f"CREATE DATABASE {beside} OWNER {name}_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';",
            f"REVOKE ALL ON DATABASE {beside} FROM PUBLIC;",
        )
        load(key, folder / dump.file, beside, env)
        statements = (f"{statement.format(name=folder.name)};" for statement in _MADE_SAFE[name])
        _as_superuser(env, "BEGIN;", *statements, "COMMIT;", "ANALYZE;", database=beside)


def put_back_raw_files(shelf: Path, target: Path, key: Path, tell: Callable[[str], None]) -> None:
    """Put back the USDA's answers that are missing; whatever becomes of them, orders come back."""
    count, wrong = raw_files.put_back(shelf, target, key)
    tell(f"✓ {count} answers of the USDA put back")
    if wrong:
        tell(f"! {len(wrong)} answers of the USDA can't be put back: usda-ingest backfill --again fetches them anew")
        tell(f"  one of them is {wrong[0]}")


def swap(server: Server) -> None:
    """Put the restored databases into the place of those in use, all three in one transaction.

    Those that were in use stay under another name until the next restore, or until ``forget``. Where what is in use is
    itself of a restore that never came to ``finish``, that is dropped, and what that one put aside stays.

    Raises:
        Failed: one is missing, or still in use; nothing was changed.

    """
    everyone = [name + end for name in databases.DATABASES for end in ("", BESIDE)]
    listed = ", ".join(f"'{name}'" for name in everyone)
    _drop(server, HALF_WAY)
    aside = HALF_WAY if _is_half_way(server) else BEFORE
    if aside == BEFORE:
        forget(server)
    _as_superuser(
        server.environment,
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ({listed});",  # noqa: S608 - our names
        "BEGIN;",
        *(f"ALTER DATABASE {name} RENAME TO {name}{aside};" for name in databases.DATABASES),
        *(f"ALTER DATABASE {name}{BESIDE} RENAME TO {name};" for name in databases.DATABASES),
        f"COMMENT ON DATABASE {MARKED} IS '{HALF_WAY}';",
        "COMMIT;",
    )
    _drop(server, HALF_WAY)


def finish(server: Server) -> None:
    """Take the mark of a restore under way from the databases: what is in use now is what the next one puts aside."""
    _as_superuser(server.environment, f"COMMENT ON DATABASE {MARKED} IS NULL;")


def forget(server: Server) -> None:
    """Drop the databases that the last restore put aside.

    Raises:
        Refused: that restore is not at its end, and what it put aside is the only copy of what was in use.

    """
    if _is_half_way(server):
        raise Refused(
            "a restore is under way or broke off: what it put aside is the only copy of what was in use."
            " Run compose/restore to its end first"
        )
    _drop(server, BEFORE)


def _drop(server: Server, end: str) -> None:
    drops = (f"DROP DATABASE IF EXISTS {name}{end} WITH (FORCE);" for name in databases.DATABASES)
    _as_superuser(server.environment, *drops)


def _is_half_way(server: Server) -> bool:
    asked = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{MARKED}';"  # noqa: S608 - our names
    return run([*databases.PSQL, "--dbname", "postgres"], server.environment, given=asked).strip() == HALF_WAY


def _as_superuser(env: Mapping[str, str], *statements: str, database: str = "postgres") -> None:
    run(
        [*databases.PSQL, "--dbname", database],
        env,
        given="SET client_min_messages = 'warning';\n" + "\n".join(statements),
    )
