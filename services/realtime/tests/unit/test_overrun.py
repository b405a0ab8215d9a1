"""A channel that gets more than can be sent: what waits has a bound, and nobody misses anything without being told."""

import json
import tracemalloc
from typing import Any

import pytest
from realtime import hub as module
from realtime.hub import Hub
from realtime.protocol import Position, Wish
from realtime.subscriber import Found, Subscriber
from stand_ins import CYCLE, EPOCH, STORED_MS, STREAM, Outlet, Recorder, publish, stock, urgent

MAX_PENDING, OVERRUN_TICKS = 3, 4


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", MAX_PENDING)
    monkeypatch.setattr(module, "OVERRUN_TICKS", OVERRUN_TICKS)


def flood(hub: Hub, first: int, count: int = MAX_PENDING + 1) -> int:
    """Publish so many values that none overtakes another; return the last offset."""
    for offset in range(first, first + count):
        publish(hub, offset, stock(CYCLE, f"o{offset}", 1, 1))
    return first + count - 1


def ticks(hub: Hub, count: int = OVERRUN_TICKS) -> None:
    for _ in range(count):
        hub.tick()


def reset(offset: int, epoch: str = EPOCH) -> dict[str, Any]:
    return {"sub": {"c": CYCLE, "recovered": False, "pos": {"e": epoch, "o": offset}}}


def test_as_much_as_may_wait_is_sent_and_nobody_is_told_to_fetch(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    last = flood(hub, 101, MAX_PENDING)
    ticks(hub)
    assert recorder.offsets == list(range(101, last + 1))
    assert [frame for frame in recorder.frames if "sub" in frame] == []


def test_with_more_the_watchers_are_told_to_fetch_and_the_chain_goes_on_from_there(
    hub: Hub, recorder: Recorder
) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, urgent(CYCLE, "before"))
    last = flood(hub, 102)
    ticks(hub, OVERRUN_TICKS - 1)
    assert recorder.offsets == [101]
    ticks(hub, 1)
    assert recorder.frames[1:] == [reset(last)]
    assert not hub.is_waiting
    publish(hub, 200, urgent(CYCLE, "after"))
    assert [(m["p"], m["o"]) for m in recorder.messages] == [(100, 101), (last, 200)]


def test_they_are_told_once_whatever_comes_meanwhile_and_what_is_urgent_too(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    last = flood(hub, 101)
    for _ in range(OVERRUN_TICKS - 1):
        last = flood(hub, last + 1, 10)
        publish(hub, last + 1, urgent(CYCLE, "urgent"))
        last += 1
        hub.tick()
    assert recorder.frames == []
    ticks(hub)
    assert recorder.frames == [reset(last)]


def test_an_event_that_overruns_in_its_middle_is_told_in_none_of_its_parts(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, *(stock(CYCLE, f"o{number}", 1, 1) for number in range(MAX_PENDING + 3)))
    ticks(hub)
    assert recorder.frames == [reset(101)]


def test_other_channels_do_not_notice(hub: Hub, recorder: Recorder) -> None:
    other = Recorder()
    hub.subscribe(recorder, Wish(CYCLE))
    hub.subscribe(other, Wish("staff"))
    last = flood(hub, 101)
    publish(hub, last + 1, stock("staff", "a", 1, 1))
    hub.tick()
    publish(hub, last + 2, urgent("staff", "b"))
    ticks(hub)
    assert other.offsets == [last + 1, last + 2]
    assert [frame for frame in other.frames if "sub" in frame] == []


def test_until_they_are_told_no_ping_says_that_they_saw_it(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101)
    last = flood(hub, 102)
    ticks(hub, OVERRUN_TICKS - 1)
    assert hub.seen()[0] == Position(EPOCH, 101)
    ticks(hub, 1)
    assert hub.seen()[0] == Position(EPOCH, last)


def test_who_stops_reading_meanwhile_goes_on_from_where_it_was_told_the_last(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    publish(hub, 101, urgent(CYCLE, "before"))
    flood(hub, 102)
    assert hub.unsubscribe(recorder, CYCLE) == Position(EPOCH, 101)


class NoArchive:
    """Memory alone answers here."""

    def ask(self, stream: str, channel: str, position: Position, found: Found) -> None:
        raise AssertionError


@pytest.mark.parametrize("is_over", [False, True], ids=["before the others are told", "after it"])
@pytest.mark.parametrize("floods", [1, 100], ids=["memory reaches back", "memory does not reach back"])
def test_it_gets_what_it_missed_or_is_told_to_fetch_once_it_reads_again(
    hub: Hub, floods: int, *, is_over: bool
) -> None:
    outlet = Outlet()
    subscriber = Subscriber(outlet, hub, NoArchive())
    subscriber.watch(Wish(CYCLE))
    del outlet.frames[:]
    last = flood(hub, 101)
    subscriber.pause()
    last = flood(hub, last + 1, floods * 5)
    if is_over:
        ticks(hub)
    subscriber.resume()
    told = [message["o"] for frame in outlet.frames for message in frame.get("b", [])]
    if floods == 1:
        assert told == list(range(101, last + 1))
    else:
        assert [frame["sub"]["recovered"] for frame in outlet.frames] == [False]


def test_who_comes_meanwhile_is_told_to_fetch_with_the_others(hub: Hub, recorder: Recorder) -> None:
    late = Recorder()
    hub.subscribe(recorder, Wish(CYCLE))
    last = flood(hub, 101)
    answer = hub.subscribe(late, Wish(CYCLE))
    assert (answer.recovered, answer.position) == (True, Position(EPOCH, 100))
    last = flood(hub, last + 1)
    ticks(hub)
    assert late.frames == recorder.frames == [reset(last)]


def test_a_stream_begun_anew_meanwhile_is_told_once(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    flood(hub, 101)
    hub.restart(STREAM, "ORDERS.e2", floor=7, floor_ms=0)
    ticks(hub)
    publish(hub, 8, urgent(CYCLE, "a"))
    assert recorder.frames[0] == reset(7, "ORDERS.e2")
    assert [(m["p"], m["o"]) for m in recorder.messages] == [(7, 8)]
    assert len(recorder.frames) == 2


def test_where_nobody_watches_memory_has_it_all_and_who_comes_back_is_caught_up(hub: Hub, recorder: Recorder) -> None:
    last = flood(hub, 101)
    assert not hub.is_waiting
    answer = hub.subscribe(recorder, Wish(CYCLE, Position(EPOCH, 100)))
    ticks(hub)
    assert answer.missed is not None
    assert [m["o"] for m in json.loads(answer.missed.payload)["b"]] == list(range(101, last + 1))
    assert recorder.frames == []


def test_the_last_watcher_leaving_ends_it(hub: Hub, recorder: Recorder) -> None:
    hub.subscribe(recorder, Wish(CYCLE))
    last = flood(hub, 101)
    hub.unsubscribe(recorder, CYCLE)
    hub.tick()
    assert not hub.is_waiting
    assert hub.subscribe(recorder, Wish(CYCLE)).position == Position(EPOCH, last)


def test_memory_does_not_grow_with_a_flood(hub: Hub, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 1_000)
    hub.subscribe(recorder, Wish(CYCLE))
    tracemalloc.start()
    try:
        for event in range(100):
            hub.publish(STREAM, 101 + event, STORED_MS, [stock(CYCLE, f"{event}-{n}", 1, 1) for n in range(100)])
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 1_200_000, "10,000 messages came, which take twice that; 2,000 are remembered"
