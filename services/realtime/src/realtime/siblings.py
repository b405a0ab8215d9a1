"""How the workers of one service ask each other: a private unix socket each, one question a connection.

Whichever worker a probe or an operator reaches, all of them answer. The sockets lie in a folder that only this user
may enter; a process that is alone has none and asks itself.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from realtime.workers import Seat

ANSWER_S = 2.0
"""A sibling that has not answered by then is left out, and named as silent."""

MAX_QUESTION_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_OPEN = 32
_SILENCE = object()
_log = structlog.get_logger(__name__)

Answer = Callable[[Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What each worker said, by its number, and who said nothing in time."""

    of: Mapping[int, Any]
    silent: tuple[int, ...]


class Siblings:
    """One worker's way to all of them, itself included; ``answer`` is its own."""

    def __init__(self, seat: Seat, answer: Answer) -> None:
        self._seat, self._answer = seat, answer
        self._server: asyncio.Server | None = None
        self._open = 0

    @property
    def is_alone(self) -> bool:
        return self._seat.folder is None

    async def start(self) -> None:
        """Listen for the others."""
        if self._seat.folder is None:
            return
        path = _socket(self._seat.folder, self._seat.number)
        path.unlink(missing_ok=True)  # left by the one who sat here before
        self._server = await asyncio.start_unix_server(self._serve, path, limit=MAX_QUESTION_BYTES)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def ask(self, question: Mapping[str, Any]) -> Answers:
        """Put a question to every worker and wait, at most ``ANSWER_S``, for what they say."""
        numbers = range(self._seat.of)
        said = await asyncio.gather(*(self._ask_one(number, question) for number in numbers))
        found = {number: each for number, each in zip(numbers, said, strict=True) if each is not _SILENCE}
        silent = tuple(number for number in numbers if number not in found)
        if silent:
            _log.warning("siblings_silent", workers=silent, asked=question.get("do"))
        return Answers(found, silent)

    async def _ask_one(self, number: int, question: Mapping[str, Any]) -> Any:
        if self._seat.folder is None or number == self._seat.number:
            return await self._answer(question)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await _ask_at(_socket(self._seat.folder, number), question)
        except (OSError, TimeoutError, ValueError):
            return _SILENCE

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_OPEN:
                async with asyncio.timeout(ANSWER_S):
                    question = orjson.loads(await reader.readline())
                    writer.write(orjson.dumps(await self._answer(question)))
                    await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # whoever asked is gone or was cut short; it counts this worker as silent
        except Exception:  # noqa: BLE001 - the outermost frame of a question: the worker goes on
            _log.exception("sibling_question_failed")
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _ask_at(path: Path, question: Mapping[str, Any]) -> Any:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(orjson.dumps(question) + b"\n")
        return orjson.loads(await _read_all(reader))
    finally:
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while part := await reader.read(MAX_QUESTION_BYTES):
        answer += part
        if len(answer) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too long")
    return bytes(answer)


def _socket(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}"
