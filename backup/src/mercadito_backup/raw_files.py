"""The USDA's answers as they were served: each content once, locked and kept beside the backups under its SHA-256.

A file's name also says for which keys it is locked (``<SHA-256>.<name of the keys>.age``): those of now open them all.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from mercadito_backup.locking import ENVIRONMENT, lock, name_of, unlock
from mercadito_backup.problems import Failed, Refused
from mercadito_backup.programs import CHUNK, chained, free_bytes, into_file, read_all, sync
from mercadito_backup.settings import KEEP_FREE_MB, MB, Settings

FOLDER = "usda-raw"
_END = ".age"
_UNFINISHED = "."
_DIGITS = 64
# So many of each set of keys are tried: one of them may be damaged.
_TRIED = 3


def keep(settings: Settings, partial: Path) -> int:
    """Keep what is not kept yet for the keys of now; return how many are. They never change, so each is written once.

    None of them is ever removed here but what was locked for other keys: usda-ingest removes none either, and a backup
    may speak of each. One under way lies in the folder of the backup under way, which a copy off this host passes over.

    Raises:
        Failed: one could not be kept.

    """
    kept, keys = _kept(settings.folder), name_of(settings.recipients)
    there = [file for file in settings.raw_files.glob("*/*") if len(file.name) == _DIGITS]
    for file in there:
        target = settings.folder / FOLDER / file.name[:2] / f"{file.name}.{keys}{_END}"
        before = kept.get(file.name, [])
        if target not in before:
            unfinished = partial / target.name
            into_file([[*lock(settings.recipients), str(file)]], ENVIRONMENT, unfinished, keep_free=settings.keep_free)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished.rename(target)
            sync(target.parent)
        for other in before:
            if other != target:
                other.unlink()
    return len(there)


def _kept(shelf: Path) -> dict[str, list[Path]]:
    """Return in which files each answer is kept: several, where locking them anew was broken off."""
    kept: dict[str, list[Path]] = {}
    for file in sorted((shelf / FOLDER).glob(f"*/[!{_UNFINISHED}]*{_END}")):
        kept.setdefault(file.name[:_DIGITS], []).append(file)
    return kept


def count(shelf: Path) -> int:
    """Return how many answers are kept."""
    return len(_kept(shelf))


def not_to_be_put_back(shelf: Path, key: Path, spoken_of: int) -> list[str]:
    """Say what a restore would go on without: answers that are not here, and those that this key does not open.

    The files themselves are not read through: a few of each set of keys tell whether the key is one of them.
    """
    kept, wrong = _kept(shelf), []
    if len(kept) < spoken_of:
        wrong.append(
            f"{spoken_of - len(kept)} of {spoken_of} answers of the USDA are not here: {FOLDER} lies beside backups"
        )
    by_keys: dict[str, list[Path]] = {}
    for files in kept.values():
        for file in files:
            by_keys.setdefault(file.name[_DIGITS:], []).append(file)
    opened = {keys for keys, files in by_keys.items() if any(_opens(key, file) for file in files[:_TRIED])}
    closed = [files for files in kept.values() if not any(file.name[_DIGITS:] in opened for file in files)]
    if closed:
        wrong.append(
            f"{len(closed)} of {len(kept)} answers of the USDA are locked for other keys ({closed[0][0].name} is one):"
            " give the older key beside this one"
        )
    return wrong


def _opens(key: Path, file: Path) -> bool:
    with suppress(Failed):
        chained([unlock(key, file)], ENVIRONMENT, read_all)
        return True
    return False


def put_back(shelf: Path, raw_files: Path, key: Path) -> tuple[int, list[str]]:
    """Put back those that are missing; return how many were, and why each of the others can't be.

    None of them is worth a restore that ends: orders do without, and the USDA has them still. Nor are they worth a full
    disk, on which the databases could not be changed over: what would leave less than ``KEEP_FREE_MB`` stays away.
    """
    done, wrong = 0, []
    for digest, files in _kept(shelf).items():
        target = raw_files / digest[:2] / digest
        if target.exists():
            continue
        try:
            if free_bytes(raw_files) < files[-1].stat().st_size + KEEP_FREE_MB * MB:
                wrong.append(f"{files[-1].name}: {KEEP_FREE_MB} MB are to stay free on the disk")
                continue
            _put_back_one_of(files, target, key)
        except (Failed, OSError) as problem:
            wrong.append(f"{files[-1].name}: {problem}")
        else:
            done += 1
    return done, wrong


def _put_back_one_of(files: Sequence[Path], target: Path, key: Path) -> None:
    """Write what is in one of these, whichever opens."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{_UNFINISHED}{target.name}")
    try:
        _open_one_of(files, unfinished, key)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_one_of(files: Sequence[Path], target: Path, key: Path) -> None:
    for file in files[:-1]:
        with suppress(Failed):
            _open(file, target, key)
            return
    _open(files[-1], target, key)


def _open(file: Path, target: Path, key: Path) -> None:
    found = hashlib.sha256()

    def write(stream: IO[bytes]) -> None:
        with target.open("wb") as out:
            while chunk := stream.read(CHUNK):
                found.update(chunk)
                out.write(chunk)

    chained([unlock(key, file)], ENVIRONMENT, write)
    if found.hexdigest() != file.name[:_DIGITS]:
        raise Refused("it is damaged")
