"""The processes that are spoken to line by line: the crowd of clients, and what stands behind realtime."""

import asyncio
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.bench.world import ROOT, BenchFailed

FOLDER = Path(__file__).parent
REALTIME_PYTHON = ROOT / "services" / "realtime" / ".venv" / "bin" / "python"
_ANSWER_WITHIN_S = 90
_STOP_WITHIN_S = 10
_LINE_BYTES = 1 << 20
_POLL_S = 0.01


async def compile_crowd(folder: Path) -> Path:
    """Compile the load generator; return the program."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchFailed("the clients are a C program, and there is no C compiler: apt-get install gcc libc6-dev")
    made = folder / "crowd"
    sources = sorted((FOLDER / "client").glob("*.c"))
    command = [compiler, "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", made, *sources]
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise BenchFailed(f"cc failed:\n{said.decode()[-3000:]}")
    return made


@dataclass
class _Actor:
    """A process that ends with this one and answers on standard output; its errors go to a log."""

    process: asyncio.subprocess.Process
    log: Path

    @classmethod
    async def start(cls, log: Path, *command: str | Path) -> Self:
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "TERM", *map(str, command)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
                limit=_LINE_BYTES,
                start_new_session=True,
            )
        return cls(process, log)

    def _write(self, line: str) -> None:
        if self.process.stdin is None:
            raise BenchFailed("a process without standard input")
        self.process.stdin.write(line.encode() + b"\n")

    async def _read(self) -> dict[str, Any]:
        if self.process.stdout is None:
            raise BenchFailed("a process without standard output")
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            line = await self.process.stdout.readline()
        if not line:
            raise BenchFailed(f"{self.log.stem} ended:\n{self.log.read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    async def end(self) -> None:
        """Close its standard input, upon which it ends, or make it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self.process.wait()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass(frozen=True)
class Seen:
    """What a crowd reports, counted since its last reset; `lowest` and `highest` are of all clients' last numbers."""

    clients: int
    open: int
    stalled: int
    opened: int
    peak_per_s: int
    failed: int
    errors: int
    frames: int
    bytes: int
    news: int
    numbered: int
    gaps: int
    doubled: int
    lost: int
    answered: int
    recovered: int
    unrecovered: int
    cut: int
    lowest: int
    highest: int
    first_news_us: int
    last_news_us: int
    all_open_us: int
    now_us: int
    closed: Mapping[str, int]
    refused: Mapping[str, int]
    cpu_s: float
    latencies: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def is_whole(self) -> bool:
        """Say whether everybody is in."""
        return self.open == self.clients

    @property
    def troubles(self) -> str:
        """Name what did not go as planned, shortly."""
        counted = {name: getattr(self, name) for name in ("gaps", "doubled", "lost", "unrecovered", "errors", "failed")}
        counted |= {f"refused with {status}": count for status, count in self.refused.items()}
        counted |= {f"closed with {code}": count for code, count in self.closed.items()} | {"cut": self.cut}
        return ", ".join(f"{count:,} {name}" for name, count in counted.items() if count) or "nothing unusual"


@dataclass(frozen=True)
class Door:
    """Where a crowd goes, what it speaks, and which channels it watches."""

    mode: str
    port: int
    path: str
    channels: Sequence[str] = ()
    tickets: str = "-"
    in_flight: int = 250


class Crowd(_Actor):
    """The clients."""

    @classmethod
    async def of(cls, program: Path, log: Path, door: Door) -> Self:
        """Start a process for clients of this door."""
        host = f"127.0.0.1:{door.port}"
        return await cls.start(
            log, program, door.mode, str(door.port), host, door.path, door.tickets, str(door.in_flight), *door.channels
        )

    def tell(self, *words: str | int) -> None:
        """Give a command (see client/main.c)."""
        self._write(" ".join(map(str, words)))

    async def report(self) -> Seen:
        """Ask what was seen."""
        self.tell("report")
        return Seen(**await self._read())

    async def until(self, claim: Callable[[Seen], bool], within_s: float, what: str) -> Seen:
        """Wait until a claim holds."""
        deadline = time.monotonic() + within_s
        while not claim(seen := await self.report()):
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"not within {within_s:.0f} s: {what} ({seen.open:,} of {seen.clients:,} in; {seen.troubles})"
                )
            await asyncio.sleep(_POLL_S)
        return seen

    async def enter(self, count: int, rate: int, within_s: float = 60.0) -> Seen:
        """Let so many more connect, and wait until all are in."""
        self.tell("connect", count, rate)
        return await self.until(lambda seen: seen.is_whole and seen.open >= count, within_s, f"{count:,} clients in")


@dataclass
class Stage(_Actor):
    """What stands behind realtime; see stage.py."""

    environment: dict[str, str] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _reading: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, folder: Path) -> Self:
        """Start it."""
        stage = await cls.start(folder / "stage.log", REALTIME_PYTHON, FOLDER / "stage.py", folder)
        stage._reading = asyncio.create_task(stage._listen())
        found = await stage.do("open")
        stage.environment = {**found["environment"], "IDENTITY_JWKS_FILE": found["jwks"]}
        return stage

    async def do(self, command: str, **how: Any) -> dict[str, Any]:
        """Let it do something and return its answer."""
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._write(json.dumps({"id": number, "do": command, **how}))
        answer: dict[str, Any] = await waiting
        if "failed" in answer:
            raise BenchFailed(f"{command}: {answer['failed']}")
        return answer

    async def end(self) -> None:
        """Stop nats-server, and then the process."""
        with suppress(BenchFailed, TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self.do("close")
        if self._reading:
            self._reading.cancel()
        await super().end()

    async def _listen(self) -> None:
        if self.process.stdout is None:
            return
        while line := await self.process.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            self._waiting.pop(told.pop("id")).set_result(told)
        for waiting in self._waiting.values():
            waiting.set_exception(BenchFailed(f"the stage ended:\n{self.log.read_text()[-2000:]}"))
