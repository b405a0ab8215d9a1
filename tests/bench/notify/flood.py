"""Many confirmations at once: how many a second reach a sink, and what the process weighs meanwhile."""

import threading
from dataclasses import dataclass
from typing import Self

from tests.bench.figures import Report
from tests.bench.notify.hall import Hall, Notify
from tests.bench.world import BenchFailed

FAST_PER_S = 300
SLOW_PER_S = 100
MOST_MB = 90
SLOW_S = 0.05
# As much as a confirmation's mail has.
MAIL_BYTES = 14_000
_WEIGH_EVERY_S = 0.2


@dataclass(frozen=True)
class Flood:
    """How many mails, and within how many seconds they must be through at all."""

    mails: int = 2_000
    within_s: float = 120.0


def measure(report: Report, hall: Hall, plan: Flood) -> None:
    """Send them to a sink that answers at once, then to one that takes its time."""
    per_s, mb, used = _flooded(hall, plan, 0.0)
    what = f"{plan.mails:,} confirmations at once"
    report.must(f"{what}: accepted a second", "/s", per_s, at_least=FAST_PER_S)
    report.must("  most memory meanwhile, PSS", "MB", mb, at_most=MOST_MB)
    report.add("  processor time a mail: notify", "ms", used.notify_ms)
    report.add("  processor time a mail: PostgreSQL", "ms", used.postgres_ms)
    hall.empty()
    peer = hall.peer_per_s(plan.mails, MAIL_BYTES)
    report.add("  beside a bare loop of smtplib with two commits for each mail", "/s", per_s, peer, "the bare loop")
    per_s, mb, _ = _flooded(hall, plan, SLOW_S)
    report.must(f"{what}, {1000 * SLOW_S:.0f} ms each: accepted a second", "/s", per_s, at_least=SLOW_PER_S)
    report.must("  most memory meanwhile, PSS", "MB", mb, at_most=MOST_MB)
    report.notes.append(
        "PSS is weighed where nobody else maps notify's libraries; other services of `make run` share their pages"
    )
    report.notes.append(
        "accepted a second: from the first to the last mail that the sink took; orders are put down as their events"
        " would be, all else (messages, dots, outcomes, events told) is written and published while it is measured"
    )


@dataclass(frozen=True)
class _Used:
    """Processor time for one mail: says more than a rate when the machine is busy."""

    notify_ms: float
    postgres_ms: float


def _flooded(hall: Hall, plan: Flood, pause_s: float) -> tuple[float, float, _Used]:
    hall.empty()
    with hall.sink(pause_s) as sink, hall.notify() as notify, _Scales(notify) as scales:
        before = hall.processor_s(notify)
        hall.queue_confirmations(plan.mails)
        taken = sink.wait_for(plan.mails, plan.within_s)
        hall.wait_until_told(plan.mails, plan.within_s)
        after = hall.processor_s(notify)
    if len({mail.recipient for mail in taken}) != plan.mails or hall.states() != {"sent": plan.mails}:
        raise BenchFailed(f"not each mail once: {len(taken)} taken, {hall.states()}")
    used = _Used(*(1000 * (end - start) / plan.mails for start, end in zip(before, after, strict=True)))
    return (plan.mails - 1) / (taken[-1].at - taken[0].at), scales.most_mb, used


class _Scales:
    """Weighs a process now and then, beside what goes on."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._weigh, daemon=True)
        self.most_mb = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _weigh(self) -> None:
        while not self._stop.wait(_WEIGH_EVERY_S):
            self.most_mb = max(self.most_mb, self._notify.mb)
