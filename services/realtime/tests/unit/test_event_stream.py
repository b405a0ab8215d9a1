import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mercadito_events.service.identity import Identity, KeySet
from realtime.event_stream import CLOSE_S, GONE, MAX_AGE_S, QUEUE_BYTES, STALL_S, EventStream
from realtime.hub import Hub
from realtime.protocol import Close, Position, Wish
from realtime.sse import MAX_ID_CHARS, NOWHERE, wishes_of
from realtime.tickets import Tickets
from stand_ins import Issuer, stock, urgent

CYCLE = "cycle:c1"


class Connection:
    """A transport that takes everything until it is told to be full."""

    def __init__(self) -> None:
        self.waits = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waits

    def abort(self) -> None:
        self.aborted = True


class Reader:
    """The far end: what was written, and a tap."""

    def __init__(self) -> None:
        self.text, self.largest = b"", 0
        self.tap = asyncio.Event()
        self.tap.set()

    async def write(self, events: bytes) -> None:
        await self.tap.wait()
        self.text, self.largest = self.text + events, max(self.largest, len(events))


class Archive:
    """Keeps what it is asked, and answers nothing."""

    def __init__(self, asked: list[Any]) -> None:
        self.asked = asked

    def ask(self, *what: Any) -> None:
        self.asked.append(what)


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def tickets(issuer: Issuer) -> Tickets:
    return Tickets(KeySet(issuer.jwks_file))


def who(expires_s: float = 600) -> Identity:
    now = datetime.now(UTC)
    return Identity("p1", "buyer", (), "web", "t1", "s1", now + timedelta(seconds=expires_s), now)


@pytest.fixture
def stream(connection: Connection, hub: Hub, tickets: Tickets) -> EventStream:
    return made(connection, hub, tickets, who())


def made(
    connection: Any, hub: Hub, tickets: Tickets, identity: Identity | None, asked: list[Any] | None = None
) -> EventStream:
    return EventStream(
        connection,
        hub=hub,
        archive=Archive([] if asked is None else asked),
        tickets=tickets,
        identity=identity,
        due_changed=lambda _stream: None,
        address="127.0.0.1",
        ping_s=25,
    )


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def publish(hub: Hub, clock: Any, offset: int, *news: Any) -> None:
    hub.publish("ORDERS", offset, clock.now, news)
    hub.tick()


async def test_each_frame_is_one_event_with_the_places_of_all_channels(
    stream: EventStream, hub: Hub, clock: Any
) -> None:
    reader = Reader()
    running = asyncio.create_task(stream.run([Wish("prices"), Wish(CYCLE)], reader.write))
    await settle()
    publish(hub, clock, 105, urgent(CYCLE, "a"))
    await settle()
    retry, prices, cycle, news, rest = reader.text.split(b"\n\n")
    assert retry.startswith(b"retry: ")
    assert prices.startswith(b"id: USDA.e1:0,\ndata: {")
    assert cycle.startswith(b"id: USDA.e1:0,ORDERS.e1:100\ndata: {")
    assert news.startswith(b"id: USDA.e1:0,ORDERS.e1:105\ndata: {")
    assert rest == b""
    hub.whisper(CYCLE, "viewers", {"n": 1})
    await settle()
    assert reader.text.split(b"\n\n")[-2].startswith(b"data: {")
    stream.close(Close.RESTART, "")
    await running


async def test_a_sign_of_life_moves_the_places_of_answered_channels_on_and_never_back(
    stream: EventStream, hub: Hub, clock: Any
) -> None:
    reader = Reader()
    running = asyncio.create_task(stream.run([Wish(CYCLE), Wish("prices")], reader.write))
    await settle()
    publish(hub, clock, 140, urgent("cycle:other", "a"))
    stream.check(stream.due)
    await settle()
    assert reader.text.startswith(b"retry: ")
    assert reader.text.split(b"\n")[1].startswith(b'data: {"welcome":{"session":')
    seen = b'{"ORDERS.e1":140,"USDA.e1":0}'
    assert reader.text.endswith(b'id: ORDERS.e1:140,USDA.e1:0\ndata: {"ping":1,"seen":%b}\n\n' % seen)
    hub.restart("USDA", "USDA.e2", floor=7, floor_ms=clock.now)
    stream.check(stream.due)
    await settle()
    seen = b'{"ORDERS.e1":140,"USDA.e2":7}'
    assert reader.text.endswith(b'id: ORDERS.e1:140,USDA.e2:7\ndata: {"ping":2,"seen":%b}\n\n' % seen)
    stream.close(Close.RESTART, "")
    await running


async def test_a_place_that_is_still_sought_is_not_moved_on(
    connection: Connection, hub: Hub, tickets: Tickets, clock: Any
) -> None:
    asked = []
    stream = made(connection, hub, tickets, who(), asked)
    reader = Reader()
    wish = Wish(CYCLE, Position("ORDERS.e1", 50))  # from before memory begins
    running = asyncio.create_task(stream.run([wish], reader.write))
    await settle()
    publish(hub, clock, 140, urgent("cycle:other", "a"))
    stream.check(stream.due)
    await settle()
    assert len(asked) == 1
    assert b"\nid: ORDERS.e1:50\n" in reader.text
    stream.close(Close.RESTART, "")
    await running


async def test_with_the_way_full_nothing_more_is_kept_and_then_only_the_latest_is_sent(
    stream: EventStream, connection: Connection, hub: Hub, clock: Any
) -> None:
    reader = Reader()
    running = asyncio.create_task(stream.run([Wish(CYCLE)], reader.write))
    await settle()
    connection.waits = 1_000
    reader.tap.clear()
    publish(hub, clock, 101, stock(CYCLE, "o1", 9, 1))
    assert stream.stalled_since is not None
    kept = stream.buffered()
    for version in range(2, 50):
        publish(hub, clock, 100 + version, stock(CYCLE, "o1", 9, version))
    assert stream.buffered() == kept
    before = len(reader.text)
    connection.waits = 0
    reader.tap.set()
    await settle()
    assert stream.stalled_since is None
    caught_up = reader.text[before:].split(b"\n\n")
    assert [b'"v":1,' in caught_up[0], b'"v":49,' in caught_up[1], len(caught_up)] == [True, True, 3]
    assert caught_up[1].startswith(b"id: ORDERS.e1:149\n")
    publish(hub, clock, 150, stock(CYCLE, "o1", 9, 50))
    await settle()
    assert b'"v":50,' in reader.text
    stream.close(Close.RESTART, "")
    await running


async def test_catching_up_stops_when_the_queue_is_full_and_goes_on(stream: EventStream, hub: Hub, clock: Any) -> None:
    names = [f"store:{number}" for number in range(32)]
    for number, name in enumerate(names):
        for each in range(100):
            publish(hub, clock, 101 + number * 100 + each, urgent(name, f"order-{each}-{'x' * 50}"))
    reader, position = Reader(), Position("ORDERS.e1", 100)
    running = asyncio.create_task(stream.run([Wish(name, position) for name in names], reader.write))
    await settle()
    assert QUEUE_BYTES < reader.largest < 2 * QUEUE_BYTES < len(reader.text)
    assert reader.text.count(b'"recovered":true') == 32
    assert all(reader.text.count(b'"b":[{"c":"%b"' % name.encode()) == 1 for name in names)
    stream.close(Close.RESTART, "")
    await running


async def test_who_stalls_too_long_is_cut(stream: EventStream, connection: Connection, hub: Hub, clock: Any) -> None:
    reader = Reader()
    running = asyncio.create_task(stream.run([Wish(CYCLE)], reader.write))
    await settle()
    connection.waits = 1
    reader.tap.clear()
    publish(hub, clock, 101, urgent(CYCLE, "a"))
    await settle()
    assert stream.stalled_since is not None
    assert stream.due <= stream.stalled_since + STALL_S
    stream.check(stream.stalled_since + STALL_S - 0.1)
    assert stream.closed_with is None
    stream.check(stream.stalled_since + STALL_S)
    assert (stream.closed_with, connection.aborted) == (Close.TOO_SLOW, True)
    reader.tap.set()
    await asyncio.wait_for(running, 1)
    assert hub.watchers_of(CYCLE) == ()


async def test_who_does_not_even_read_signs_of_life_stalls(
    stream: EventStream, connection: Connection, hub: Hub
) -> None:
    reader = Reader()
    running = asyncio.create_task(stream.run([Wish(CYCLE)], reader.write))
    await settle()
    connection.waits = 1
    reader.tap.clear()
    stream.check(stream.due)
    assert stream.stalled_since is not None
    stream.check(stream.stalled_since + STALL_S)
    assert stream.closed_with == Close.TOO_SLOW
    reader.tap.set()
    await asyncio.wait_for(running, 1)


async def test_the_end_of_the_identity_is_the_end(connection: Connection, hub: Hub, tickets: Tickets) -> None:
    stream = made(connection, hub, tickets, who(expires_s=60))
    stream.check(stream.opened_at + 59)
    assert stream.closed_with is None
    stream.check(stream.opened_at + 60.1)
    assert stream.closed_with == Close.UNAUTHENTICATED


async def test_nobody_in_particular_may_stay_until_the_stream_is_old(
    connection: Connection, hub: Hub, tickets: Tickets
) -> None:
    stream = made(connection, hub, tickets, None)
    stream.check(stream.opened_at + MAX_AGE_S * 0.79)
    assert stream.closed_with is None
    stream.check(stream.opened_at + MAX_AGE_S * 1.21)
    assert stream.closed_with == Close.RESTART


async def test_a_client_that_does_not_take_the_end_is_cut(stream: EventStream, connection: Connection) -> None:
    stream.drain(500)
    stream.check(stream.due - 0.1)
    assert not connection.aborted
    stream.check(stream.due + CLOSE_S)
    assert connection.aborted


async def test_a_client_that_left_ends_the_run_at_once(stream: EventStream, hub: Hub) -> None:
    running = asyncio.create_task(stream.run([Wish(CYCLE)], Reader().write))
    await settle()
    stream.gone()
    await asyncio.wait_for(running, 1)
    assert stream.closed_with == GONE
    assert hub.subscriptions == 0


@pytest.mark.parametrize(
    ("last_id", "wishes"),
    [
        ("", [Wish("a", since_ms=7), Wish("b", since_ms=7)]),
        ("S.1:5,T.2:0", [Wish("a", Position("S.1", 5)), Wish("b", Position("T.2", 0))]),
        ("S.1:5,", [Wish("a", Position("S.1", 5)), Wish("b", since_ms=7)]),
        ("S.1:5, T.2:6", [Wish("a", Position("S.1", 5)), Wish("b", Position("T.2", 6))]),
        ("S.1:5", [Wish("a", NOWHERE), Wish("b", NOWHERE)]),
        ("S.1:5,x", [Wish("a", Position("S.1", 5)), Wish("b", NOWHERE)]),
        (f"S.1:{2**63},T.2:{2**63 - 1}", [Wish("a", NOWHERE), Wish("b", Position("T.2", 2**63 - 1))]),
        (f"{'e' * 81}:1,T:1", [Wish("a", NOWHERE), Wish("b", Position("T", 1))]),
        (f"S:1,T:1{' ' * MAX_ID_CHARS}", [Wish("a", NOWHERE), Wish("b", NOWHERE)]),
        ("S:1:2,T:+1", [Wish("a", NOWHERE), Wish("b", NOWHERE)]),
    ],
)
def test_an_id_says_from_where_each_channel_is_told(last_id: str, wishes: list[Wish]) -> None:
    assert wishes_of(["a", "b"], last_id, 7) == wishes


@given(st.text(max_size=200), st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4, unique=True))
def test_whatever_the_id_each_channel_gets_one_wish(given_id: str, names: list[str]) -> None:
    wishes = wishes_of(names, given_id, None)
    assert [wish.channel for wish in wishes] == names
    for wish in wishes:
        assert wish.position is None or wish.position == NOWHERE or wish.position.offset < 2**63
