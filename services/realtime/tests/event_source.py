"""A client of ``/sse`` that keeps every event it got; it reads only as fast as a test lets it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

LIMIT = 1024 * 1024


@dataclass
class Event:
    """One event, or a lone retry."""

    id: str | None = None
    data: Any = None
    retry: int | None = None


@dataclass
class EventSource:
    """An open stream, or a refusal: then ``body`` is what was answered."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes = b""
    events: list[Event] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, port: int, query: str, *, reads: bool = True, small: bool = False, **headers: str) -> Self:
        """Ask for ``/sse?query``; ``small``: with a receive buffer that fills soon."""
        own = socket.socket()
        if small:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=own, limit=LIMIT if not small else 4_096)
        fields = {"Host": f"127.0.0.1:{port}", "Accept": "text/event-stream"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = [f"GET /sse{query} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode("latin-1"))
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1").split("\r\n")
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        made = cls(int(head[0].split()[1]), told, reader, writer)
        if "content-length" in told:
            made.body = await reader.readexactly(int(told["content-length"]))
        elif reads:
            made.read()
        return made

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    def read(self) -> None:
        """Begin to read."""
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        text = b""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                text += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
                *whole, text = text.split(b"\n\n")
                self.events += [_event(each) for each in whole]

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.data is not None]

    @property
    def last_id(self) -> str:
        return next(event.id for event in reversed(self.events) if event.id is not None)

    def news(self, channel: str) -> list[dict[str, Any]]:
        found = [message for frame in self.frames for message in frame.get("b", []) if "o" in message]
        return [message for message in found if message["c"] == channel]

    async def until(self, wanted: Callable[[Event], Any], timeout_s: float = 20) -> Any:
        """Return the first true answer about an event."""
        deadline, seen = time.monotonic() + timeout_s, 0
        while True:
            for event in self.events[seen:]:
                seen += 1
                if found := wanted(event):
                    return found
            assert time.monotonic() < deadline, f"not within {timeout_s} s; last: {self.events[-3:]}"
            assert self.task is None or not self.task.done() or seen < len(self.events), f"ended; {self.events[-3:]}"
            await asyncio.sleep(0.005)

    async def message(self, wanted: Callable[[dict[str, Any]], Any], timeout_s: float = 20) -> dict[str, Any]:
        def find(event: Event) -> Any:
            messages = (event.data or {}).get("b", [])
            return next((each for each in messages if "o" in each and wanted(each)), None)

        found: dict[str, Any] = await self.until(find, timeout_s)
        return found

    async def answers(self, *channels: str) -> dict[str, dict[str, Any]]:
        """Wait for the answers about these channels."""
        for channel in channels:
            await self.until(lambda e, channel=channel: (e.data or {}).get("sub", {}).get("c") == channel)
        return {frame["sub"]["c"]: frame["sub"] for frame in self.frames if "sub" in frame}

    async def ended(self, timeout_s: float = 20) -> None:
        """Wait for the end of the stream."""
        assert self.task is not None
        await asyncio.wait_for(asyncio.shield(self.task), timeout_s)

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def _event(text: bytes) -> Event:
    event = Event()
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            event.id = value.decode()
        elif name == b"data":
            assert event.data is None, "a frame is one line"
            event.data = orjson.loads(value)
        elif name == b"retry":
            event.retry = int(value)
        else:
            raise AssertionError(line)
    return event
