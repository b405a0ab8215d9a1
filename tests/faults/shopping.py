"""A shop under way while faults are done to it: phases, what each cost, and the reckoning."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.driver.polling import eventually
from tests.driver.system import System
from tests.driver.traffic.under_way import Reckoning, Traffic, traffic
from tests.driver.traffic.volume import Volume
from tests.faults.containers import said
from tests.faults.truth import flows_again, holds, now_of

# `make faults` sets it: outages in their full length, and where the costs are written down.
LEDGER = os.environ.get("FAULTS_LEDGER")
IN_FULL = LEDGER is not None
# Enough to be in the middle of everything at any moment; otherwise little enough for other suites beside it.
VOLUME = Volume(orders_per_s=4.0, reads_per_s=12.0, screens=16) if IN_FULL else Volume(1.5, 5.0, 10)
FULL_S = 60.0
# Whoever orders does not wait for NATS, which is away for longer. That the gateway takes a service for away that was
# too busy to answer, on a machine beyond its strength, and finds it again a moment later, is another matter.
MOMENT_S = 3.0
# So many of what went wrong are told.
TOLD = 10
# Of the gateway's log, the last so many are looked through.
TOLD_LINES = 100_000


def full_or(short_s: float) -> float:
    """Return for how long an outage lasts: in full where costs are written down, otherwise as short as still tells."""
    return FULL_S if LEDGER else short_s


def lasts(seconds: float) -> None:
    """Let a fault last for so long."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until, within_s=seconds + 1, what="the time of the fault")


@dataclass(frozen=True)
class Cost:
    """What one fault cost those who were there."""

    fault: str
    lasted_s: float
    recovered_after_s: float
    requests: int = 0
    held: int = 0
    longest_held_s: float = 0.0
    longest_s: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    ordering_longest_held_s: float = 0.0
    ordering_refused: int = 0
    sockets_refused: int = 0


@dataclass
class Shopping:
    """It goes on while faults are done."""

    system: System
    _traffic: Traffic
    _since: str
    _times: list[tuple[str, float, float]] = field(default_factory=list)

    def during(self, fault: str, disturb: Callable[[], object]) -> None:
        """Do this to the system; wait until all flows again."""
        self._traffic.phase(fault)
        began = time.monotonic()
        disturb()
        over = time.monotonic()
        flows_again(self.system)
        self._times.append((fault, over - began, time.monotonic() - over))
        self._traffic.phase(f"after {fault}")

    def ends(self) -> dict[str, Cost]:
        """Let it end; everything must be true, and everybody have been told the truth. Return what each fault cost."""
        found = self._traffic.ends()
        told = json.loads(self._traffic.told[-2])
        # With words of their own: pytest explains the comparisons of tests, not those of a module like this.
        assert found.failed == [], found.failed[:TOLD]
        assert (found.lost, found.doubled) == ([], []), (found.lost[:TOLD], found.doubled[:TOLD])
        assert (found.missed, found.missed_by) == (0, []), (found.missed, found.missed_by[:TOLD])
        untold = [each for phase in told.values() for each in phase["untold"]]
        assert untold == [], untold[:TOLD]
        holds(self.system, self._since)
        costs = {name: _cost(found, told.get(name, {}), name, *times) for name, *times in self._times}
        _write_down(costs)
        print(*costs.values(), *moves(self.system), sep="\n")
        return costs


def moves(system: System) -> list[str]:
    """Return the gateway's own lines on which service it took for away and when, for whoever wonders at a cost."""
    return [line for line in said(system, "gateway", last=TOLD_LINES).splitlines() if '"upstream_' in line]


def _cost(found: Reckoning, told: dict[str, Any], name: str, lasted_s: float, recovered_s: float) -> Cost:
    phase = next(phase for phase in found.phases if phase.name == name)
    return Cost(
        name,
        round(lasted_s, 1),
        round(recovered_s, 1),
        requests=sum(phase.requests.values()),
        held=told.get("held", 0),
        longest_held_s=round(told.get("longest_held_s", 0.0), 1),
        longest_s=phase.longest_s,
        refused=told.get("refused", {}),
        ordering_longest_held_s=round(told.get("ordering_longest_held_s", 0.0), 1),
        ordering_refused=told.get("ordering_refused", 0),
        sockets_refused=told.get("sockets_refused", 0),
    )


def _write_down(costs: dict[str, Cost]) -> None:
    if LEDGER:
        with Path(LEDGER).open("a") as file:
            file.writelines(json.dumps(asdict(cost)) + "\n" for cost in costs.values())


@contextmanager
def shopping(system: System, volume: Volume = VOLUME) -> Iterator[Shopping]:
    """Begin it; whatever happens it ends with the block."""
    since = now_of(system)
    with traffic(system, volume, program="tests.faults.shoppers") as under_way:
        yield Shopping(system, under_way, since)
