"""The folder in which backups lie, one folder each, and what may still be under way in it."""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mercadito_backup import manifest, retention
from mercadito_backup.problems import Busy, Failed, Refused
from mercadito_backup.programs import sync

_STAMP = "%Y-%m-%dT%H%M%SZ"
_PARTIAL = ".partial-"
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
# Whoever names a backup later than this from now had a clock that was wrong, or ours is.
AHEAD = timedelta(days=1)
STATE = "state.json"
# Whoever takes or drills a backup holds the one, whoever copies them off this host the other.
WORKING, COPYING = "lock", "copy.lock"
WRITING = "state.lock"


def name_of(moment: datetime) -> str:
    """Return the name of the backup that is taken at a moment."""
    return moment.astimezone(UTC).strftime(_STAMP)


def free_moment(folder: Path, now: datetime) -> datetime:
    """Return the first second from now on by which no backup is called yet: two may be taken in one."""
    while (folder / name_of(now)).exists():
        now += timedelta(seconds=1)
    return now


def moment_of(name: str) -> datetime:
    """Return when a backup was taken."""
    return datetime.strptime(name, _STAMP).replace(tzinfo=UTC)


def names(folder: Path) -> list[str]:
    """Return whole backups, the oldest first."""
    return sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))


def ahead(folder: Path, now: datetime) -> list[str]:
    """Return those whose names are of days to come."""
    return [name for name in names(folder) if moment_of(name) > now + AHEAD]


def newest(folder: Path, now: datetime) -> str | None:
    """Return the newest; one of days to come only where there are no others: then the clock of now may be wrong."""
    there, wrong = names(folder), ahead(folder, now)
    return next(reversed([name for name in there if name not in wrong] or there), None)


def find(folder: Path, name: str) -> Path:
    """Return the folder of a backup by its name; ``newest`` is one, too.

    Raises:
        Refused: there is no such backup.

    """
    there = names(folder)
    if name == "newest":
        name = newest(folder, datetime.now(UTC)) or name
    if name not in there:
        raise Refused(f"there is no backup {name!r}; there are: {', '.join(there) or 'none'}")
    return folder / name


def begin(folder: Path, name: str) -> Path:
    """Make the folder of a backup under way: it is none yet by its name, and what a killed one left goes."""
    try:
        for left in folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        partial = folder / f"{_PARTIAL}{name}"
        partial.mkdir(mode=0o700)
    except OSError as problem:
        raise Failed(f"{folder} can't be written ({problem.strerror}): it must belong to user {os.getuid()}") from None
    return partial


def finish(partial: Path) -> Path:
    """Give a backup its name, once all of it is on the disk."""
    sync(partial)
    whole = partial.rename(partial.parent / partial.name.removeprefix(_PARTIAL))
    sync(whole.parent)
    return whole


def discard(partial: Path) -> None:
    """Remove a backup that came to nothing."""
    shutil.rmtree(partial, ignore_errors=True)


def tidy(folder: Path, now: datetime) -> list[str]:
    """Remove the backups that are not kept any longer; return their names.

    Those of days to come neither go nor count: whichever clock is wrong, that of now or of then, none is lost by it.
    """
    wrong = ahead(folder, now)
    moments = {moment_of(name): name for name in names(folder) if name not in wrong}
    stay = retention.kept(moments, lambda moment: _schemas(folder / moments[moment]))
    gone = sorted(moments.keys() - stay)
    for moment in gone:
        # Renamed first: one that is half removed must not look whole.
        shutil.rmtree((folder / moments[moment]).rename(folder / f"{_PARTIAL}{moments[moment]}"))
    return [moments[moment] for moment in gone]


def _schemas(whole: Path) -> frozenset[tuple[str, str]] | None:
    try:
        return frozenset((name, dump.revision) for name, dump in manifest.read(whole).databases.items())
    except Refused:
        return None


@contextmanager
def alone(state: Path, what: str = WORKING) -> Iterator[None]:
    """Let only one backup or drill work at a time; or only one copy (``COPYING``).

    Raises:
        Busy: another one does.

    """
    with (state / what).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another {'copy' if what == COPYING else 'backup or drill'} is under way") from None
        yield


def recall(state: Path) -> dict[str, Any]:
    """Return what happened so far; nothing, on a fresh server or where the file is damaged."""
    try:
        known = json.loads((state / STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(state: Path, **what: Any) -> None:
    """Note what happened, whole or not at all."""
    fresh = state / f".{STATE}"
    # A copy may end while a backup does.
    with (state / WRITING).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.write_text(json.dumps(recall(state) | what, indent=1) + "\n")
        fresh.rename(state / STATE)
