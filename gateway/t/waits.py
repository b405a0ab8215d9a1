"""What the access log says of waiting: one entry per wait, its numbers from one counter over all workers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """`arrival` < or = `queued` < `released`; a request that comes back keeps its arrival."""

    arrival: int
    queued: int
    released: int


def waits(lines: Iterable[Mapping[str, str]], upstream: str = "orders") -> list[Wait]:
    """Return every wait that ended in a release."""
    found = []
    for line in lines:
        if line["upstream"] == upstream and line["arrival"]:
            queued, released = (map(int, filter(None, line[name].split(" : "))) for name in ("queued", "released"))
            found += [Wait(int(line["arrival"]), *numbers) for numbers in zip(queued, released, strict=False)]
    return found


def inversions(found: list[Wait]) -> int:
    """Count the pairs that waited together, the later arrival being released first (design/gateway.md, last line)."""
    ordered = sorted(found, key=lambda wait: wait.arrival)
    return sum(
        earlier.queued < later.released < earlier.released and later.queued < earlier.released
        for index, earlier in enumerate(ordered)
        for later in ordered[index + 1 :]
        if earlier.arrival < later.arrival
    )
