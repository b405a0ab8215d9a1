"""Programs that work into each other: a dump through encryption into a file, and back."""

import hashlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mercadito_backup.problems import Failed, NoRoom

CHUNK = 1 << 20
DEADLINE_S = 3 * 3600
WORDS_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: its size, and the SHA-256 of the bytes as they lie there."""

    size: int
    sha256: str


def free_bytes(folder: Path) -> int:
    """Return what an ordinary user may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def run(command: Sequence[str], env: Mapping[str, str], *, given: str = "", deadline_s: float = DEADLINE_S) -> str:
    """Run a program to its end; return what it printed.

    Raises:
        Failed: it ended badly, or not in time.

    """
    try:
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            command, env=dict(env), input=given, capture_output=True, text=True, check=False, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end in {deadline_s:.0f} s") from None
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-WORDS_SHOWN:]}")
    return done.stdout


def chained(commands: Sequence[Sequence[str]], env: Mapping[str, str], take: Callable[[IO[bytes]], None]) -> None:
    """Run programs, each reading what the one before it writes; ``take`` reads what comes out of the last.

    Raises:
        Failed: one of them ended badly, was killed, or all together took longer than ``DEADLINE_S``.

    """
    with ExitStack() as stack:
        words = [stack.enter_context(tempfile.TemporaryFile()) for _ in commands]
        running: list[subprocess.Popen[bytes]] = []
        source: IO[bytes] | int = subprocess.DEVNULL
        for command, said in zip(commands, words, strict=True):
            process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command, env=dict(env), stdin=source, stdout=subprocess.PIPE, stderr=said
            )
            if not isinstance(source, int):
                source.close()  # so that the one before is told when this one ends
            running.append(stack.enter_context(process))
            source = output(process)
        late = threading.Timer(DEADLINE_S, _kill, [running])
        late.daemon = True
        late.start()
        try:
            take(output(running[-1]))
        except BaseException:
            _kill(running)
            raise
        finally:
            late.cancel()
        ends = list(zip(commands, [each.wait() for each in running], words, strict=True))
        # Whoever wrote to one that ended is ended by that; it is not the cause.
        for command, code, said in sorted(ends, key=lambda end: end[1] == -signal.SIGPIPE):
            if code:
                said.seek(0)
                told = said.read().decode(errors="replace").strip()[-WORDS_SHOWN:]
                raise Failed(f"{command[0]} ended with {code}: {told}")


def _kill(running: "Sequence[subprocess.Popen[bytes]]") -> None:
    for each in running:
        each.kill()


def read_all(stream: IO[bytes]) -> None:
    """Let a program come to its end, whatever it prints."""
    while stream.read(CHUNK):
        pass


def output(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    """Return the pipe that the program writes to."""
    if process.stdout is None:
        raise AssertionError("started with a pipe")
    return process.stdout


def into_file(
    commands: Sequence[Sequence[str]], env: Mapping[str, str], target: Path, *, keep_free: int = 0
) -> Written:
    """Write what comes out of the last program into a new file, readable by us alone; on the disk when this returns.

    Raises:
        NoRoom: less than ``keep_free`` bytes would be left on the disk.
        Failed: as ``chained`` says. What was written so far stays, for the caller to remove.

    """
    seen, size = hashlib.sha256(), 0

    def write(stream: IO[bytes]) -> None:
        nonlocal size
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            while chunk := stream.read(CHUNK):
                if free_bytes(target.parent) < keep_free + len(chunk):
                    raise NoRoom(f"less than {keep_free // 1_000_000} MB would be left on the disk of {target.parent}")
                seen.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    try:
        chained(commands, env, write)
    except OSError as full:
        raise NoRoom(f"writing {target.name}: {full.strerror}") from None
    return Written(size, seen.hexdigest())


def sync(folder: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
