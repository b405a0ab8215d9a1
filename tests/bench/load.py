"""Load on one server: at a fixed rate, whatever the server does, or as fast as so many clients can."""

import contextlib
import http.client
import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 32
TIMEOUT_S = 30.0
SAY_EVERY_S = 5.0
NO_ANSWER = "no answer"
# What has waited for so long is not sent any more: a server that can't keep up would be measured for hours.
GIVE_UP_S = 10.0
GIVEN_UP = "given up before it was sent"


@dataclass(frozen=True)
class Request:
    """One request to send."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes | None = None


@dataclass(frozen=True)
class Sample:
    """What became of one: seconds from when it was due to the last byte; `refusal` names the problem, if it was one."""

    latency_s: float
    status: int
    size: int
    refusal: str = ""


@dataclass
class Load:
    """All samples of one measurement and how long it took."""

    samples: list[Sample] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def accepted(self) -> list[Sample]:
        """Those that were answered with 2xx."""
        return [sample for sample in self.samples if sample.status // 100 == 2]

    @property
    def refusals(self) -> dict[str, int]:
        """How many were refused, by kind."""
        kinds = [sample.refusal for sample in self.samples if sample.refusal]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def percentile_ms(self, share: float) -> float:
        """Return the latency below which this share of all requests stayed, refused ones included."""
        ordered = sorted(sample.latency_s for sample in self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


class Connections:
    """Kept connections, used in turn, so that each of gunicorn's workers gets its share."""

    def __init__(self, url: str, count: int) -> None:
        address = urlsplit(url)
        self._free: queue.Queue[http.client.HTTPConnection] = queue.Queue()
        for _ in range(count):
            self._free.put(http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S))

    def send(self, request: Request, due: float) -> Sample:
        """Send a request on the connection that rested longest; the time it was due at counts."""
        connection = self._free.get()
        try:
            if time.perf_counter() - due > GIVE_UP_S:
                return Sample(time.perf_counter() - due, 0, 0, GIVEN_UP)
            connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
            return Sample(time.perf_counter() - due, answer.status, len(body), refusal(answer.status, body))
        except (OSError, http.client.HTTPException):
            connection.close()
            return Sample(time.perf_counter() - due, 0, 0, NO_ANSWER)
        finally:
            self._free.put(connection)

    def close(self) -> None:
        """Close them all."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait().close()


def open_loop(url: str, requests: Iterable[Request], rate: float, what: str) -> Load:
    """Send each request when it is due, `rate` a second, and measure from then: a server that stalls can't hide it."""
    connections, load = Connections(url, CONNECTIONS), Load()
    wanted = list(requests)
    said = began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        pending = []
        for place, request in enumerate(wanted):
            due = began + place / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            pending.append(pool.submit(connections.send, request, due))
            if time.perf_counter() - said > SAY_EVERY_S:
                said = time.perf_counter()
                print(f"    {what}: {place} of {len(wanted)}", flush=True)
        load.samples = [each.result() for each in pending]
    load.took_s = time.perf_counter() - began
    connections.close()
    return load


def closed_loop(url: str, requests: Iterable[Request], clients: int, *, within_s: float) -> Load:
    """Let so many clients send one request after the other until all are sent or the time is over."""
    connections, load, source = Connections(url, clients), Load(), _Shared(iter(requests))
    began = time.perf_counter()

    def client() -> list[Sample]:
        samples = []
        while time.perf_counter() - began < within_s and (request := source.next()) is not None:
            samples.append(connections.send(request, time.perf_counter()))
        return samples

    with ThreadPoolExecutor(clients) as pool:
        for each in [pool.submit(client) for _ in range(clients)]:
            load.samples += each.result()
    load.took_s = time.perf_counter() - began
    connections.close()
    return load


class _Shared:
    """An iterator that threads take from."""

    def __init__(self, requests: Iterator[Request]) -> None:
        self._requests = requests
        self._lock = threading.Lock()

    def next(self) -> Request | None:
        with self._lock:
            return next(self._requests, None)


def refusal(status: int, body: bytes) -> str:
    """Name the problem that an answer tells of; empty for one that tells of none."""
    if status < http.client.BAD_REQUEST:
        return ""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return str(json.loads(body)["type"]).rsplit("/", 1)[-1]
    return str(status)
