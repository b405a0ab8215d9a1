"""A name server that knows one answer, which a test may change."""

import socket
import threading
from types import TracebackType
from typing import Self


class NameServer:
    """Answers every question with `address`, or that there is no such name when it is None."""

    def __init__(self) -> None:
        self.address: str | None = None
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
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while (received := self._socket.recvfrom(512))[0]:
            question, client = received
            self._socket.sendto(self._reply(question), client)

    def _reply(self, question: bytes) -> bytes:
        if self.address is None:
            return question[:2] + b"\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00" + question[12:]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x02\x58\x00\x04" + socket.inet_aton(self.address)
        return question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:] + record
