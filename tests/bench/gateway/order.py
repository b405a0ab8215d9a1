"""First come, first served: inversions by the access log's own numbers, and by what the service saw."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import Report

_FIELDS = ("arrival", "queued", "released")


@dataclass(frozen=True)
class Wait:
    """One wait of one request: numbers from the one counter that all workers share."""

    arrival: int
    queued: int
    released: int


def waits_of(lines: Iterable[Mapping[str, str]]) -> list[Wait] | None:
    """Return the waits that access lines tell of, one or more for a request; None if they have no such fields."""
    waits: list[Wait] = []
    told = False
    for line in lines:
        if not all(name in line for name in _FIELDS):
            continue
        told = True
        for queued, released in zip(line["queued"].split(" : "), line["released"].split(" : "), strict=False):
            # Who was refused, or left, has no release.
            if line["arrival"].isdigit() and queued.isdigit() and released.isdigit():
                waits.append(Wait(int(line["arrival"]), int(queued), int(released)))
    return waits if told else None


def inversions(waits: Sequence[Wait]) -> int:
    """Count pairs that waited together of which the later arrival got the earlier release (design/gateway.md)."""
    ordered = sorted(waits, key=lambda wait: wait.released)
    releases = [wait.released for wait in ordered]
    found = 0
    for place, wait in enumerate(ordered):
        # Whoever was released while this one waited, and came later.
        began = bisect_right(releases, wait.queued)
        found += sum(other.arrival > wait.arrival for other in ordered[began:place])
    return found


@dataclass(frozen=True)
class Passing:
    """When requests were sent, and the order in which the service saw them."""

    sent: Mapping[str, float]
    seen: Sequence[str]

    def beyond(self, tolerance: int) -> int:
        """Count requests that more than so many later ones overtook; as many may be on their way side by side."""
        before: list[float] = []
        found = 0
        for name in self.seen:
            if name in self.sent:
                at = self.sent[name]
                found += len(before) - bisect_left(before, at) > tolerance
                insort(before, at)
        return found


def add_order(report: Report, what: str, waits: Sequence[Wait] | None) -> None:
    """Add the inversions that the gateway's own log tells of."""
    if waits is None:
        report.notes.append(f"{what}: this gateway's access log has no {', '.join(_FIELDS)}: no inversions counted")
    else:
        report.add(f"{what}: inversions among {len(waits):,} waits", "", inversions(waits), None, "none allowed")
