"""The restore drill: the newest backup, restored into a PostgreSQL of its own here, and looked at.

Its server is started for the drill and removed with its files, so the drill needs no right on the real one and nothing
of it is ever near the real data.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mercadito_backup import databases, raw_files, shelf
from mercadito_backup.invariants import BROKEN
from mercadito_backup.loading import load
from mercadito_backup.locking import ENVIRONMENT
from mercadito_backup.logs import say
from mercadito_backup.manifest import Dump, read
from mercadito_backup.problems import Failed, NoRoom, Refused
from mercadito_backup.programs import digest, free_bytes, run
from mercadito_backup.restoring import newer, unknown_schemas
from mercadito_backup.settings import MB, Settings
from mercadito_backup.taking import drill_key

SCRATCH = "scratch"
START_S = 60
_SETTINGS = (
    "listen_addresses = ''",
    # Nothing of it outlives the drill.
    *("fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off"),
    *("shared_buffers = 32MB", "max_wal_size = 256MB", "maintenance_work_mem = 32MB"),
)


def drill(settings: Settings, tell: Callable[[str], None]) -> None:
    """Restore the newest backup and check it; ``tell`` gets a line for each thing looked at, with ✓ or ✗.

    Raises:
        Failed: something is not as it must be, named in its words.

    """
    with shelf.alone(settings.state):
        began, now = time.monotonic(), datetime.now(UTC).isoformat()
        try:
            name = _drill(settings, tell)
        except (Failed, OSError) as problem:
            shelf.remember(settings.state, drill_failed_at=now)
            say("drill_failed", "error", reason=str(problem))
            raise Failed(str(problem)) from problem
        seconds = round(time.monotonic() - began, 1)
        shelf.remember(settings.state, drill_at=now, drill_of=name, drill_seconds=seconds, drill_failed_at=None)
        say("drill_passed", name=name, seconds=seconds)


def _drill(settings: Settings, tell: Callable[[str], None]) -> str:
    folder = shelf.find(settings.folder, "newest")
    made = read(folder)
    key = drill_key(settings.state, folder.name)
    if not key.exists():
        raise Refused(f"{folder.name} was not taken by this server, or its drill key is gone: take a backup first")
    needed = sum(dump.database_bytes for dump in made.databases.values())
    if free_bytes(settings.state) < needed + settings.keep_free:
        raise NoRoom(f"a drill needs about {needed // MB} MB and leaves {settings.keep_free // MB} MB free")
    wrong: list[str] = []

    def check(what: str, problem: str) -> None:
        tell(f"✗ {what}: {problem}" if problem else f"✓ {what}")
        if problem:
            wrong.append(f"{what}: {problem}")

    with _scratch_server(settings.state / SCRATCH) as env:
        for database, dump in made.databases.items():
            check(f"{database}: the file is as it was written", _damage(folder / dump.file, dump))
            load(key, folder / dump.file, database, env)
            _look(database, dump, env, check)
    unknown = unknown_schemas(made, settings.migrations)
    check("this release can restore it", f"it is {newer(unknown)}" if unknown else "")
    gone = made.raw_files - raw_files.count(settings.folder)
    check(
        f"usda-raw: {made.raw_files:,} answers are kept",
        f"{gone} of {made.raw_files} answers of the USDA are not here" if gone > 0 else "",
    )
    if wrong:
        raise Failed(f"{folder.name}: {'; '.join(wrong)}")
    return folder.name


def _damage(file: Path, dump: Dump) -> str:
    return "" if digest(file) == dump.sha256 else "its checksum is another"


def _look(database: str, dump: Dump, env: Mapping[str, str], check: Callable[[str, str], None]) -> None:
    def ask(statement: str) -> str:
        return run([*databases.PSQL, "--dbname", database, "--command", statement], env).strip()

    found = ask(databases.REVISION)
    check(f"{database}: schema {dump.revision}", "" if found == dump.revision else f"it is {found}")
    rows = json.loads(ask(databases.COUNTS))
    differing = sorted(name for name in rows.keys() | dump.rows.keys() if rows.get(name) != dump.rows.get(name))
    total = sum(dump.rows.values())
    check(f"{database}: {total:,} rows in {len(dump.rows)} tables, as counted then", ", ".join(differing))
    for rule, broken in BROKEN[database].items():
        count = int(ask(broken))
        check(f"{database}: {rule}", f"{count} break it" if count else "")


@contextmanager
def _scratch_server(folder: Path) -> Iterator[Mapping[str, str]]:
    shutil.rmtree(folder, ignore_errors=True)
    # The path of a socket may have 107 bytes; a folder of the operator's may be deeper.
    with tempfile.TemporaryDirectory() as sockets:
        env = {**ENVIRONMENT, "PGHOST": sockets, "PGUSER": "postgres", "PGDATABASE": "postgres", "LC_ALL": "C.UTF-8"}
        initdb = ["initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        try:
            run([*initdb, "--no-sync", f"--pgdata={folder}"], env, deadline_s=START_S)
            with (folder / "postgresql.conf").open("a") as conf:
                conf.write("\n".join((*_SETTINGS, f"unix_socket_directories = '{sockets}'")) + "\n")
            control = ["pg_ctl", f"--pgdata={folder}", "--wait", f"--timeout={START_S}"]
            run([*control, f"--log={folder}/server.log", "start"], env, deadline_s=START_S * 2)
            try:
                _make_databases(env)
                yield env
            finally:
                run([*control, "--mode=immediate", "stop"], env, deadline_s=START_S * 2)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make_databases(env: Mapping[str, str]) -> None:
    """Make empty databases, and the roles that their tables belong to."""
    statements = [f"CREATE ROLE {name}{end};" for name in databases.DATABASES for end in ("", "_owner")]
    # As databases.sql makes it in the real server, since the dump grants it rights, too.
    statements += ["CREATE ROLE backup;"]
    statements += [
        f"CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';"
        for name in databases.DATABASES
    ]
    run([*databases.PSQL], env, given="\n".join(statements))
