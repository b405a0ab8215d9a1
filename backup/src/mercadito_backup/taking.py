"""Taking a backup: all databases at one moment, locked for the operator's key, whole or not at all."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mercadito_backup import copying, databases, raw_files, schemas, shelf
from mercadito_backup.locking import lock, new_key
from mercadito_backup.logs import say
from mercadito_backup.manifest import Dump, Manifest, read
from mercadito_backup.problems import Busy, Failed, NoRoom, Refused
from mercadito_backup.programs import free_bytes, into_file
from mercadito_backup.settings import MB, Settings

# The newest backup is about as large as the next one; a market day more makes it grow by less than this.
GROWTH = 1.5


def drill_key(state: Path, name: str) -> Path:
    """Return where the key of a backup's drill lies, which opens this backup alone."""
    return state / f"drill-{name}.key"


def take(settings: Settings) -> Path:
    """Take a backup now, then remove those that are kept no longer and have the operator's command copy the rest.

    Raises:
        Failed: it could not be taken; nothing is left of it.
        NotCopied: it is taken, and not copied.

    """
    with shelf.alone(settings.state):
        now = shelf.free_moment(settings.folder, datetime.now(UTC))
        try:
            whole = _take(settings, now)
        except (Failed, OSError) as problem:
            shelf.remember(settings.state, failed_at=now.isoformat())
            say("backup_failed", "error", reason=str(problem))
            raise Failed(str(problem)) from problem
        # Of older backups nobody on this server has a key any more.
        for key in settings.state.glob("drill-*.key"):
            if key != drill_key(settings.state, whole.name):
                key.unlink()
        _tidy(settings, now)
    # After the lock: it may take hours, and an urgent release wants a backup meanwhile.
    copying.copy(settings)
    return whole


def _tidy(settings: Settings, now: datetime) -> None:
    # Nothing goes under a copy that reads it: the next backup finds it still there.
    with suppress(Busy), shelf.alone(settings.state, shelf.COPYING):
        gone = shelf.tidy(settings.folder, now)
        if gone:
            say("backups_removed", names=gone)
    ahead = shelf.ahead(settings.folder, now)
    if ahead:
        say("backups_of_days_to_come", "warning", names=ahead)


def _take(settings: Settings, now: datetime) -> Path:
    began = time.monotonic()
    name = shelf.name_of(now)
    partial = shelf.begin(settings.folder, name)
    key = drill_key(settings.state, name)
    # Of a backup that was killed, or is called otherwise now: this one has a key of its own.
    key.unlink(missing_ok=True)
    try:
        _need_room(settings)
        recipients = (*settings.recipients, new_key(key))
        with databases.snapshots(settings.server) as snapshots:
            dumps = {each.database: _dump(settings, partial, each, recipients) for each in snapshots}
        # After the snapshots: an answer is kept before the row that speaks of it, so none is missing.
        kept = raw_files.keep(settings, partial)
        known = {name: schemas.newest(settings.migrations / name) for name in dumps}
        made = Manifest(now, round(time.monotonic() - began, 1), dumps, kept, known)
        made.write(partial)
        whole = shelf.finish(partial)
    except BaseException:
        shelf.discard(partial)
        key.unlink(missing_ok=True)
        raise
    shelf.remember(settings.state, backup_at=now.isoformat(), backup=name, backup_bytes=made.size, failed_at=None)
    rows = sum(sum(dump.rows.values()) for dump in dumps.values())
    say("backup_taken", name=name, bytes=made.size, rows=rows, raw_files=kept, seconds=made.seconds)
    return whole


def _dump(settings: Settings, partial: Path, snapshot: databases.Snapshot, recipients: Sequence[str]) -> Dump:
    file = f"{snapshot.database}.dump.age"
    commands = [databases.dump(snapshot), lock(recipients)]
    written = into_file(commands, settings.server.environment, partial / file, keep_free=settings.keep_free)
    return Dump(file, written.size, written.sha256, snapshot.revision, snapshot.rows, snapshot.database_bytes)


def _need_room(settings: Settings) -> None:
    """Refuse before the disk is filled: PostgreSQL may live on the same one."""
    newest = shelf.newest(settings.folder, datetime.now(UTC))
    try:
        wanted = int(read(settings.folder / newest).size * GROWTH) if newest else 0
    except Refused:
        wanted = 0
    free = free_bytes(settings.folder)
    if free < wanted + settings.keep_free:
        raise NoRoom(
            f"the disk has {free // MB} MB left; a backup needs about {wanted // MB} MB and leaves"
            f" {settings.keep_free // MB} MB free (BACKUP_KEEP_FREE_MB): make room, or remove backups"
        )
