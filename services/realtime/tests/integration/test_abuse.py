"""Clients that speak WebSocket badly, or not at all: each is let go, and nobody else notices."""

import contextlib
import socket as sockets
import struct
import time
from collections.abc import Iterator

import orjson
import pytest
from harness import Clients, Eventually, Process, Publisher
from realtime import deflate
from stand_ins import Issuer

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mercadito.v1\r\n"
)
TEXT, CONTINUATION, BINARY, CLOSE, PING, PONG = 0x1, 0x0, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10


def framed(body: bytes, first: int = FIN | TEXT, mask: bytes = b"\x0f\xf0\x55\xaa") -> bytes:
    size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack(">H", len(body))
    return bytes([first]) + size + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))


class Wire:
    """A connection by hand."""

    def __init__(self, process: Process) -> None:
        self.host = process.host
        self.socket = sockets.create_connection(("127.0.0.1", process.ws_port), timeout=8)
        self._read = b""

    def close(self) -> None:
        self.socket.close()

    def upgrade(self, path: str = "/ws", more: str = "") -> bytes:
        self.socket.sendall((UPGRADE.format(path=path, host=self.host) + more + "\r\n").encode("latin-1"))
        return self.head()

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self._read:
            some = self.socket.recv(4_096)
            if not some:
                return self._read
            self._read += some
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head

    def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload; (-1, b"") at the end."""
        header = self._exactly(2)
        if len(header) < 2:
            return -1, b""
        size = header[1] & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        return header[0] & 0x0F, self._exactly(size)

    def say(self, body: bytes, first: int = FIN | TEXT) -> None:
        self.socket.sendall(framed(body, first))

    def sign_in(self, ticket: str) -> None:
        assert self.upgrade().startswith(b"HTTP/1.1 101 ")
        self.say(orjson.dumps({"auth": ticket}))
        opcode, body = self.frame()
        assert (opcode, b"welcome" in body) == (TEXT, True)

    def close_code(self) -> int:
        """Read to the close frame and return its code; 0 when the connection ended without one."""
        while True:
            opcode, body = self.frame()
            if opcode == CLOSE:
                return int(struct.unpack(">H", body[:2])[0])
            if opcode == -1:
                return 0

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            some = self.socket.recv(65_536)
            if not some:
                break
            self._read += some
        taken, self._read = self._read[:count], self._read[count:]
        return taken


@contextlib.contextmanager
def wire(process: Process) -> Iterator[Wire]:
    with contextlib.closing(Wire(process)) as made:
        yield made


@pytest.fixture
def signed_in(shared: Process, issuer: Issuer) -> Iterator[Wire]:
    with wire(shared) as made:
        made.sign_in(issuer.ticket("p-abuse"))
        yield made


SUB = b'{"sub":[{"c":"prices"}]}'


def test_a_message_in_pieces_with_a_ping_between_them_is_one_message(signed_in: Wire) -> None:
    signed_in.say(SUB[:5], TEXT)
    signed_in.say(b"there?", FIN | PING)
    signed_in.say(SUB[5:9], CONTINUATION)
    signed_in.say(SUB[9:], FIN | CONTINUATION)
    assert signed_in.frame() == (PONG, b"there?")
    opcode, body = signed_in.frame()
    assert (opcode, orjson.loads(body)["sub"]["c"]) == (TEXT, "prices")


def test_a_message_of_empty_pieces_is_an_empty_message(signed_in: Wire) -> None:
    signed_in.say(b"", TEXT)
    signed_in.say(b"", FIN | CONTINUATION)
    assert signed_in.frame() == (TEXT, b'{"err":{"code":"malformed"}}')


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([(SUB, FIN | TEXT | RSV1)], 1002),
        ([(SUB, FIN | TEXT | RSV2)], 1002),
        ([(SUB, FIN | TEXT | RSV3)], 1002),
        ([(SUB, FIN | CONTINUATION)], 1002),
        ([(SUB, TEXT), (SUB, FIN | TEXT)], 1002),
        ([(SUB, FIN | 0x3)], 1002),
        ([(SUB, FIN | 0xF)], 1002),
        ([(b"x", PING)], 1002),
        ([(b"x" * 126, FIN | PING)], 1002),
        ([(SUB, BINARY)], 1003),
        ([(b"\xc3\x28", FIN | TEXT)], 1007),
        ([(b"\xc3", TEXT), (b"\x28", FIN | CONTINUATION)], 1007),
        ([(b"x" * 4_097, FIN | TEXT)], 1009),
        ([(b"x" * 3_000, TEXT), (b"x" * 3_000, CONTINUATION)], 1009),
        ([(b"\x03", FIN | CLOSE)], 1002),
        ([(struct.pack(">H", 1005), FIN | CLOSE)], 1002),
    ],
)
def test_what_the_protocol_does_not_allow_ends_the_connection_with_its_code(
    signed_in: Wire, said: list[tuple[bytes, int]], code: int
) -> None:
    for body, first in said:
        signed_in.say(body, first)
    assert signed_in.close_code() == code


def test_a_letter_in_two_pieces_is_one_letter(signed_in: Wire) -> None:
    body = '{"sub":[{"c":"é"}]}'.encode()
    cut = body.index(b"\xc3") + 1
    signed_in.say(body[:cut], TEXT)
    signed_in.say(body[cut:], FIN | CONTINUATION)
    assert orjson.loads(signed_in.frame()[1]) == {"err": {"code": "unknown-channel", "c": "é"}}


def test_a_frame_that_is_said_to_be_huge_ends_the_connection_before_it_comes(signed_in: Wire) -> None:
    signed_in.socket.sendall(b"\x81\xff" + struct.pack(">Q", 2**40) + bytes(4))
    assert signed_in.close_code() == 1009


@pytest.mark.parametrize("code", [1000, 1001, 3999, 4321])
def test_a_client_that_closes_is_answered_with_its_code(
    signed_in: Wire, shared: Process, eventually: Eventually, code: int
) -> None:
    before = len(shared.lines("socket_closed"))
    signed_in.say(struct.pack(">H", code) + b"bye", FIN | CLOSE)
    assert signed_in.close_code() == code
    assert signed_in.frame() == (-1, b"")
    eventually(lambda: [line["code"] for line in shared.lines("socket_closed")][before:] == [code])


def test_a_client_that_closes_without_a_code_is_answered_with_1000(signed_in: Wire) -> None:
    signed_in.say(b"", FIN | CLOSE)
    assert signed_in.close_code() == 1000


def test_what_is_said_after_closing_is_not_heard(signed_in: Wire) -> None:
    signed_in.socket.sendall(framed(struct.pack(">H", 1000), FIN | CLOSE) + framed(SUB) * 3)
    assert signed_in.frame()[0] == CLOSE
    assert signed_in.frame() == (-1, b"")


def test_everything_at_once_behind_the_upgrade_is_heard_in_order(shared: Process, issuer: Issuer) -> None:
    with wire(shared) as made:
        head = (UPGRADE.format(path="/ws", host=shared.host) + "\r\n").encode()
        made.socket.sendall(head + framed(orjson.dumps({"auth": issuer.ticket()})) + framed(SUB))
        assert made.head().startswith(b"HTTP/1.1 101 ")
        told = [orjson.loads(made.frame()[1]) for _ in range(2)]
        assert [next(iter(frame)) for frame in told] == ["welcome", "sub"]


def test_byte_by_byte_is_slow_but_right(shared: Process, issuer: Issuer) -> None:
    with wire(shared) as made:
        made.sign_in(issuer.ticket())
        for byte in framed(SUB):
            made.socket.sendall(bytes([byte]))
        assert b"prices" in made.frame()[1]


def test_a_flood_of_protocol_pings_is_answered_and_harms_nobody(signed_in: Wire) -> None:
    signed_in.socket.sendall(framed(b"x", FIN | PING) * 1_000)
    assert [signed_in.frame() for _ in range(1_000)] == [(PONG, b"x")] * 1_000


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/ws/", "", b"404"),
        ("/wsx", "", b"404"),
        ("/", "", b"404"),
        ("/../ws", "", b"404"),
        ("/ws?ticket=x", "", b"101"),
        ("/ws", "Origin: http://evil.example\r\n", b"403"),
        ("/ws", "Content-Length: 5\r\n", b"400"),
        ("/ws", "Transfer-Encoding: chunked\r\n", b"400"),
        ("/ws", "X-Bad\x01Name: 1\r\n", b"400"),
        ("/ws", "no colon\r\n", b"400"),
        ("/ws", "Sec-WebSocket-Extensions: permessage-bzip2; permessage-deflate\r\n", b"101"),
    ],
)
def test_an_upgrade_is_judged_by_path_page_and_form(shared: Process, path: str, more: str, status: bytes) -> None:
    with wire(shared) as made:
        head = made.upgrade(path, more)
        assert head.split(b" ")[1] == status
        assert b"xtensions" not in head


@pytest.mark.parametrize(
    ("right", "wrong", "status"),
    [
        ("GET", "POST", b"400"),
        ("HTTP/1.1", "HTTP/1.0", b"400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", b"400"),
        ("Upgrade: websocket", "Upgrade: h2c", b"400"),
        ("mercadito.v1", "chat", b"400"),
        ("Version: 13", "Version: 8", b"426"),
    ],
)
def test_what_is_no_upgrade_to_our_protocol_is_refused(shared: Process, right: str, wrong: str, status: bytes) -> None:
    with wire(shared) as made:
        request = UPGRADE.format(path="/ws", host=shared.host) + "\r\n"
        made.socket.sendall(request.replace(right, wrong).encode())
        assert made.head().split(b" ")[1] == status


def test_an_endless_request_is_cut_off(shared: Process) -> None:
    with wire(shared) as made:
        made.socket.sendall(b"GET /ws HTTP/1.1\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):  # reset or broken pipe, as the kernel likes
            while sent < 4_000_000:
                made.socket.sendall(b"X-More: " + b"x" * 8_000 + b"\r\n")
                sent += 8_010
        assert sent < 4_000_000


def test_who_never_finishes_the_request_is_cut_off_after_five_seconds(shared: Process) -> None:
    with wire(shared) as made:
        made.socket.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert made.socket.recv(1) == b""
        assert 4 < time.monotonic() - began < 7


async def test_after_all_that_the_others_still_hear_everything(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    socket = await clients.signed_in(shared, "p-calm")
    await socket.subscribe("cycle:calm")
    await publish.offers("calm", ("a", 1, 1))
    await socket.message(lambda m: m["d"]["offer_id"] == "a")
    assert shared.lines("session_failed") == []


COMPRESSING = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


@pytest.fixture
def compressing(shared: Process, issuer: Issuer) -> Iterator[Wire]:
    with wire(shared) as made:
        head = made.upgrade(more=COMPRESSING)
        answer = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        assert b"Sec-WebSocket-Extensions: " + answer in head
        made.say(deflate.message([deflate.piece(orjson.dumps({"auth": issuer.ticket("p-abuse")}))]), FIN | TEXT | RSV1)
        assert b"welcome" in made.frame()[1]
        yield made


def test_what_a_client_compresses_is_read_and_pieces_of_it_too(compressing: Wire) -> None:
    compressing.say(SUB)
    assert b"prices" in compressing.frame()[1]
    small = deflate.message([deflate.piece(SUB)])
    compressing.say(small[:4], TEXT | RSV1)
    compressing.say(small[4:], FIN | CONTINUATION)
    assert b"prices" in compressing.frame()[1]


@pytest.mark.parametrize(
    ("body", "first", "code"),
    [
        (deflate.message([deflate.piece(b"[" * 10_000_000)]), FIN | TEXT | RSV1, 1009),
        (deflate.message([deflate.piece(b"x" * 4_097)]), FIN | TEXT | RSV1, 1009),
        (b"this is no deflate", FIN | TEXT | RSV1, 1007),
        (deflate.message([deflate.piece(b"\xc3\x28")]), FIN | TEXT | RSV1, 1007),
        (SUB, FIN | CONTINUATION | RSV1, 1002),
        (SUB, FIN | TEXT | RSV1 | RSV2, 1002),
    ],
    ids=["bomb", "just too long", "nonsense", "not UTF-8", "continuation", "another bit"],
)
def test_what_is_badly_compressed_ends_the_connection(compressing: Wire, body: bytes, first: int, code: int) -> None:
    compressing.say(body[:4_000], first)
    assert compressing.close_code() == code


async def test_a_large_replay_comes_compressed_to_those_who_can_read_it_and_news_does_not(
    shared: Process, clients: Clients, publish: Publisher, issuer: Issuer
) -> None:
    seen = (await (await clients.signed_in(shared)).subscribe("cycle:packed"))["sub"]["pos"]
    await publish.offers("packed", *((f"offer-{number}", number, 1) for number in range(100)))
    plain, packing = await clients.signed_in(shared, "p1"), await clients.open(shared, compression="deflate")
    await packing.say(auth=issuer.ticket("p2"))
    for socket in (plain, packing):
        assert (await socket.subscribe("cycle:packed", pos=seen))["sub"]["recovered"] is True
        await socket.message(lambda m: m["d"]["offer_id"] == "offer-99")
    assert plain.news("cycle:packed") == packing.news("cycle:packed")
    await publish.offers("packed", ("offer-1", 0, 2))
    assert (await packing.message(lambda m: m["v"] == 2)) == (await plain.message(lambda m: m["v"] == 2))
