from typing import Any

import orjson
import pytest
from realtime import chain as chain_module
from realtime import hub as module
from realtime import ring as ring_module
from realtime.chain import Subscribed
from realtime.hub import Hub
from realtime.protocol import Frame, Position, Wish
from realtime.ring import RING_AGE_S, Entry, Stretch
from stand_ins import Clock, Recorder, stock, urgent

CYCLE = "cycle:c1"
STREAM, EPOCH = "ORDERS", "ORDERS.e1"


def missed(answer: Subscribed) -> list[int]:
    return [] if answer.missed is None else [message["o"] for message in orjson.loads(answer.missed.payload)["b"]]


def at(offset: int, epoch: str = EPOCH) -> Wish:
    return Wish(CYCLE, Position(epoch, offset))


def publish(hub: Hub, offset: int, *items: Any, at_ms: int = 1_800_000_000_000) -> None:
    """Publish an event, and send what must not wait."""
    hub.publish(STREAM, offset, at_ms, items)
    hub.send_urgent()


def test_each_message_names_the_one_before_it_and_the_first_names_the_subscriptions_position(
    hub: Hub, recorder: Recorder, clock: Clock
) -> None:
    answer = hub.subscribe(recorder, Wish(CYCLE))
    assert answer == Subscribed(recovered=True, position=Position(EPOCH, 100))
    for offset in (105, 106, 120):
        publish(hub, offset, urgent(CYCLE, "a"))
    assert [(m["p"], m["o"]) for m in recorder.messages] == [(100, 105), (105, 106), (106, 120)]


def test_all_messages_of_one_event_come_in_one_frame(
    hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAME_MESSAGES", 3)
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, *(stock(CYCLE, f"o{n}", n, 1) for n in range(10)))
    hub.tick()
    assert [len(frame["b"]) for frame in recorder.frames] == [10]
    assert [(m["p"], m["o"]) for m in recorder.messages] == [(100, 101), *[(101, 101)] * 9]


def test_offers_wait_for_the_tick(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, stock(CYCLE, "a", 9, 1))
    assert recorder.frames == []
    assert hub.is_waiting
    hub.tick()
    assert recorder.offsets == [101]
    assert not hub.is_waiting


def test_within_a_tick_the_latest_value_of_an_offer_wins_and_the_chain_skips_the_others(
    hub: Hub, recorder: Recorder
) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    for offset, (offer_id, left) in enumerate([("a", 9), ("b", 5), ("a", 8), ("a", 7)], start=102):
        publish(hub, offset, stock(CYCLE, offer_id, left, offset))
    hub.tick()
    assert [(m["p"], m["o"], m["d"]["remaining"]) for m in recorder.messages] == [(100, 103, 5), (103, 105, 7)]


def test_order_news_goes_out_at_once_behind_the_offers_that_waited_before_it(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish("staff"))
    publish(hub, 101, stock("staff", "a", 9, 1))
    publish(hub, 102, stock("staff", "a", 8, 2))
    publish(hub, 103, urgent("staff", "order-1"))
    assert recorder.offsets == [102, 103]
    assert not hub.is_waiting


def test_two_orders_in_one_tick_are_both_told(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish("staff"))
    publish(hub, 101, urgent("staff", "1", 1), urgent("staff", "1", 2))
    assert [m["v"] for m in recorder.messages] == [1, 2]


def test_a_flood_of_values_is_paced_by_the_tick(hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAME_MESSAGES", 4)
    hub.subscribe(recorder, Wish(CYCLE))
    for offset in range(101, 113):
        publish(hub, offset, stock(CYCLE, f"o{offset}", 1, 1))
    for _ in range(3):
        hub.tick()
    assert [len(frame["b"]) for frame in recorder.frames] == [4, 4, 4]
    assert recorder.offsets == list(range(101, 113))


def test_who_comes_back_gets_what_was_missed_and_then_what_follows_it(hub: Hub) -> None:
    for offset in (101, 105, 109):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    back = Recorder()
    answer = hub.subscribe(back, at(101))
    assert answer.recovered
    assert answer.position == Position(EPOCH, 101)
    assert missed(answer) == [105, 109]
    publish(hub, 110, urgent(CYCLE, "next"))
    assert back.messages[0]["p"] == 109


def test_who_comes_back_to_the_same_place_later_gets_what_came_in_between_too(hub: Hub) -> None:
    publish(hub, 101, urgent(CYCLE, "a"))
    assert missed(hub.subscribe(Recorder(), at(100))) == [101]
    publish(hub, 102, urgent(CYCLE, "b"))
    assert missed(hub.subscribe(Recorder(), at(100))) == [101, 102]


def test_a_position_between_two_messages_recovers_too(hub: Hub, recorder: Recorder) -> None:
    for offset in (101, 105):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    answer = hub.subscribe(recorder, at(103))
    assert (answer.position.offset, missed(answer)) == (103, [105])


def test_who_missed_nothing_is_told_so_and_where_the_chain_goes_on(hub: Hub, recorder: Recorder) -> None:
    publish(hub, 101, urgent(CYCLE, "a"))
    publish(hub, 150, urgent("cycle:other", "b"))
    answer = hub.subscribe(recorder, at(150))
    assert answer == Subscribed(recovered=True, position=Position(EPOCH, 101))
    publish(hub, 151, urgent(CYCLE, "c"))
    assert recorder.messages[0]["p"] == 101


def test_a_session_without_any_event_recovers(hub: Hub) -> None:
    first = Recorder()
    position = hub.subscribe(first, Wish(CYCLE)).position
    hub.unsubscribe(first, CYCLE)
    publish(hub, 130, urgent(CYCLE, "missed"))
    answer = hub.subscribe(Recorder(), Wish(CYCLE, position))
    assert (answer.recovered, missed(answer)) == (True, [130])


@pytest.mark.parametrize("wish", [at(99), at(101, "ORDERS.e0"), at(2**40)], ids=["too old", "other epoch", "future"])
def test_what_cannot_be_vouched_for_is_not_recovered_and_nothing_is_replayed(
    hub: Hub, recorder: Recorder, wish: Wish
) -> None:
    publish(hub, 101, urgent(CYCLE, "a"))
    answer = hub.subscribe(recorder, wish)
    assert answer == Subscribed(recovered=False, position=Position(EPOCH, 101))


def test_recovery_is_never_partial(hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_module, "RECOVERY_MESSAGES", 3)
    for offset in range(101, 106):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    assert not hub.subscribe(recorder, at(101)).recovered
    assert missed(hub.subscribe(recorder, at(102))) == [103, 104, 105]


def test_recovery_leaves_out_values_that_later_ones_overtook(hub: Hub, recorder: Recorder) -> None:
    for offset in range(101, 500):
        publish(hub, offset, stock(CYCLE, "a" if offset % 2 else "b", offset, offset))
    hub.tick()
    answer = hub.subscribe(recorder, at(100))
    assert (answer.recovered, missed(answer)) == (True, [498, 499])


def test_since_a_time_replays_with_slack_for_the_clocks(hub: Hub, recorder: Recorder, clock: Clock) -> None:
    for seconds in range(10):
        publish(hub, 101 + seconds, urgent(CYCLE, "a"), at_ms=clock.now + seconds * 1_000)
    clock.advance(10_000)
    answer = hub.subscribe(recorder, Wish(CYCLE, since_ms=clock.now - 3_000))
    assert (answer.recovered, answer.position.offset, missed(answer)) == (True, 105, [106, 107, 108, 109, 110])


def test_since_a_time_before_the_memory_or_in_the_future_is_not_recovered(
    hub: Hub, recorder: Recorder, clock: Clock
) -> None:
    assert not hub.subscribe(recorder, Wish(CYCLE, since_ms=clock.now - 60_000)).recovered
    assert not hub.subscribe(recorder, Wish(CYCLE, since_ms=clock.now + 60_000)).recovered
    assert hub.subscribe(recorder, Wish(CYCLE, since_ms=clock.now)).recovered


def test_a_stream_begun_anew_tells_its_watchers_that_they_must_fetch(hub: Hub) -> None:
    orders, prices = Recorder(), Recorder()
    hub.subscribe(orders, Wish(CYCLE))
    hub.subscribe(prices, Wish("prices"))
    hub.restart(STREAM, "ORDERS.e2", floor=7, floor_ms=0)
    assert orders.frames == [{"sub": {"c": CYCLE, "recovered": False, "pos": {"e": "ORDERS.e2", "o": 7}}}]
    assert prices.frames == []
    publish(hub, 8, urgent(CYCLE, "a"))
    assert [(m["p"], m["o"]) for m in orders.messages] == [(7, 8)]


def test_a_stream_begun_anew_drops_what_still_waited(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, stock(CYCLE, "a", 1, 1))
    hub.restart(STREAM, "ORDERS.e2", floor=0, floor_ms=0)
    hub.tick()
    assert recorder.offsets == []


def test_an_event_taken_before_is_ignored(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    for offset in (105, 105, 104):
        publish(hub, offset, urgent(CYCLE, "a"))
    assert recorder.offsets == [105]


def test_who_unsubscribed_hears_no_more_and_is_counted_once(hub: Hub, recorder: Recorder) -> None:
    for _ in range(2):
        hub.subscribe(recorder, Wish(CYCLE))
    assert hub.subscriptions == 1
    for _ in range(2):
        hub.unsubscribe(recorder, CYCLE)
    assert hub.subscriptions == 0
    publish(hub, 101, urgent(CYCLE, "a"))
    assert recorder.frames == []


def test_a_watcher_that_leaves_while_news_is_handed_out_harms_nobody(hub: Hub) -> None:
    others = [Recorder() for _ in range(3)]

    class Leaver:
        def deliver(self, frame: Frame) -> None:
            hub.unsubscribe(self, CYCLE)

    for watcher in (others[0], Leaver(), *others[1:]):
        hub.subscribe(watcher, Wish(CYCLE))
    publish(hub, 101, urgent(CYCLE, "a"))
    assert [one.offsets for one in others] == [[101]] * 3


def test_channels_are_forgotten_when_nobody_watched_or_heard_of_them_for_long(hub: Hub, clock: Clock) -> None:
    stays, gone = Recorder(), Recorder()
    hub.subscribe(stays, Wish("store:1"))
    hub.subscribe(gone, Wish("store:2"))
    hub.unsubscribe(gone, "store:2")
    publish(hub, 140, urgent("store:3", "a"), at_ms=clock.now)
    hub.sweep()
    assert hub.channels == 3
    clock.advance(RING_AGE_S * 1_000 + 1)
    hub.sweep()
    assert hub.channels == 1


def test_a_channel_made_again_does_not_vouch_for_what_was_forgotten_with_it(
    hub: Hub, recorder: Recorder, clock: Clock
) -> None:
    publish(hub, 140, urgent(CYCLE, "a"), at_ms=clock.now)
    clock.advance(RING_AGE_S * 1_000 + 1)
    hub.sweep()
    assert not hub.subscribe(recorder, at(139)).recovered
    assert hub.subscribe(recorder, at(140)).recovered


def test_beyond_its_bound_the_hub_forgets_a_channel_that_nobody_watches(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CHANNELS", 2)
    watched, late = Recorder(), Recorder()
    hub.subscribe(watched, Wish("store:1"))
    publish(hub, 101, urgent("store:2", "a"))
    publish(hub, 102, urgent("store:3", "b"))
    assert hub.channels == 2
    assert not hub.subscribe(late, Wish("store:2", Position(EPOCH, 100))).recovered
    publish(hub, 103, urgent("store:1", "c"))
    assert watched.offsets == [103]


def test_a_ring_that_overflowed_does_not_recover_what_it_lost(
    hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_module, "RING_MESSAGES", 3)
    for offset in range(101, 106):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    assert not hub.subscribe(recorder, at(101)).recovered
    assert missed(hub.subscribe(recorder, at(102))) == [103, 104, 105]


class Counted:
    def __init__(self) -> None:
        self.writes: list[tuple[int, int]] = []
        self.sources: list[str] = []

    def wrote(self, updates: int, receivers: int) -> None:
        self.writes.append((updates, receivers))

    def recovered(self, source: str) -> None:
        self.sources.append(source)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def counting(clock: Clock, counted: Counted) -> Hub:
    made = Hub(clock, counted)
    made.restart("ORDERS", EPOCH, floor=100, floor_ms=clock.now - 60_000)
    made.restart("USDA", "USDA.e1", floor=0, floor_ms=clock.now - 60_000)
    return made


def test_deliveries_are_counted_by_receiver(counting: Hub, counted: Counted) -> None:
    for _ in range(3):
        counting.subscribe(Recorder(), Wish(CYCLE))
    publish(counting, 101, urgent(CYCLE, "a"), urgent(CYCLE, "b"))
    assert counted.writes == [(2, 3)]


def test_who_watches_several_channels_gets_one_frame_a_tick_and_the_same_one_as_others_with_the_same_news(
    counting: Hub, counted: Counted
) -> None:
    frames: dict[str, list[Frame]] = {}

    class Keeper:
        def __init__(self, name: str, *channels: str) -> None:
            self.kept = frames.setdefault(name, [])
            for channel in channels:
                counting.subscribe(self, Wish(channel))

        def deliver(self, frame: Frame) -> None:
            self.kept.append(frame)

    Keeper("both", CYCLE, "staff")
    Keeper("both and more", CYCLE, "staff", "prices", "store:9")
    Keeper("one", CYCLE, "store:1")
    Keeper("other", "staff")
    Keeper("none", "prices")
    counting.publish(STREAM, 101, 1, [stock(CYCLE, "a", 1, 1), stock("staff", "a", 1, 1)])
    counting.publish(STREAM, 102, 2, [stock(CYCLE, "b", 1, 1), stock("staff", "b", 1, 1)])
    counting.tick()
    assert [len(kept) for kept in frames.values()] == [1, 1, 1, 1, 0]
    assert frames["both"][0] is frames["both and more"][0]
    told = {
        name: [(m["c"], m["p"], m["o"]) for f in kept for m in orjson.loads(f.payload)["b"]]
        for name, kept in frames.items()
    }
    cycle, staff = [(CYCLE, 100, 101), (CYCLE, 101, 102)], [("staff", 100, 101), ("staff", 101, 102)]
    assert told == {"both": cycle + staff, "both and more": cycle + staff, "one": cycle, "other": staff, "none": []}
    assert frames["both"][0].heads == ((CYCLE, EPOCH, 102), ("staff", EPOCH, 102))
    assert sorted(counted.writes) == [(2, 1), (2, 1), (4, 1), (4, 1)]


def test_a_whisper_reaches_who_is_there_and_has_no_place_in_the_chain(hub: Hub, recorder: Recorder) -> None:
    hub.whisper(CYCLE, "viewers", {"n": 1})
    hub.subscribe(recorder, Wish(CYCLE))
    hub.whisper(CYCLE, "viewers", {"n": 2})
    assert recorder.messages == [{"c": CYCLE, "k": "viewers", "d": {"n": 2}}]
    assert list(hub.watched("cycle")) == [CYCLE]
    assert hub.watchers_of(CYCLE) == (recorder,)
    publish(hub, 101, urgent(CYCLE, "a"))
    assert recorder.messages[-1]["p"] == 100


def test_what_has_been_seen_is_all_that_was_sent_and_nothing_that_still_waits(hub: Hub) -> None:
    assert hub.seen() == [Position(EPOCH, 100), Position("USDA.e1", 0)]
    publish(hub, 105)
    publish(hub, 110, stock(CYCLE, "a", 1, 1))
    publish(hub, 120)
    assert hub.seen()[0] == Position(EPOCH, 105)
    hub.tick()
    assert hub.seen()[0] == Position(EPOCH, 120)


def test_a_position_before_memory_is_answered_with_what_was_read_of_the_stream_again(
    counting: Hub, counted: Counted, recorder: Recorder
) -> None:
    publish(counting, 101, stock(CYCLE, "a", 1, 7))
    counting.tick()
    wish = at(90)
    assert not counting.reaches_back_to(wish)
    entries = [Entry(offset, 0, "offer", b"{}", offset, key) for offset, key in ((89, "x"), (95, "b"), (99, "offer:a"))]
    answer = counting.subscribe(recorder, wish, Stretch(entries, 100))
    assert answer.recovered
    assert missed(answer) == [95, 101]
    assert counted.sources == ["stream"]


@pytest.mark.parametrize("upto", [99, 0])
def test_what_was_read_of_the_stream_again_must_meet_memory(hub: Hub, recorder: Recorder, upto: int) -> None:
    assert not hub.subscribe(recorder, at(90), Stretch([], upto)).recovered


def test_memory_says_when_it_alone_can_answer(hub: Hub) -> None:
    assert hub.reaches_back_to(Wish(CYCLE))
    assert hub.reaches_back_to(at(100))
    assert hub.reaches_back_to(at(3, "ORDERS.e0"))  # nothing that could be read would help
    assert hub.reaches_back_to(at(10**9))
    assert not hub.reaches_back_to(at(99))


def test_those_who_come_back_together_are_answered_with_messages_encoded_once_and_the_time_of_now(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for offset in (101, 102):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    first = hub.subscribe(Recorder(), at(100))
    clock.advance(5_000)
    monkeypatch.setattr(chain_module.protocol, "chained", None)
    second = hub.subscribe(Recorder(), at(100))
    assert first.missed is not None
    assert second.missed is not None
    assert orjson.loads(second.missed.payload)["t"] - orjson.loads(first.missed.payload)["t"] == 5_000
    assert missed(first) == missed(second) == [101, 102]
