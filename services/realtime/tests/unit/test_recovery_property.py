"""Whatever is lost, whenever a client comes back and to whichever process: it ends up knowing what the server knows."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realtime import hub as hub_module
from realtime import ring as ring_module
from realtime.hub import Hub
from realtime.projection import News
from realtime.protocol import Position, Wish, batch, subscribed

CHANNEL, STREAM = "staff", "ORDERS"
OFFERS = ["a", "b", "c"]


class Truth:
    """What the database holds, the stream of what changed, and two processes that read it."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.offset = 10
        self.epoch = 1
        self.state: dict[str, int] = {}
        self.hubs = [self._hub() for _ in range(2)]

    def _hub(self) -> Hub:
        hub = Hub(lambda: self.now)
        self._begin(hub)
        return hub

    def _begin(self, hub: Hub) -> None:
        hub.restart(STREAM, f"e{self.epoch}", self.offset, self.now)

    def change(self, names: list[str], *, is_urgent: bool) -> None:
        self.offset += 2  # other channels have news too
        self.now += 3
        news = []
        for name in names:
            self.state[name] = self.state.get(name, 0) + 1
            key = None if is_urgent else f"offer:{name}"
            news.append(News(CHANNEL, "offer", {"name": name}, self.state[name], key))
        for hub in self.hubs:
            hub.publish(STREAM, self.offset, self.now, news)

    def restart_process(self, number: int) -> None:
        self.hubs[number] = self._hub()

    def make_stream_again(self) -> None:
        self.epoch += 1
        self.offset = 3
        for hub in self.hubs:
            self._begin(hub)


class Client:
    """The client that the README describes: state by version, a position per channel, a check of the chain."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._hub: Hub | None = None
        self._inbox: list[dict[str, Any]] = []
        self._position: Position | None = None
        self.state: dict[str, int] = {}
        self.fetched = 0

    def deliver(self, frame: bytes) -> None:
        self._inbox.append(orjson.loads(frame))

    def connect(self, number: int) -> None:
        self.drop()
        self._hub = self._truth.hubs[number]
        if self._position is None:
            self._fetch()
            self._subscribe(Wish(CHANNEL, since_ms=self._truth.now))
        else:
            self._subscribe(Wish(CHANNEL, self._position))

    def drop(self) -> None:
        """Lose the connection with everything that is still on its way."""
        if self._hub is not None:
            self._hub.unsubscribe(self, CHANNEL)
        self._hub = None
        self._inbox.clear()

    def read(self, count: int) -> None:
        for _ in range(min(count, len(self._inbox))):
            self._take(self._inbox.pop(0))

    def read_all(self) -> None:
        while self._inbox:
            self.read(1)

    def _subscribe(self, wish: Wish) -> None:
        assert self._hub is not None
        answer = self._hub.subscribe(self, wish)
        self.deliver(subscribed(CHANNEL, answer.position, recovered=answer.recovered))
        if answer.missed:
            self.deliver(batch(CHANNEL, answer.position.offset, answer.missed, self._truth.now))

    def _fetch(self) -> None:
        self.fetched += 1
        self.state = dict(self._truth.state)

    def _take(self, frame: dict[str, Any]) -> None:
        if "sub" in frame:
            position = frame["sub"]["pos"]
            self._position = Position(position["e"], position["o"])
            if not frame["sub"]["recovered"]:
                self._fetch()
            return
        for message in frame["b"]:
            assert self._position is not None
            # Nothing is lost on a living connection, so the chain never breaks there: the check is for what we missed
            # to see, and would make the client subscribe again.
            assert message["p"] == self._position.offset
            self._position = Position(self._position.epoch, message["o"])
            name = message["d"]["name"]
            self.state[name] = max(self.state.get(name, 0), message["v"])


steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.lists(st.sampled_from(OFFERS), min_size=1, unique=True), st.booleans()),
        st.tuples(st.just("tick"), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.sampled_from([10, 60, 5_000, 700_000])),
        st.tuples(st.just("connect"), st.integers(0, 1)),
        st.tuples(st.just("drop")),
        st.tuples(st.just("read"), st.integers(1, 3)),
        st.tuples(st.just("sweep")),
        st.tuples(st.just("restart"), st.integers(0, 1)),
        st.tuples(st.just("stream")),
    ),
    max_size=60,
)


def run(truth: Truth, client: Client, step: tuple[Any, ...]) -> None:  # noqa: C901 - one flat case per step
    match step:
        case ("change", names, is_urgent):
            truth.change(names, is_urgent=is_urgent)
        case ("tick", number):
            truth.hubs[number].tick()
        case ("wait", ms):
            truth.now += ms
        case ("connect", number):
            client.connect(number)
        case ("drop",):
            client.drop()
        case ("read", count):
            client.read(count)
        case ("sweep",):
            for hub in truth.hubs:
                hub.sweep()
        case ("restart", number):
            client.drop()
            truth.restart_process(number)
        case ("stream",):
            truth.make_stream_again()


@pytest.fixture(autouse=True, scope="module")
def _small_bounds() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_module, "RING_MESSAGES", 6)
        patch.setattr(hub_module, "RECOVERY_MESSAGES", 4)
        patch.setattr(hub_module, "FRAME_MESSAGES", 2)
        yield


@settings(max_examples=400, deadline=None)
@given(steps)
def test_a_client_that_comes_and_goes_ends_up_knowing_what_the_server_knows(script: list[tuple[Any, ...]]) -> None:
    truth = Truth()
    client = Client(truth)
    for step in script:
        run(truth, client, step)
    if client._hub is None:
        client.connect(0)
    for _ in range(20):
        truth.hubs[0].tick()
        truth.hubs[1].tick()
    client.read_all()
    assert client.state == truth.state


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
