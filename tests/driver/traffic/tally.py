"""The count of requests, by what was done to the system meanwhile."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.driver.traffic.exchange import Answer

KEPT_EXAMPLES = 20


@dataclass
class Phase:
    """What became of the requests that were due in one phase."""

    name: str
    requests: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    examples: list[str] = field(default_factory=list)
    held: int = 0
    longest_s: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        ordered = sorted(self.latencies) or [0.0]
        return {
            "name": self.name,
            "requests": dict(self.requests),
            "failed": self.failed,
            "examples": self.examples,
            "held": self.held,
            "median_ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "longest_s": round(ordered[-1], 2),
        }


class Tally:
    """All phases; a request counts for the one in which it was due."""

    def __init__(self) -> None:
        self.phases = [Phase("before")]

    @property
    def now(self) -> Phase:
        """The phase that runs."""
        return self.phases[-1]

    def begin(self, name: str) -> None:
        """Start another phase."""
        self.phases.append(Phase(name))

    def note(self, phase: Phase, kind: str, answer: Answer, *expected: int) -> bool:
        """Count one answer; say whether it is one of those expected."""
        phase.requests[kind] += 1
        phase.held += answer.held
        phase.latencies.append(answer.latency_s)
        if answer.status in expected:
            return True
        told = answer.trouble or f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
        self.failure(phase, f"{kind} after {answer.latency_s:.2f} s: {told}")
        return False

    def failure(self, phase: Phase, what: str) -> None:
        """Count one that failed; the first few are told in words."""
        phase.failed += 1
        if len(phase.examples) < KEPT_EXAMPLES:
            phase.examples.append(what)
