"""The bytes as they were served, each content once, named by its SHA-256: a better reader can read them again."""

import hashlib
import os
import tempfile
from pathlib import Path

_UNFINISHED = "."


class RawFiles:
    """A folder of contents; safe to write from several processes, a half-written file never has its final name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, digest: str) -> Path | None:
        """Return where the bytes lie; None if they are not here any more."""
        path = self._folder / digest[:2] / digest
        return path if path.is_file() else None

    def keep(self, body: bytes) -> tuple[str, Path]:
        """Store the bytes unless they are there; return their SHA-256 and where they lie."""
        digest = hashlib.sha256(body).hexdigest()
        path = self._folder / digest[:2] / digest
        if path.exists() and path.stat().st_size == len(body):
            return digest, path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(body)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
            _sync(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return digest, path

    def forget_unfinished(self) -> int:
        """Remove what a killed process had begun to write, and return how many there were; for whoever alone writes."""
        unfinished = list(self._folder.glob(f"*/{_UNFINISHED}*"))
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(unfinished)


def _sync(folder: Path) -> None:
    """Make a new name in the folder outlast a power cut, as the row that speaks of it does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
