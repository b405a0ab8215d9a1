"""Conversations byte by byte: what is sent is the test, and every answer on the connection is read."""

import io
import socket
from collections.abc import Sequence
from dataclasses import dataclass

DEADLINE_S = 20
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Heard:
    """One answer as it came."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def send(port: int, *parts: bytes) -> bytes:
    """Send bytes as they are; return everything that comes until the gateway closes, whatever it does."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while more := connection.recv(65536):
                got += more
        except ConnectionError:
            pass
    return got


def converse(port: int, *parts: bytes) -> list[Heard]:
    """Send bytes and a last, plain request; return all answers: the gateway closes after the last, or sooner."""
    return heard(send(port, *parts, LAST))


def heard(got: bytes) -> list[Heard]:
    reader, answers = io.BytesIO(got), []
    while line := reader.readline():
        assert line.startswith(b"HTTP/1.1 "), line
        headers = []
        while (field := reader.readline()) != b"\r\n":
            name, colon, value = field.decode("latin-1").partition(":")
            assert colon, field
            headers.append((name, value.strip()))
        answer = Heard(int(line.split(b" ")[1]), headers, b"")
        answers.append(Heard(answer.status, headers, _body(reader, answer)))
    return answers


def _body(reader: io.BytesIO, head: Heard) -> bytes:
    if head.status < 200 or head.status in {204, 304}:
        return b""
    if head.all("Transfer-Encoding"):
        return _chunks(reader)
    length = head.all("Content-Length")
    return reader.read(int(length[0])) if length else reader.read()


def _chunks(reader: io.BytesIO) -> bytes:
    body = b""
    while size := int(reader.readline(), 16):
        body += reader.read(size)
        reader.readline()
    reader.readline()
    return body
