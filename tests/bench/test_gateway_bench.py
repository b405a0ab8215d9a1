"""The gateway's benchmark, run small, and what its figures are counted with."""

import asyncio
import itertools
import random

import pytest

from tests.bench.gateway import bench
from tests.bench.gateway.client import Call, Outcome, open_loop, percentile
from tests.bench.gateway.listener import Listener
from tests.bench.gateway.order import Passing, Wait, inversions, waits_of
from tests.bench.gateway.overhead import _read
from tests.bench.gateway.restarts import Tally, tally
from tests.bench.gateway.service import Executed
from tests.bench.gateway.sockets import fastest
from tests.bench.world import BenchFailed


def _line(arrival: str, queued: str, released: str) -> dict[str, str]:
    return {"arrival": arrival, "queued": queued, "released": released}


def test_who_came_later_and_went_first_is_an_inversion_only_if_they_waited_together() -> None:
    in_order = [Wait(1, 1, 11), Wait(2, 2, 12), Wait(3, 3, 13)]
    assert inversions(in_order) == 0
    assert inversions([Wait(1, 1, 12), Wait(2, 2, 11)]) == 1
    # The first waits again, after the second was released already.
    assert inversions([Wait(1, 1, 10), Wait(2, 2, 11), Wait(1, 12, 13)]) == 0
    # It waits again while the second still waits, and goes behind it.
    assert inversions([Wait(1, 1, 10), Wait(2, 2, 12), Wait(1, 11, 13)]) == 1


def test_inversions_are_those_of_the_definition_taken_literally() -> None:
    chance = random.Random(4)
    waits = []
    for arrival in range(120):
        queued = chance.randrange(1_000)
        waits.append(Wait(arrival, queued, queued + chance.randrange(1, 400)))
    literally = sum(
        later.released < earlier.released and later.queued < earlier.released and earlier.queued < later.released
        for earlier, later in itertools.permutations(waits, 2)
        if earlier.arrival < later.arrival
    )
    assert inversions(waits) == literally > 0


def test_waits_are_read_from_access_lines_one_or_more_for_a_request() -> None:
    lines = [_line("", "", ""), _line("7", "7 : 20", "9 : 25"), _line("8", "8", ""), _line("10", "10", "-")]
    assert waits_of(lines) == [Wait(7, 7, 9), Wait(7, 20, 25)]
    assert waits_of([{"path": "/"}]) is None


def test_being_overtaken_counts_beyond_what_may_be_under_way_side_by_side() -> None:
    sent = {name: float(place) for place, name in enumerate("abcdef")}
    assert Passing(sent, "abcdef").beyond(0) == 0
    assert Passing(sent, "bcdaef").beyond(2) == 1
    assert Passing(sent, "bcdaef").beyond(3) == 0


def _outcome(name: str, status: int, *, unknown: bool = False, method: str = "POST") -> Outcome:
    headers = {"x-gateway-outcome": "unknown"} if unknown else {}
    return Outcome(Call(name, method), 0.0, 1.0, status, headers)


def test_failed_doubled_and_lost_are_told_apart() -> None:
    outcomes = [
        _outcome("fine", 200),
        _outcome("doubled", 200),
        _outcome("ran, but an error", 500),
        _outcome("fine, but never ran", 200),
        _outcome("never ran", 0),
        _outcome("unknown", 502, unknown=True),
        _outcome("read twice", 200, method="GET"),
    ]
    runs = ["fine", "doubled", "doubled", "ran, but an error", "unknown", "read twice", "read twice"]
    found = tally(outcomes, [Executed("POST", name, "-") for name in runs])
    assert found == Tally(7, failed=3, doubled=1, lost=2, unknown=1, kinds="1 500, 1 502, 1 no answer")


def test_the_fullest_second_is_found_wherever_it_begins() -> None:
    assert fastest([]) == 0
    assert fastest([0.0, 0.9, 1.0, 1.1, 1.89, 5.0]) == 4


def test_what_wrk_says_is_read_and_its_errors_are_no_figures() -> None:
    said = "    50%  312.00us\n  43532 requests in 2.00s, 40MB read\nRequests/sec:  21766.00\n"
    count, rate, p50_ms = _read(said)
    assert (count, rate, round(p50_ms, 6)) == (43532, 21766.0, 0.312)
    with pytest.raises(BenchFailed):
        _read(said + "  Non-2xx or 3xx responses: 7\n")


def test_percentiles_are_of_the_values_themselves() -> None:
    assert percentile([], 0.99) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 1.0) == 3.0


def test_the_listener_works_with_so_many_workers_and_sees_who_waits_inside() -> None:
    async def load() -> tuple[Listener, list[Outcome]]:
        listener = Listener(work_s=0.05, workers=2)
        await listener.open()
        outcomes = await open_loop(listener.port, [_get(number) for number in range(6)], 10_000)
        listener.close()
        return listener, outcomes

    listener, outcomes = asyncio.run(load())
    assert [each.status for each in outcomes] == [200] * 6
    assert listener.most > 2
    assert [seen.id for seen in listener.seen] == [f"q{number}" for number in range(6)]
    # Two at a time: the last pair waits for two others.
    assert max(each.latency_s for each in outcomes) > 0.14


def _get(number: int) -> Call:
    return Call(f"q{number}")


def test_the_whole_benchmark_runs() -> None:
    report = bench.run(bench.TINY)
    found = {figure.what: figure.ours for figure in report.figures}
    missing = [what.partition(": NOT")[0] for what in found if "NOT MEASURED" in what]
    assert not missing, [note for note in report.notes if note.startswith(tuple(missing))]
    for part in (
        "failed",
        "doubled",
        "first waiter",
        "at once",
        "processor time",
        "held with 2 kB",
        "floods",
        "leave",
        "WebSockets",
    ):
        assert any(part in what for what in found), part
    assert all(value == 0 for what, value in found.items() if what.endswith((": doubled", "sent for them")))
