"""Whatever is lost, doubled or reordered, whenever a client stops reading or comes back, and to whichever process:
it ends up knowing what the server knows.
"""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mercadito_events.testing.exploring import examples
from realtime import chain as chain_module
from realtime import hub as hub_module
from realtime import ring as ring_module
from realtime.hub import Hub
from realtime.projection import News
from realtime.protocol import Position, Wish
from realtime.ring import Entry, Stretch, put
from realtime.subscriber import Found, Subscriber
from stand_ins import Outlet

CHANNEL, OTHER, STREAM = "staff", "cycle:c1", "ORDERS"
OFFERS = ["a", "b", "c"]


class Truth:
    """What the database holds, the stream of what changed, and two processes that read it."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.offset = 10
        self.epoch = 1
        self.state: dict[str, int] = {}
        self.log: list[tuple[int, list[News]]] = []
        self.hubs = [self._hub() for _ in range(2)]

    def _hub(self) -> Hub:
        hub = Hub(lambda: self.now)
        self._begin(hub)
        return hub

    def _begin(self, hub: Hub) -> None:
        hub.restart(STREAM, f"e{self.epoch}", self.offset, self.now)

    def change(self, names: list[str], *, is_urgent: bool) -> None:
        self.offset += 2  # events without news have places, too
        self.now += 3
        news = []
        for name in names:
            self.state[name] = self.state.get(name, 0) + 1
            key = None if is_urgent else f"offer:{name}"
            news += [News(channel, "offer", {"name": name}, self.state[name], key) for channel in (CHANNEL, OTHER)]
        self.log.append((self.offset, news))
        for hub in self.hubs:
            hub.publish(STREAM, self.offset, self.now, news)
            hub.send_urgent()

    def restart_process(self, number: int) -> None:
        self.hubs[number] = self._hub()

    def make_stream_again(self) -> None:
        self.epoch += 1
        self.offset = 3
        self.log.clear()
        for hub in self.hubs:
            self._begin(hub)


class Archive:
    """The stream read again; its answers come when a test says so."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._asks: list[tuple[str, Position, Found]] = []

    def ask(self, _stream: str, channel: str, position: Position, found: Found) -> None:
        self._asks.append((channel, position, found))

    def answer(self) -> None:
        asks, self._asks = self._asks, []
        for channel, position, found in asks:
            if position.epoch != f"e{self._truth.epoch}":
                found(None)
                continue
            latest: dict[object, Entry] = {}
            for offset, news in self._truth.log:
                for item in news:
                    if item.channel == channel and offset > position.offset:
                        put(latest, Entry(offset, 0, item.kind, orjson.dumps(item.data), item.version, item.key))
            found(Stretch(list(latest.values()), self._truth.offset))


class Client(Outlet):
    """The client that the README describes: state by version, a position per channel, a check of the chain."""

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self.archive = Archive(truth)
        self.hub: Hub | None = None
        self.subscriber: Subscriber | None = None
        self._position: Position | None = None
        self._is_waiting = False
        self.state: dict[str, int] = {}
        self.fetched = self.gaps = 0

    def connect(self, number: int) -> None:
        self.drop()
        self.hub = self._truth.hubs[number]
        self.subscriber = Subscriber(self, self.hub, self.archive)
        self.subscriber.watch(Wish(OTHER))
        if self._position is None:
            self._fetch()
            self._ask(Wish(CHANNEL, since_ms=self._truth.now))
        else:
            self._ask(Wish(CHANNEL, self._position))

    def drop(self) -> None:
        """Lose the connection with everything that is still on its way."""
        if self.subscriber is not None:
            self.subscriber.leave()
        self.hub = self.subscriber = None
        self.frames.clear()

    def ping(self) -> None:
        """Be told, as by a ping, up to where everything has been said."""
        if self.hub is not None and self.subscriber is not None and not self.subscriber.is_paused:
            position = self.hub.seen()[0]
            self.frames.append({"ping": 1, "seen": {position.epoch: position.offset}})

    def read(self, count: int) -> None:
        for _ in range(min(count, len(self.frames))):
            self._take(self.frames.pop(0))

    def read_all(self) -> None:
        while self.frames:
            self.read(1)

    def _ask(self, wish: Wish) -> None:
        assert self.subscriber is not None
        self._is_waiting = True
        self.subscriber.watch(wish)

    def _fetch(self) -> None:
        self.fetched += 1
        self.state = dict(self._truth.state)

    def _take(self, frame: dict[str, Any]) -> None:
        if "sub" in frame:
            self._take_answer(frame["sub"])
        for epoch, offset in frame.get("seen", {}).items():
            if self._position is not None and not self._is_waiting and epoch == self._position.epoch:
                self._position = Position(epoch, max(self._position.offset, offset))
        for message in frame.get("b", []):
            if message["c"] == CHANNEL:
                self._take_message(message)

    def _take_answer(self, answer: dict[str, Any]) -> None:
        if answer["c"] != CHANNEL:
            return
        self._position = Position(answer["pos"]["e"], answer["pos"]["o"])
        self._is_waiting = False
        if not answer["recovered"]:
            self._fetch()

    def _take_message(self, message: dict[str, Any]) -> None:
        if self._position is None or self._is_waiting:
            return
        if message["p"] > self._position.offset:
            self.gaps += 1
            self._ask(Wish(CHANNEL, self._position))
        elif message["o"] >= self._position.offset:
            self._position = Position(self._position.epoch, message["o"])
            name = message["d"]["name"]
            self.state[name] = max(self.state.get(name, 0), message["v"])


changes = st.tuples(st.just("change"), st.lists(st.sampled_from(OFFERS), min_size=1, unique=True), st.booleans())
connects = st.tuples(st.just("connect"), st.integers(0, 1))
reads = st.tuples(st.just("read"), st.just(1_000))
gone = st.tuples(st.just("drop"))
steps = st.lists(
    st.one_of(
        *(changes, changes, connects, reads, gone),
        st.tuples(st.just("tick"), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.sampled_from([60, 700_000])),
        st.tuples(st.sampled_from(["pause", "resume", "ping", "archive", "sweep", "stream"])),
        st.tuples(st.sampled_from(["lose", "double", "swap"]), st.integers(0, 5)),
        st.tuples(st.just("read"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.integers(0, 1)),
    ),
    max_size=40,
)


def run(truth: Truth, client: Client, step: tuple[Any, ...]) -> None:
    match step:
        case ("change", names, is_urgent):
            truth.change(names, is_urgent=is_urgent)
        case ("tick", number):
            truth.hubs[number].tick()
        case ("wait", ms):
            truth.now += ms
        case ("sweep",):
            for hub in truth.hubs:
                hub.sweep()
        case ("restart", number):
            client.drop()
            truth.restart_process(number)
        case ("stream",):
            truth.make_stream_again()
        case _:
            happen_to(client, step)


def happen_to(client: Client, step: tuple[Any, ...]) -> None:
    subscriber = client.subscriber
    match step:
        case ("connect", number):
            client.connect(number)
        case ("drop",):
            client.drop()
        case ("read", count):
            client.read(count)
        case ("ping",):
            client.ping()
        case ("archive",):
            client.archive.answer()
        case ("pause" | "resume" as what,) if subscriber is not None and subscriber.is_paused == (what == "resume"):
            getattr(subscriber, what)()
        case (_, place) if place < len(client.frames):
            spoil(client.frames, *step)


def spoil(inbox: list[dict[str, Any]], how: str, place: int) -> None:
    """Lose, double or swap news on its way; answers come in order on any connection."""
    if "b" not in inbox[place]:
        return
    if how == "lose":
        del inbox[place]
    elif how == "double":
        inbox.insert(place, inbox[place])
    elif place + 1 < len(inbox) and "b" in inbox[place + 1]:
        inbox[place], inbox[place + 1] = inbox[place + 1], inbox[place]


@pytest.fixture(autouse=True, scope="module")
def _small_bounds() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_module, "RING_MESSAGES", 6)
        patch.setattr(chain_module, "RECOVERY_MESSAGES", 4)
        patch.setattr(hub_module, "FRAME_MESSAGES", 2)
        patch.setattr(hub_module, "MAX_PENDING", 2)
        patch.setattr(hub_module, "OVERRUN_TICKS", 2)
        yield


def settle(truth: Truth, client: Client) -> None:
    """Let everything arrive; the change at the end shows what was lost before, as any later news would."""
    if client.subscriber is not None and client.subscriber.is_paused:
        client.subscriber.resume()
    if client.hub is None or client.hub not in truth.hubs:
        client.connect(0)
    client.read_all()
    truth.change(["a"], is_urgent=True)
    for _ in range(20):
        truth.hubs[0].tick()
        truth.hubs[1].tick()
        client.archive.answer()
        client.read_all()


@settings(max_examples=examples(1_000, exploring=50_000), deadline=None)
@given(steps)
def test_a_client_that_comes_and_goes_ends_up_knowing_what_the_server_knows(script: list[tuple[Any, ...]]) -> None:
    truth = Truth()
    client = Client(truth)
    for step in script:
        run(truth, client, step)
    settle(truth, client)
    assert client.state == truth.state
    if not any(step[0] in {"lose", "swap"} for step in script):
        assert client.gaps == 0


def test_a_short_absence_costs_no_fetch() -> None:
    truth = Truth()
    truth.now += 10_000
    client = Client(truth)
    client.connect(0)
    for number in (0, 1, 0, 1):
        truth.change(["a"], is_urgent=True)
        client.read_all()
        client.drop()
        truth.change(["b"], is_urgent=True)
        client.connect(number)
        client.read_all()
    assert client.state == truth.state == {"a": 4, "b": 4}
    assert client.fetched == 1


def test_what_lies_before_a_restart_is_recovered_from_the_stream() -> None:
    truth = Truth()
    truth.now += 10_000
    client = Client(truth)
    client.connect(0)
    truth.change(["a"], is_urgent=True)
    client.read_all()
    client.drop()
    truth.change(["b"], is_urgent=True)
    truth.restart_process(0)
    client.connect(0)
    truth.change(["c"], is_urgent=True)
    client.archive.answer()
    client.read_all()
    assert client.state == truth.state == {"a": 1, "b": 1, "c": 1}
    assert client.fetched == 1


def test_a_quiet_client_comes_back_after_a_restart_without_reading_anything_again() -> None:
    truth = Truth()
    truth.now += 10_000
    client = Client(truth)
    client.connect(0)
    client.read_all()
    truth.offset += 1_000  # hours of events that this channel does not show
    for hub in truth.hubs:
        hub.publish(STREAM, truth.offset, truth.now, ())
    client.ping()
    client.read_all()
    truth.restart_process(0)
    client.connect(0)
    client.read_all()
    assert client.fetched == 1
    assert client.state == truth.state == {}
