"""An answer leaves the process whole or not at all."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.gthread import ThreadWorker

from orders.entrypoints import gunicorn_worker
from orders.entrypoints.gunicorn_worker import Gathering, OrdersWorker


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except BlockingIOError:
        return b""


def test_nothing_is_sent_before_the_answer_is_complete(ends: tuple[socket.socket, socket.socket]) -> None:
    gathering = Gathering(ends[0])
    gathering.sendall(b"head\r\n\r\n")
    gathering.sendall(b"body")
    assert received(ends[1]) == b""
    gathering.flush()
    assert received(ends[1]) == b"head\r\n\r\nbody"
    gathering.flush()
    assert received(ends[1]) == b""


def test_a_large_answer_is_not_kept_in_memory_whole(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "LARGEST_GATHERED_BYTES", 10)
    gathering = Gathering(ends[0])
    gathering.sendall(b"12345678901")
    assert received(ends[1]) == b"12345678901"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> OrdersWorker:
    def answer(_self: Any, req: Any, conn: Any) -> bool:
        conn.sock.sendall(b"half")
        if req == "breaks":
            raise OSError("the client is gone")
        conn.sock.sendall(b" and half")
        return True

    monkeypatch.setattr(ThreadWorker, "handle_request", answer)
    return OrdersWorker.__new__(OrdersWorker)


def test_a_worker_sends_head_and_body_together(worker: OrdersWorker, ends: tuple[socket.socket, socket.socket]) -> None:
    connection = SimpleNamespace(sock=ends[0])
    assert worker.handle_request("works", connection) is True
    assert received(ends[1]) == b"half and half"
    assert connection.sock is ends[0]


def test_half_an_answer_is_dropped(worker: OrdersWorker, ends: tuple[socket.socket, socket.socket]) -> None:
    connection = SimpleNamespace(sock=ends[0])
    with pytest.raises(OSError, match="gone"):
        worker.handle_request("breaks", connection)
    assert received(ends[1]) == b""
    assert connection.sock is ends[0]
