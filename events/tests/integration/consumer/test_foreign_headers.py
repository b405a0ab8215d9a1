"""Headers that no client of ours would send: each such message is a dead letter, and the event behind it is handled."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from consuming import dead_letters, effects, send
from mercadito_events import dead_letters as letters
from mercadito_events.testing import NatsServer
from sqlalchemy import Engine
from steps import TYPE, until

Make = Callable[..., Any]


def publish_raw(nats: NatsServer, head: bytes, body: bytes = b"{}") -> None:
    """Publish as orders, with headers as they are given, and return when the server has taken it."""
    who = nats.settings("orders")
    with socket.create_connection(("127.0.0.1", nats.port), timeout=5) as line, line.makefile("rb") as said:
        said.readline()
        options = f'{{"verbose":false,"headers":true,"user":"{who.user}","pass":"{who.password}"}}'
        line.sendall(f"CONNECT {options}\r\nHPUB {TYPE} {len(head)} {len(head) + len(body)}\r\n".encode())
        line.sendall(head + body + b"\r\nPING\r\n")
        assert said.readline() == b"PONG\r\n"


@pytest.mark.parametrize(
    "name", [b"x/y", b"x(y)", b"a@b", b'"q"', b"[", b"\x01", b"x\xe9", b"x y", b"Status", b"status", b"NATS-Rollup"]
)
async def test_a_header_that_cannot_be_passed_on_does_not_keep_a_message_from_being_buried(  # noqa: PLR0917 - fixtures
    engine: Engine, connected: Make, nats: NatsServer, consumer: Make, running: Make, name: bytes
) -> None:
    publish_raw(nats, b"NATS/1.0\r\nce-id: 1\r\n" + name + b": sub\r\nx-odd: \xff\xe1\r\nx-told: yes\r\n\r\n")
    await send(await connected("orders"), 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["headers"]["x-told"] == "yes"
    assert letter["headers"]["ce-id"] == "1"
    assert "sub" not in letter["headers"].values()


async def test_a_header_that_is_refused_all_the_same_is_left_out(  # noqa: PLR0917 - fixtures
    engine: Engine,
    connected: Make,
    nats: NatsServer,
    consumer: Make,
    running: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letters, "_is_passed_on", lambda _name, _value: True)
    publish_raw(nats, b"NATS/1.0\r\nce-id: 1\r\nx/y: sub\r\n\r\n")
    await send(await connected("orders"), 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2])
    (letter,) = await dead_letters(connected, 1)
    assert letter["headers"]["ce-id"] == "1"
    assert "x/y" not in letter["headers"]


@pytest.mark.parametrize("status", ["404", "408", "409", "100", "503", "x", ""])
async def test_a_message_that_looks_like_a_word_of_the_servers_is_a_message(
    engine: Engine, connected: Make, consumer: Make, running: Make, status: str
) -> None:
    orders = await connected("orders")
    await orders.jetstream().publish(TYPE, b"{}", headers={"Status": status})
    await send(orders, 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2], timeout_s=5)
    (letter,) = await dead_letters(connected, 1)
    assert letter["headers"]["x-error"].startswith("MalformedEvent")


async def test_a_status_in_the_first_line_of_the_headers_is_none_of_the_servers_either(
    engine: Engine, connected: Make, nats: NatsServer, consumer: Make, running: Make
) -> None:
    publish_raw(nats, b"NATS/1.0 404 No Messages\r\n\r\n")
    await send(await connected("orders"), 2)
    running(await consumer())
    await until(lambda: effects(engine) == [2], timeout_s=5)
    assert len(await dead_letters(connected, 1)) == 1
