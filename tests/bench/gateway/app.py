"""The service behind the proxies, under a real gunicorn in the environment of orders.

What was executed stands in one append-only file, written before the answer, and the same line is what a repeated
Idempotency-Key is recognised by: there is no moment at which one of the two is missing, whatever is killed when.
"""

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LEAST_WORK_S, MOST_WORK_S = 0.005, 0.015


class Ledger:
    """The file, shared by all workers."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._read_to = 0
        self._by_key: dict[str, str] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other workers out; the kernel unlocks for one that is killed."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def answer_to(self, key: str) -> str | None:
        """Return the id that was executed under a key, by whichever worker."""
        while part := os.pread(self._file, 1 << 20, self._read_to):
            whole = part[: part.rfind(b"\n") + 1]
            for line in whole.decode().splitlines():
                _, bench_id, used_key = line.split(" ")
                self._by_key.setdefault(used_key, bench_id)
            self._read_to += len(whole)
        return self._by_key.get(key)

    def write(self, method: str, bench_id: str, key: str) -> None:
        """Write down that a request is executed."""
        os.write(self._file, f"{method} {bench_id} {key or '-'}\n".encode())


LEDGER = Ledger(os.environ["BENCH_LEDGER"])


def _execute(method: str, bench_id: str, key: str) -> str:
    with LEDGER.locked():
        if key and (known := LEDGER.answer_to(key)):
            return known
    time.sleep(random.uniform(LEAST_WORK_S, MOST_WORK_S))
    with LEDGER.locked():
        if key and (known := LEDGER.answer_to(key)):
            return known
        LEDGER.write(method, bench_id, key)
    return bench_id


def app(environ: Mapping[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """Answer a request: WSGI."""
    if environ["PATH_INFO"] == "/readyz":
        body = b"ready"
    elif len(environ["wsgi.input"].read()) != int(environ.get("CONTENT_LENGTH") or 0):
        start_response("400 Bad Request", [("Content-Length", "0")])
        return []
    else:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        body = _execute(environ["REQUEST_METHOD"], environ["HTTP_X_BENCH_ID"], key).encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Service", "orders")])
    return [body]
