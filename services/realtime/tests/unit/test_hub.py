"""Who hears what, when, in how many frames."""

import json

import pytest
from realtime import hub as module
from realtime.chain import Subscribed
from realtime.hub import Hub
from realtime.protocol import Frame, Position, Wish
from realtime.ring import RING_AGE_S
from stand_ins import CYCLE, EPOCH, STREAM, Clock, Counted, Recorder, publish, stock, urgent


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
        def deliver(self, _buffer: bytearray, _head: int) -> None:
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


def test_deliveries_are_counted_by_receiver(hub: Hub, counted: Counted) -> None:
    for _ in range(3):
        hub.subscribe(Recorder(), Wish(CYCLE))
    publish(hub, 101, urgent(CYCLE, "a"), urgent(CYCLE, "b"))
    assert counted.writes == [(2, 3)]


def test_who_watches_several_channels_gets_one_frame_a_tick_and_the_same_one_as_others_with_the_same_news(
    hub: Hub, counted: Counted
) -> None:
    frames: dict[str, list[Frame]] = {}

    class Keeper:
        def __init__(self, name: str, *channels: str) -> None:
            self.kept = frames.setdefault(name, [])
            for channel in channels:
                hub.subscribe(self, Wish(channel))

        def deliver(self, buffer: bytearray, _head: int) -> None:
            assert hub.telling.buffer is buffer
            self.kept.append(hub.telling)

    Keeper("both", CYCLE, "staff")
    Keeper("both and more", CYCLE, "staff", "prices", "store:9")
    Keeper("one", CYCLE, "store:1")
    Keeper("other", "staff")
    Keeper("none", "prices")
    hub.publish(STREAM, 101, 1, [stock(CYCLE, "a", 1, 1), stock("staff", "a", 1, 1)])
    hub.publish(STREAM, 102, 2, [stock(CYCLE, "b", 1, 1), stock("staff", "b", 1, 1)])
    hub.tick()
    assert [len(kept) for kept in frames.values()] == [1, 1, 1, 1, 0]
    assert frames["both"][0] is frames["both and more"][0]
    told = {
        name: [(m["c"], m["p"], m["o"]) for f in kept for m in json.loads(f.payload)["b"]]
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


def test_the_turnover_of_a_channel_grows_with_whoever_comes_and_goes(hub: Hub, recorder: Recorder) -> None:
    assert hub.turnover(CYCLE) == 0
    hub.subscribe(recorder, Wish(CYCLE))
    hub.subscribe(recorder, Wish(CYCLE))
    assert hub.turnover(CYCLE) == 1
    hub.unsubscribe(recorder, CYCLE)
    assert hub.turnover(CYCLE) == 2
