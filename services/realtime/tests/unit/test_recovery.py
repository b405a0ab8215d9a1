"""What each new watcher is told of what it missed."""

import json
from collections.abc import Iterator

import pytest
from realtime import chain as chain_module
from realtime import ring as ring_module
from realtime.chain import Subscribed
from realtime.hub import Hub
from realtime.protocol import Position, Wish
from realtime.ring import RING_AGE_S, Entry, Stretch
from stand_ins import CYCLE, EPOCH, Clock, Counted, Recorder, publish, stock, urgent


def missed(answer: Subscribed) -> list[int]:
    return [] if answer.missed is None else [message["o"] for message in json.loads(answer.missed.payload)["b"]]


def at(offset: int, epoch: str = EPOCH) -> Wish:
    return Wish(CYCLE, Position(epoch, offset))


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


def test_a_channel_made_again_does_not_vouch_for_what_was_forgotten_with_it(
    hub: Hub, recorder: Recorder, clock: Clock
) -> None:
    publish(hub, 140, urgent(CYCLE, "a"), at_ms=clock.now)
    clock.advance(RING_AGE_S * 1_000 + 1)
    hub.sweep()
    assert not hub.subscribe(recorder, at(139)).recovered
    assert hub.subscribe(recorder, at(140)).recovered


def test_a_ring_that_overflowed_does_not_recover_what_it_lost(
    hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_module, "RING_MESSAGES", 3)
    for offset in range(101, 106):
        publish(hub, offset, urgent(CYCLE, str(offset)))
    assert not hub.subscribe(recorder, at(101)).recovered
    assert missed(hub.subscribe(recorder, at(102))) == [103, 104, 105]


def test_a_position_before_memory_is_answered_with_what_was_read_of_the_stream_again(
    hub: Hub, counted: Counted, recorder: Recorder
) -> None:
    publish(hub, 101, stock(CYCLE, "a", 1, 7))
    hub.tick()
    wish = at(90)
    assert not hub.reaches_back_to(wish)
    entries = [Entry(offset, 0, "offer", b"{}", offset, key) for offset, key in ((89, "x"), (95, "b"), (99, "offer:a"))]
    answer = hub.subscribe(recorder, wish, Stretch(entries, 100))
    assert answer.recovered
    assert missed(answer) == [95, 101]
    assert counted.sources == ["stream"]


class Looked(list[Entry]):
    """Counts how many of its entries somebody looks at."""

    count = 0

    def __reversed__(self) -> Iterator[Entry]:
        for entry in super().__reversed__():
            self.count += 1
            yield entry


def test_of_a_long_stretch_no_more_is_looked_at_than_anybody_is_told(hub: Hub, recorder: Recorder) -> None:
    """Many come back at once after an outage, each to the same 50,000 messages."""
    entries = Looked(Entry(offset, 0, "offer", b"{}", offset, f"offer:{offset}") for offset in range(1, 50_001))
    hub.restart("ORDERS", EPOCH, 50_000, 1_000_000)
    assert not hub.subscribe(recorder, at(1), Stretch(entries, 50_000)).recovered
    assert entries.count == chain_module.RECOVERY_MESSAGES + 1
    entries.count = 0
    answer = hub.subscribe(Recorder(), at(49_995), Stretch(entries, 50_000))
    assert missed(answer) == [49_996, 49_997, 49_998, 49_999, 50_000]
    assert entries.count == 6


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
    assert json.loads(second.missed.payload)["t"] - json.loads(first.missed.payload)["t"] == 5_000
    assert missed(first) == missed(second) == [101, 102]
