"""A name server that knows one answer, which a test may change."""

import socket
import threading
from types import TracebackType
from typing import Self

NO_SUCH_NAME = 3


class NameServer:
    """Answers each question from `addresses`, else with `address`, or that there is no such name when that is None.

    A `code` other than 0 is the answer to everything (2: SERVFAIL); a `silent` one answers nothing.
    """

    def __init__(self) -> None:
        self.address: str | None = None
        self.addresses: dict[str, str] = {}
        self.code = 0
        self.silent = False
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the port: whoever asks there is refused."""
        if self._thread.is_alive():
            self._socket.sendto(b"", ("127.0.0.1", self.port))
            self._thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while (received := self._socket.recvfrom(512))[0]:
            question, client = received
            self.asked += 1
            if not self.silent:
                self._socket.sendto(self._reply(question), client)

    def _reply(self, question: bytes) -> bytes:
        address = self.addresses.get(_name(question), self.address)
        code = self.code or (NO_SUCH_NAME if address is None else 0)
        if address is None or code:
            return question[:2] + bytes((0x81, 0x80 | code)) + b"\x00\x01\x00\x00\x00\x00\x00\x00" + question[12:]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x02\x58\x00\x04" + socket.inet_aton(address)
        return question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:] + record


def _name(question: bytes) -> str:
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)
