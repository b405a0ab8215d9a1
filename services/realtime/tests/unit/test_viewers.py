import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from mercadito_events.service.identity import Identity
from realtime.protocol import HEAD, Frame
from realtime.viewers import FORGET_PERIODS, MAX_BODY_BYTES, MAX_CYCLES, MAX_PROCESSES, Viewers

PERIOD_S = 5.0
NOW = 1_000.0


class Watcher:
    def __init__(self, person_id: str | None) -> None:
        day = datetime(2026, 1, 1, tzinfo=UTC)
        self.identity = None if person_id is None else Identity(person_id, "buyer", (), "web", "t", None, day, day)
        self.told: list[dict[str, Any]] = []

    def deliver(self, buffer: bytearray, head: int) -> None:
        self.told.append(json.loads(buffer[head:]))

    @property
    def numbers(self) -> list[int]:
        return [message["d"]["n"] for frame in self.told for message in frame["b"]]


class Hub:
    def __init__(self) -> None:
        self.channels: dict[str, list[Watcher]] = {}
        self.turnovers: dict[str, int] = {}
        self.whispered: list[tuple[str, str, Mapping[str, Any]]] = []

    def watched(self, family: str) -> list[str]:
        return [name for name, watchers in self.channels.items() if watchers and name.startswith(f"{family}:")]

    def watchers_of(self, channel: str) -> Sequence[Watcher]:
        return tuple(self.channels.get(channel, ()))

    def turnover(self, channel: str) -> int:
        return self.turnovers.get(channel, 0)

    def tell(self, watcher: Watcher, frame: Frame) -> None:
        watcher.deliver(frame.buffer, HEAD)

    def whisper(self, channel: str, kind: str, data: Mapping[str, Any]) -> None:
        self.whispered.append((channel, kind, data))

    def leave(self, channel: str, watcher: Watcher) -> None:
        self.channels[channel].remove(watcher)
        self.turnovers[channel] += 1

    def come(self, channel: str, watcher: Watcher) -> None:
        self.channels[channel].append(watcher)
        self.turnovers[channel] += 1

    def watch(self, channel: str, *persons: str | None) -> list[Watcher]:
        new = [Watcher(person) for person in persons]
        self.channels.setdefault(channel, []).extend(new)
        self.turnovers[channel] = self.turnover(channel) + len(new)
        return new


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def viewers(hub: Hub) -> Viewers:
    return Viewers(hub, PERIOD_S)


def told_of(process: str, **cycles: object) -> bytes:
    return orjson.dumps({"process": process, "cycles": cycles})


def test_persons_are_counted_not_sockets_and_nobody_who_is_not_signed_in(hub: Hub, viewers: Viewers) -> None:
    hub.watch("cycle:a", "p1", "p1", "p2", None)
    hub.watch("cycle:b", "p1")
    hub.watch("staff", "p9")
    assert orjson.loads(viewers.report())["cycles"] == {"a": 2, "b": 1}


def test_what_all_processes_count_is_summed_and_told_when_it_changes_and_only_then(hub: Hub, viewers: Viewers) -> None:
    hub.watch("cycle:a", "p1")
    viewers.hear(told_of("other", a=4, z=1), NOW)
    viewers.hear(told_of("third", a=2), NOW)
    viewers.tell(NOW)
    viewers.tell(NOW + 1)
    assert hub.whispered == [("cycle:a", "viewers", {"n": 7})]
    viewers.hear(told_of("other", a=3), NOW + 2)
    viewers.tell(NOW + 2)
    assert hub.whispered[1:] == [("cycle:a", "viewers", {"n": 6})]


def test_a_process_that_is_silent_for_three_periods_counts_no_more(hub: Hub, viewers: Viewers) -> None:
    hub.watch("cycle:a", "p1")
    viewers.hear(told_of("other", a=4), NOW)
    viewers.tell(NOW + FORGET_PERIODS * PERIOD_S)
    viewers.tell(NOW + FORGET_PERIODS * PERIOD_S + 1)
    assert [data["n"] for _, _, data in hub.whispered] == [5, 1]


def test_ones_own_report_coming_back_is_not_counted_twice(hub: Hub, viewers: Viewers) -> None:
    hub.watch("cycle:a", "p1")
    viewers.hear(viewers.report(), NOW)
    viewers.tell(NOW)
    assert hub.whispered == [("cycle:a", "viewers", {"n": 1})]


def test_who_comes_is_told_the_number_with_himself_in_it_and_the_others_at_their_time(
    hub: Hub, viewers: Viewers
) -> None:
    (first,) = hub.watch("cycle:a", "p1")
    viewers.tell(NOW)
    (second,) = hub.watch("cycle:a", "p2")
    viewers.greet()
    viewers.greet()
    assert (first.numbers, second.numbers) == ([], [2])
    assert second.told[0]["b"] == [{"c": "cycle:a", "k": "viewers", "d": {"n": 2}}]
    viewers.tell(NOW + PERIOD_S)
    assert [data["n"] for _, _, data in hub.whispered] == [1, 2]


def test_who_was_told_with_everyone_is_not_greeted_too(hub: Hub, viewers: Viewers) -> None:
    (only,) = hub.watch("cycle:a", "p1")
    viewers.tell(NOW)
    viewers.greet()
    assert only.numbers == []


def test_who_left_and_came_back_is_told_again(hub: Hub, viewers: Viewers) -> None:
    (one,) = hub.watch("cycle:a", "p1")
    hub.watch("cycle:a", "p2")
    viewers.greet()
    hub.leave("cycle:a", one)
    viewers.greet()
    hub.come("cycle:a", one)
    viewers.greet()
    assert one.numbers == [2, 2]


def test_a_report_names_the_most_watched_cycles_and_stays_small(hub: Hub, viewers: Viewers) -> None:
    for number in range(MAX_CYCLES + 50):
        hub.watch(f"cycle:{number:064}", *(f"p{n}" for n in range(1 + number // 100)))
    report = viewers.report()
    counts = orjson.loads(report)["cycles"]
    assert len(counts) == MAX_CYCLES
    assert set(counts.values()) == {1, 2, 3}
    assert list(counts.values()).count(3) == 50
    assert len(report) <= MAX_BODY_BYTES


def test_only_so_many_processes_are_remembered(hub: Hub, viewers: Viewers) -> None:
    hub.watch("cycle:a", "p1")
    for number in range(MAX_PROCESSES + 10):
        viewers.hear(told_of(f"process-{number}", a=1), NOW)
    viewers.tell(NOW)
    assert hub.whispered == [("cycle:a", "viewers", {"n": MAX_PROCESSES + 1})]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        orjson.dumps({"process": "x", "cycles": []}),
        orjson.dumps({"process": 7, "cycles": {"a": 1}}),
        orjson.dumps({"process": "x" * 65, "cycles": {"a": 1}}),
        orjson.dumps({"process": "x\n", "cycles": {"a": 1}}),
        orjson.dumps({"cycles": {"a": 1}}),
        told_of("x", a=-1),
        told_of("x", a=True),
        told_of("x", a=1.5),
        told_of("x", a="1"),
        told_of("x", a=10**9),
        orjson.dumps({"process": "x", "cycles": {"a b": 1}}),
        orjson.dumps({"process": "x", "cycles": {f"c{n}": 1 for n in range(MAX_CYCLES + 1)}}),
        orjson.dumps({"process": "x", "cycles": {"a": 1}, "more": "y" * MAX_BODY_BYTES}),
    ],
)
def test_what_is_no_report_counts_nothing(hub: Hub, viewers: Viewers, body: bytes) -> None:
    hub.watch("cycle:a", "p1")
    viewers.hear(body, NOW)
    viewers.tell(NOW)
    assert hub.whispered == [("cycle:a", "viewers", {"n": 1})]
