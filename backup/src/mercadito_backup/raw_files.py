"""The USDA's answers as they were served: each content once, locked and kept beside the backups under its SHA-256."""

import hashlib
from pathlib import Path
from typing import IO

from mercadito_backup.locking import ENVIRONMENT, lock, unlock
from mercadito_backup.problems import Refused
from mercadito_backup.programs import chained, into_file, sync
from mercadito_backup.settings import Settings

FOLDER = "usda-raw"
_END = ".age"
_UNFINISHED = "."
_DIGITS = 64


def keep(settings: Settings) -> int:
    """Keep what is not kept yet; return how many are. They never change, so each is locked and written once.

    None of them is ever removed here: usda-ingest removes none either, and a backup may speak of each.

    Raises:
        Failed: one could not be kept.

    """
    shelf = settings.folder / FOLDER
    there = [file for file in settings.raw_files.glob("*/*") if len(file.name) == _DIGITS]
    for file in there:
        target = shelf / file.name[:2] / f"{file.name}{_END}"
        if target.exists():
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = target.with_name(f"{_UNFINISHED}{target.name}")
        unfinished.unlink(missing_ok=True)
        try:
            into_file([[*lock(settings.recipients), str(file)]], ENVIRONMENT, unfinished, keep_free=settings.keep_free)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        unfinished.rename(target)
        sync(target.parent)
    return len(there)


def put_back(shelf: Path, raw_files: Path, key: Path) -> int:
    """Put back those that are missing; return how many were.

    Raises:
        Refused: one is damaged, or the key does not open it.

    """
    missing = 0
    for file in sorted((shelf / FOLDER).glob(f"*/[!{_UNFINISHED}]*{_END}")):
        digest = file.name.removesuffix(_END)
        target = raw_files / digest[:2] / digest
        if target.exists():
            continue
        found = hashlib.sha256()
        unfinished = target.with_name(f"{_UNFINISHED}{digest}")
        target.parent.mkdir(parents=True, exist_ok=True)

        def write(stream: IO[bytes], to: Path = unfinished, seen: "hashlib._Hash" = found) -> None:
            with to.open("wb") as out:
                while chunk := stream.read(1 << 20):
                    seen.update(chunk)
                    out.write(chunk)

        chained([unlock(key, file)], ENVIRONMENT, write)
        if found.hexdigest() != digest:
            unfinished.unlink()
            raise Refused(f"{file} is damaged")
        unfinished.rename(target)
        missing += 1
    return missing
