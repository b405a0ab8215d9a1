"""Alive, ready, measured: the three answers every process gives, and a listener for those without a web framework."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

MAX_REQUEST_BYTES = 8_192
REQUEST_TIMEOUT_S = 5.0
PROBLEMS_TIMEOUT_S = 3.0
MAX_CONNECTIONS = 32

Answer = tuple[int, dict[str, str], bytes]
Problems = Callable[[], Sequence[str] | Awaitable[Sequence[str]]]
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_log = structlog.get_logger(__name__)


def alive() -> Answer:
    """Answer ``/healthz``: the process runs its loop; what it depends on is not its life."""
    return 200, dict(_TEXT), b"ok\n"


def readiness(service: str, problems: Sequence[str]) -> Answer:
    """Answer ``/readyz``: 200 without problems, else 503 with them; ``X-Service`` says who answered."""
    body = json.dumps({"service": service, "ready": not problems, "problems": list(problems)}).encode()
    headers = {"Content-Type": "application/json", "X-Service": service, "Cache-Control": "no-store"}
    return (503 if problems else 200), headers, body


def metrics() -> Answer:
    """Answer ``/metrics`` in Prometheus' text form."""
    return 200, {"Content-Type": CONTENT_TYPE_LATEST}, generate_latest()


class HealthServer:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics`` from the caller's event loop, one request per connection.

    ``problems`` is asked at each ``/readyz``; it returns what keeps the process from serving (it may be a coroutine
    function) and counts as a problem itself when it takes over 3 s or raises.
    """

    def __init__(self, *, service: str, host: str, port: int, problems: Problems) -> None:
        self._service, self._host, self.port, self._problems = service, host, port, problems
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self) -> None:
        """Listen; port 0 takes a free one, which ``port`` then tells."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=MAX_REQUEST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; an answer under way ends within 5 s."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_encoded(await self._answer(request)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, too slow or too loud; the next one is served
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, request: bytes) -> Answer:
        method, _, rest = request.split(b"\r\n", 1)[0].partition(b" ")
        path = rest.split(b" ")[0].split(b"?")[0]
        if method != b"GET" or self._open > MAX_CONNECTIONS:
            return (405 if method != b"GET" else 503), dict(_TEXT), b"not now\n"
        if path == b"/healthz":
            return alive()
        if path == b"/readyz":
            return readiness(self._service, await self._current_problems())
        return metrics() if path == b"/metrics" else (404, dict(_TEXT), b"not found\n")

    async def _current_problems(self) -> Sequence[str]:
        try:
            async with asyncio.timeout(PROBLEMS_TIMEOUT_S):
                found = self._problems()
                return await found if isinstance(found, Awaitable) else found
        except TimeoutError:
            return ["the readiness check takes too long"]
        except Exception:  # noqa: BLE001 - the outermost frame of the check: a readiness that crashes is not ready
            _log.exception("readiness_check_failed")
            return ["the readiness check failed"]


def _encoded(answer: Answer) -> bytes:
    status, headers, body = answer
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
