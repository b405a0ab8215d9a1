"""The benchmark of the fan-out, run small, and what its figures are counted with."""

import asyncio
import base64
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bench.fanout import bench
from tests.bench.fanout.actors import Crowd, Door, compile_crowd
from tests.bench.fanout.soak import slope_kb_per_min
from tests.bench.world import BenchFailed

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_EPOCH = "ORDERS.e1"


class Server:
    """A server of `/ws` that says what a test wants: `script` gets what the client said and a way to answer."""

    def __init__(self, script: Callable[["Talk"], Coroutine[None, None, None]]) -> None:
        self._script = script
        self.talks: list[Talk] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        talk = Talk(reader, writer)
        self.talks.append(talk)
        try:
            await self._script(talk)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Talk:
    """One client, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.wishes: list[dict[str, object]] = []

    async def hear(self) -> dict[str, object]:
        """Read the client's next frame; its mask is of zeros."""
        _, length = struct.unpack("!BB", await self._reader.readexactly(2))
        size = length & 127
        if size == 126:
            size = struct.unpack("!H", await self._reader.readexactly(2))[0]
        payload = (await self._reader.readexactly(4 + size))[4:]
        frame: dict[str, object] = json.loads(payload)
        return frame

    def say(self, **frame: object) -> None:
        payload = json.dumps(frame, separators=(",", ":")).encode()
        length = struct.pack("!B", len(payload)) if len(payload) < 126 else struct.pack("!BH", 126, len(payload))
        self.writer.write(b"\x81" + length + payload)

    def news(self, offset: int, previous: int, number: int) -> None:
        data = {"number": number, "total_cents": 6800}
        self.say(b=[{"c": "store:bench", "o": offset, "p": previous, "k": "order", "v": 1, "d": data}], t=1)

    async def join(self, *, recovered: bool = True, offset: int = 10) -> None:
        assert "auth" in await self.hear()
        self.say(welcome={"session": "s", "ping_s": 25})
        wish = (await self.hear())["sub"]
        assert isinstance(wish, list)
        self.wishes += wish
        self.say(sub={"c": "store:bench", "recovered": recovered, "pos": {"e": _EPOCH, "o": offset}})

    def close(self, code: int) -> None:
        self.writer.write(b"\x88\x02" + struct.pack("!H", code))


@asynccontextmanager
async def crowd_at(
    folder: Path, script: Callable[[Talk], Coroutine[None, None, None]]
) -> AsyncIterator[tuple[Crowd, Server]]:
    server = Server(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    crowd = await Crowd.of(await compile_crowd(folder), folder / "log", Door("ours", port, "/ws", ["store:bench"]))
    try:
        yield crowd, server
    finally:
        await crowd.end()
        listener.close()
        for talk in server.talks:
            talk.writer.close()


def test_a_gap_a_doubled_and_a_lost_message_are_told_apart(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.join(offset=10)
        talk.news(11, 10, 1)
        talk.news(11, 10, 1)  # again
        talk.news(15, 12, 4)  # its chain names one that never came; two numbers are missing
        talk.news(16, 15, 5)

    async def count() -> None:
        async with crowd_at(tmp_path, script) as (crowd, _):
            crowd.tell("connect", 1, 1000)
            seen = await crowd.until(lambda seen: seen.news == 4, 10, "all news")
            assert (seen.gaps, seen.doubled, seen.lost, seen.numbered) == (1, 1, 2, 3)
            assert (seen.lowest, seen.highest, seen.open, seen.errors) == (5, 5, 1, 0)

    asyncio.run(count())


def test_a_client_that_is_cut_comes_back_from_its_own_position_and_not_before_it_was_told_to(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        first = len(server_of) == 0
        server_of.append(talk)
        await talk.join(offset=10 if first else 11, recovered=True)
        if first:
            talk.news(11, 10, 1)
            talk.say(drain={"retry_ms": 300})
            talk.close(1012)

    server_of: list[Talk] = []

    async def come_back() -> None:
        async with crowd_at(tmp_path, script) as (crowd, _):
            crowd.tell("connect", 1, 1000)
            seen = await crowd.until(lambda seen: seen.opened == 2, 10, "back")
            assert seen.closed == {"1012": 1}
            assert (seen.recovered, seen.unrecovered, seen.gaps) == (1, 0, 0)
            assert seen.all_open_us - seen.first_news_us >= 290_000
        assert [talk.wishes for talk in server_of] == [
            [{"c": "store:bench"}],
            [{"c": "store:bench", "pos": {"e": _EPOCH, "o": 11}}],
        ]

    asyncio.run(come_back())


def test_pings_are_answered_and_what_is_cut_into_pieces_is_put_together(tmp_path: Path) -> None:
    said: list[dict[str, object]] = []

    async def script(talk: Talk) -> None:
        await talk.join()
        talk.say(ping=7)
        said.append(await talk.hear())
        talk.writer.write(b"\x81")
        await talk.writer.drain()
        await asyncio.sleep(0.05)  # what follows must not come with it
        talk.writer.write(b"\x0b" + b'{"ping":88}')
        said.append(await talk.hear())
        talk.news(11, 10, 1)

    async def answer() -> None:
        async with crowd_at(tmp_path, script) as (crowd, _):
            crowd.tell("connect", 1, 1000)
            await crowd.until(lambda seen: seen.news == 1, 10, "the news after the pings")

    asyncio.run(answer())
    assert said == [{"pong": 7}, {"pong": 88}]


def test_what_a_ping_says_was_seen_moves_positions_forward_and_never_back(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        first = not talks
        talks.append(talk)
        await talk.join(offset=10)
        if first:
            for offset in (30, 20):
                talk.say(ping=1, seen={"USDA.e1": 99, _EPOCH: offset})
                await talk.hear()
            talk.news(31, 10, 1)
            talk.say(ping=1, seen={_EPOCH: 40})
            talk.close(1012)

    talks: list[Talk] = []

    async def count() -> None:
        async with crowd_at(tmp_path, script) as (crowd, _):
            crowd.tell("connect", 1, 1000)
            seen = await crowd.until(lambda seen: seen.opened == 2, 10, "back")
            assert (seen.gaps, seen.news) == (0, 1)
        assert talks[1].wishes == [{"c": "store:bench", "pos": {"e": _EPOCH, "o": 40}}]

    asyncio.run(count())


def test_who_stalls_reads_nothing_until_told_to(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.join()
        await go.wait()
        talk.news(11, 10, 1)

    async def stall() -> None:
        async with crowd_at(tmp_path, script) as (crowd, _):
            await crowd.enter(2, 1000)
            crowd.tell("stall", 1)
            go.set()
            seen = await crowd.until(lambda seen: seen.news == 1, 10, "the other's news")
            assert seen.stalled == 1
            crowd.tell("resume")
            await crowd.until(lambda seen: seen.news == 2 and not seen.stalled, 10, "both have them")

    asyncio.run(stall())


def test_the_slope_is_that_of_the_second_half() -> None:
    assert slope_kb_per_min([(0, 0), (1, 500), (2, 1000), (3, 1010), (4, 1020), (5, 1030)]) == pytest.approx(10)
    assert slope_kb_per_min([(0, 7)]) == 0


def test_a_soak_of_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANOUT_SOAK_MINUTES", "long")
    with pytest.raises(BenchFailed, match="'long'"):
        bench.from_environment(bench.FULL)
    monkeypatch.setenv("FANOUT_SOAK_MINUTES", "7.5")
    monkeypatch.setenv("FANOUT_ONLY", "soak,rates")
    plan = bench.from_environment(bench.FULL)
    assert (plan.soak.minutes, plan.only) == (7.5, ("soak", "rates"))


def test_the_whole_benchmark_runs() -> None:
    report = bench.run(bench.TINY)
    found = {figure.what: figure.ours for figure in report.figures}
    assert not [what for what in found if "NOT MEASURED" in what], report.notes
    for part in (
        *("per core-second", "memory per connection", "idle with", "dropped at once", "publish to client"),
        *("SIGTERM", "kill -9", "through the gateway", "stall", "nats-server killed", "order committed", "soak"),
    ):
        assert any(part in what for what in found), part
    wrong = [what for what in found if what.endswith(("not recovered", "doubled", "lost", "told", "they are back"))]
    assert len(wrong) >= 8
    assert not [what for what in wrong if found[what]], report.table()
