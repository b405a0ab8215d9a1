"""One request and its answer over HTTP/1.1: on a connection of its own, or on one that is kept, as browsers do."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 100.0
KEPT_CONNECTIONS = 100
_MAX_LINE_BYTES = 1 << 20
_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True)
class Request:
    """What is sent. Only what is kept may be sent again, once, where its connection turns out to be closed already."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    keeps: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back; status 0: nothing whole did, and `trouble` says why. `latency_s` counts from when it was due."""

    status: int
    latency_s: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: str = ""

    @property
    def held(self) -> bool:
        """Say whether it waited at the gateway."""
        return "x-held-ms" in self.headers


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """The gateway of one system."""

    timeout_s = TIMEOUT_S

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._name = address.hostname or "", address.netloc
        self._port = address.port or (443 if address.scheme == "https" else 80)
        # The certificate is not what is tested here.
        self._tls = ssl._create_unverified_context() if address.scheme == "https" else None
        self._kept: list[_Connection] = []

    async def send(self, request: Request, due: float | None = None) -> Answer:
        """Send it and read the whole answer; never raises for what goes wrong on the way."""
        began = time.monotonic() if due is None else due
        try:
            async with asyncio.timeout(self.timeout_s):
                status, headers, body = await self._exchange(request)
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError) as trouble:
            return Answer(0, time.monotonic() - began, trouble=f"{type(trouble).__name__}: {trouble}")
        return Answer(status, time.monotonic() - began, headers, body)

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.keeps and self._kept:
            try:
                return await self._over(self._kept.pop(), request)
            except (ConnectionError, asyncio.IncompleteReadError):
                # Its server closed it while it was idle: a browser opens another and asks again.
                pass
        connection = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=_MAX_LINE_BYTES)
        return await self._over(connection, request)

    async def _over(self, connection: _Connection, request: Request) -> tuple[int, dict[str, str], bytes]:
        reader, writer = connection
        is_kept = False
        try:
            writer.write(self._raw(request))
            status, headers, body = await _read(reader)
            is_kept = request.keeps and headers.get("connection", "") != "close" and len(self._kept) < KEPT_CONNECTIONS
        finally:
            if not is_kept:
                writer.close()
        if is_kept:
            self._kept.append(connection)
        return status, headers, body

    def _raw(self, request: Request) -> bytes:
        headers = {"Host": self._name, "Connection": "keep-alive" if request.keeps else "close", **request.headers}
        if request.body or request.method == "POST":
            headers["Content-Length"] = str(len(request.body))
        lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + request.body

    def close(self) -> None:
        """Close what was kept."""
        for _, writer in self._kept:
            writer.close()
        self._kept.clear()


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    status = int(head[0].split()[1])
    if status in _NO_BODY:
        return status, headers, b""
    if headers.get("transfer-encoding") == "chunked":
        return status, headers, await _read_chunks(reader)
    if "content-length" in headers:
        return status, headers, await reader.readexactly(int(headers["content-length"]))
    return status, headers, await reader.read(-1)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readuntil(b"\r\n")
    await reader.readuntil(b"\r\n")
    return b"".join(chunks)
