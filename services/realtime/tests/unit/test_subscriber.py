from typing import Any

import pytest
from realtime.hub import Hub
from realtime.protocol import Frame, Position, Wish
from realtime.ring import Entry, Stretch
from realtime.subscriber import Found, Subscriber
from stand_ins import Outlet, stock, urgent

CYCLE, EPOCH = "cycle:c1", "ORDERS.e1"


class Watched(Outlet):
    """Has its subscriber pause after so many frames."""

    def __init__(self) -> None:
        super().__init__()
        self.room = 10**9
        self.subscriber: Subscriber | None = None

    def send(self, frame: Frame) -> None:
        super().send(frame)
        self.room -= 1
        if self.room <= 0 and self.subscriber is not None:
            self.subscriber.pause()

    @property
    def news(self) -> list[tuple[str, int, int]]:
        return [(m["c"], m["p"], m["o"]) for frame in self.frames for m in frame.get("b", [])]


class Archive:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Position, Found]] = []

    def ask(self, stream: str, channel: str, position: Position, found: Found) -> None:
        self.asked.append((stream, channel, position, found))


@pytest.fixture
def outlet() -> Watched:
    return Watched()


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def subscriber(outlet: Watched, hub: Hub, archive: Archive) -> Subscriber:
    made = outlet.subscriber = Subscriber(outlet, hub, archive)
    return made


def publish(hub: Hub, offset: int, *items: Any) -> None:
    hub.publish("ORDERS", offset, offset, items)
    hub.send_urgent()
    hub.tick()


def test_who_falls_behind_is_caught_up_with_the_latest_of_each_and_the_chain_goes_on(
    subscriber: Subscriber, outlet: Watched, hub: Hub
) -> None:
    subscriber.watch(Wish(CYCLE))
    publish(hub, 101, stock(CYCLE, "a", 9, 1))
    subscriber.pause()
    for offset in range(102, 200):
        publish(hub, offset, stock(CYCLE, "a", 9, offset))
    assert outlet.news == [(CYCLE, 100, 101)]
    subscriber.resume()
    publish(hub, 200, stock(CYCLE, "b", 9, 1))
    assert outlet.news == [(CYCLE, 100, 101), (CYCLE, 101, 199), (CYCLE, 199, 200)]
    assert len([frame for frame in outlet.frames if "sub" in frame]) == 1


def test_who_falls_further_behind_than_memory_reaches_is_told_to_fetch(
    subscriber: Subscriber, outlet: Watched, hub: Hub
) -> None:
    subscriber.watch(Wish(CYCLE))
    subscriber.pause()
    for offset in range(101, 500):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    subscriber.resume()
    assert outlet.frames[-1] == {"sub": {"c": CYCLE, "recovered": False, "pos": {"e": EPOCH, "o": 499}}}
    publish(hub, 500, urgent(CYCLE, "next"))
    assert outlet.news == [(CYCLE, 499, 500)]


def test_a_stream_begun_anew_while_one_did_not_read_is_told_when_one_reads_again(
    subscriber: Subscriber, outlet: Watched, hub: Hub
) -> None:
    subscriber.watch(Wish(CYCLE))
    subscriber.pause()
    hub.restart("ORDERS", "ORDERS.e2", floor=7, floor_ms=0)
    subscriber.resume()
    assert outlet.frames[-1]["sub"] == {"c": CYCLE, "recovered": False, "pos": {"e": "ORDERS.e2", "o": 7}}


def test_catching_up_stops_where_the_way_is_full_again_and_goes_on_from_there(
    subscriber: Subscriber, outlet: Watched, hub: Hub
) -> None:
    channels = [f"cycle:{number}" for number in range(5)]
    for channel in channels:
        subscriber.watch(Wish(channel))
    subscriber.pause()
    publish(hub, 101, *(urgent(channel, "a") for channel in channels))
    seen, rounds = len(outlet.frames), 0
    while subscriber.is_paused:
        rounds += 1
        outlet.room = 2
        subscriber.resume()
        if len(outlet.frames) < seen + 2 * rounds:
            break
    assert rounds == 3
    assert sorted(outlet.news) == [(channel, 100, 101) for channel in channels]
    publish(hub, 102, *(urgent(channel, "b") for channel in channels))
    assert sorted(outlet.news[5:]) == [(channel, 101, 102) for channel in channels]


def test_what_is_asked_for_while_the_way_is_full_is_answered_afterwards_and_only_the_last_wish_counts(
    subscriber: Subscriber, outlet: Watched, hub: Hub
) -> None:
    publish(hub, 101, urgent(CYCLE, "a"))
    subscriber.pause()
    subscriber.watch(Wish(CYCLE))
    subscriber.watch(Wish(CYCLE, Position(EPOCH, 100)))
    subscriber.watch(Wish("staff"))
    subscriber.unwatch("staff")
    assert (outlet.frames, len(subscriber), CYCLE in subscriber) == ([], 1, True)
    subscriber.resume()
    assert [frame["sub"]["c"] for frame in outlet.frames if "sub" in frame] == [CYCLE]
    assert outlet.news == [(CYCLE, 100, 101)]


def test_what_memory_has_not_is_asked_of_the_stream_and_answered_when_it_was_read(
    subscriber: Subscriber, outlet: Watched, hub: Hub, archive: Archive
) -> None:
    subscriber.watch(Wish(CYCLE, Position(EPOCH, 90)))
    assert outlet.frames == []
    ((stream, channel, position, found),) = archive.asked
    assert (stream, channel, position) == ("ORDERS", CYCLE, Position(EPOCH, 90))
    publish(hub, 101, urgent(CYCLE, "meanwhile"))
    found(Stretch([Entry(95, 0, "order", b"{}", 1)], 101))
    assert outlet.frames[0]["sub"] == {"c": CYCLE, "recovered": True, "pos": {"e": EPOCH, "o": 90}}
    assert outlet.news == [(CYCLE, 90, 95), (CYCLE, 95, 101)]


def test_what_can_not_be_read_again_is_not_recovered(subscriber: Subscriber, outlet: Watched, archive: Archive) -> None:
    subscriber.watch(Wish(CYCLE, Position(EPOCH, 90)))
    archive.asked[0][3](None)
    assert outlet.frames == [{"sub": {"c": CYCLE, "recovered": False, "pos": {"e": EPOCH, "o": 100}}}]


def test_an_answer_for_one_who_no_longer_wants_it_is_dropped(
    subscriber: Subscriber, outlet: Watched, hub: Hub, archive: Archive
) -> None:
    for number in range(3):
        subscriber.watch(Wish(CYCLE, Position(EPOCH, 90 + number)))
    found = [ask[3] for ask in archive.asked]
    found[0](Stretch([], 100))
    found[1](Stretch([], 100))
    assert outlet.frames == []
    subscriber.leave()
    found[2](Stretch([], 100))
    assert (outlet.frames, hub.subscriptions, len(subscriber)) == ([], 0, 0)


def test_an_answer_that_comes_while_the_way_is_full_is_asked_for_again(
    subscriber: Subscriber, outlet: Watched, archive: Archive
) -> None:
    subscriber.watch(Wish(CYCLE, Position(EPOCH, 90)))
    subscriber.pause()
    archive.asked[0][3](Stretch([], 100))
    assert outlet.frames == []
    subscriber.resume()
    archive.asked[1][3](Stretch([], 100))
    assert outlet.frames[0]["sub"]["recovered"] is True


def test_whoever_leaves_watches_nothing(subscriber: Subscriber, hub: Hub, outlet: Watched) -> None:
    subscriber.watch(Wish(CYCLE))
    subscriber.watch(Wish("prices"))
    assert subscriber.channels == [CYCLE, "prices"]
    subscriber.leave()
    publish(hub, 101, urgent(CYCLE, "a"))
    assert (outlet.news, hub.subscriptions, subscriber.channels) == ([], 0, [])
