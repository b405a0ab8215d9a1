"""Clients: a connection for each request, so that thousands can wait at once; open loop, so that a stall is seen."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_TIMEOUT_S = 60.0
_SAY_EVERY_S = 5.0


@dataclass(frozen=True)
class Call:
    """One request; `id` is what the service writes down, `source` the address it comes from."""

    id: str
    method: str = "GET"
    path: str = "/bench"
    key: str = ""
    body: bytes = b""
    source: str = "127.0.0.1"

    def raw(self) -> bytes:
        """Return it as bytes."""
        key = f"Idempotency-Key: {self.key}\r\n" if self.key else ""
        length = f"Content-Length: {len(self.body)}\r\n" if self.method == "POST" else ""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nX-Bench-Id: {self.id}\r\n"
        return (head + key + length + "\r\n").encode() + self.body


@dataclass(frozen=True)
class Outcome:
    """What became of one. Times are those of the monotonic clock; status 0: no answer."""

    call: Call
    due: float
    done: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether it was answered with 2xx."""
        return self.status // 100 == 2

    @property
    def latency_s(self) -> float:
        """Seconds from when it was due to the last byte."""
        return self.done - self.due

    @property
    def told_unknown(self) -> bool:
        """Say whether the client was told that it may have run."""
        return self.headers.get("x-gateway-outcome") == "unknown"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share stays; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _parse(answer: bytes) -> tuple[int, dict[str, str]]:
    head, end, _ = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not end or not lines[0].startswith("HTTP/1."):
        return 0, {}
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers


async def send(port: int, call: Call, due: float | None = None) -> Outcome:
    """Send one on a connection of its own and read the answer to its end."""
    began = time.monotonic() if due is None else due
    answer, writer = b"", None
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(call.source, 0))
            writer.write(call.raw())
            answer = await reader.read(-1)
    except (OSError, TimeoutError):
        answer = b""
    finally:
        if writer:
            writer.close()
    status, headers = _parse(answer)
    return Outcome(call, began, time.monotonic(), status, headers)


async def open_loop(port: int, calls: Iterable[Call], rate: float, what: str = "") -> list[Outcome]:
    """Send each when it is due, `rate` a second, whatever became of those before; `what` is said now and then."""
    pending = []
    said = began = time.monotonic()
    for place, call in enumerate(calls):
        due = began + place / rate
        now = time.monotonic()
        if due > now:
            await asyncio.sleep(due - now)
        pending.append(asyncio.create_task(send(port, call, due)))
        if what and now - said > _SAY_EVERY_S:
            said = now
            print(f"    {what}: {place} sent, {sum(not task.done() for task in pending)} waiting", flush=True)
    return list(await asyncio.gather(*pending))


async def closed_loop(port: int, calls: Iterable[Call], clients: int) -> list[Outcome]:
    """Let so many clients send one after the other until all are sent."""
    source = iter(calls)

    async def client() -> list[Outcome]:
        return [await send(port, call) for call in source]

    return [outcome for each in await asyncio.gather(*(client() for _ in range(clients))) for outcome in each]
