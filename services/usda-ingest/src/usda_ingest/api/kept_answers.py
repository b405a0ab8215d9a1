"""Answers of a while ago, kept in this process for as long as they are still true; the oldest unused go first."""

import threading
from collections import OrderedDict

MAX_ANSWERS = 500
MAX_BYTES = 16 * 1024 * 1024
MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""A larger one is never kept: it would push out what many ask for."""


class KeptAnswers:
    """Bodies by address, each with the ETag under which it is true. For use by several threads."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, address: str, etag: str) -> bytes | None:
        """Return the body, if the one that is kept has this ETag."""
        with self._lock:
            found = self._answers.get(address)
            if found is None or found[0] != etag:
                return None
            self._answers.move_to_end(address)
            return found[1]

    def keep(self, address: str, etag: str, body: bytes) -> None:
        """Keep the body in place of what was kept for this address."""
        with self._lock:
            self._forget(address)
            if len(body) > MAX_ANSWER_BYTES:
                return
            self._answers[address] = (etag, body)
            self._bytes += len(body)
            while len(self._answers) > MAX_ANSWERS or self._bytes > MAX_BYTES:
                self._forget(next(iter(self._answers)))

    def _forget(self, address: str) -> None:
        _, body = self._answers.pop(address, ("", b""))
        self._bytes -= len(body)
