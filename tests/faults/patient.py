"""A client that does as it is told: it asks again, with the same key, until it knows what became of its request."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.driver.traffic.exchange import Answer, Door, Request
from tests.driver.traffic.tally import Phase, Tally

# What says that nothing is known, or that nothing was done: the same request may be sent again.
_AGAIN = frozenset({0, 429, 502, 503, 504})
_IN_FLIGHT = b"idempotency-key-in-flight"
GIVES_UP_AFTER_S = 150.0
LONGEST_PAUSE_S = 3.0
KEPT_EXAMPLES = 20


@dataclass
class Told:
    """What clients were told while one phase ran, the answers that ended their requests included."""

    held: int = 0
    longest_held_s: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    # Of those that placed an order or took one back.
    ordering_longest_held_s: float = 0.0
    ordering_refused: int = 0
    sockets_refused: int = 0
    # Refusals that say neither when to come back nor what may have happened.
    untold: list[str] = field(default_factory=list)


class PatientTally(Tally):
    """Counts by phase; a socket that is not let in comes back by itself, as a page does, and is no failed request."""

    def __init__(self) -> None:
        super().__init__()
        self.told: defaultdict[str, Told] = defaultdict(Told)

    def note(self, phase: Phase, kind: str, answer: Answer, *expected: int) -> bool:
        """Count one answer, which was the last to its request."""
        if kind == "socket" and answer.status not in expected:
            self.told[phase.name].sockets_refused += 1
            return False
        return super().note(phase, kind, answer, *expected)

    def report(self) -> dict[str, Any]:
        """Return what was told, by phase, as JSON can say it."""
        return {name: vars(told) for name, told in self.told.items()}


class PatientDoor(Door):
    """The gateway as such a client meets it."""

    # Longer than the gateway waits for a service that says nothing, with the time that it holds a request before.
    timeout_s = 90.0

    def __init__(self, url: str, tally: PatientTally) -> None:
        super().__init__(url)
        self._tally = tally

    async def send(self, request: Request, due: float | None = None) -> Answer:
        """Send it until there is an answer to it; the latency is that of all tries."""
        began = time.monotonic() if due is None else due
        while True:
            answer = await super().send(request)
            # Of the phase that runs now: what was sent at the end of one is held by what is done in the next.
            _note(self._tally.told[self._tally.now.name], request, answer)
            waited = time.monotonic() - began
            if not _is_open(answer) or waited > GIVES_UP_AFTER_S:
                return Answer(answer.status, waited, answer.headers, answer.body, answer.trouble)
            await asyncio.sleep(_pause(answer))


def _is_open(answer: Answer) -> bool:
    return answer.status in _AGAIN or (answer.status == 409 and _IN_FLIGHT in answer.body)


def _note(told: Told, request: Request, answer: Answer) -> None:
    is_ordering = request.method != "GET" and request.path.startswith("/api/v1/orders")
    if answer.held:
        held_s = float(answer.headers["x-held-ms"]) / 1000
        told.held += 1
        told.longest_held_s = max(told.longest_held_s, held_s)
        if is_ordering:
            told.ordering_longest_held_s = max(told.ordering_longest_held_s, held_s)
    if not _is_open(answer):
        return
    told.ordering_refused += is_ordering
    outcome = answer.headers.get("x-gateway-outcome", "")
    told.refused[f"{answer.status or 'no answer'} {outcome}".strip()] += 1
    problem = ""
    if answer.status in {429, 503} and "retry-after" not in answer.headers:
        problem = "without Retry-After"
    elif answer.status in {502, 504} and request.method != "GET" and outcome != "unknown":
        problem = "without an outcome"
    if problem and len(told.untold) < KEPT_EXAMPLES:
        told.untold.append(f"{request.method} {request.path}: {answer.status} {problem}")


def _pause(answer: Answer) -> float:
    told = answer.headers.get("retry-after", "")
    longest = min(float(told), LONGEST_PAUSE_S) if told.isdigit() else 1.0
    return random.uniform(longest / 2, longest)
