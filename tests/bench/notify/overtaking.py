"""A password reset at a limit of ten mails a second, with thousands of confirmations before it."""

import time
from dataclasses import dataclass

from tests.bench.figures import Report
from tests.bench.notify.hall import Hall

RATE = 10
MOST_S = 5.0


@dataclass(frozen=True)
class Overtaking:
    """How many mails wait, and how many of them leave before the reset is asked for."""

    waiting: int = 2_000
    before: int = 30


def measure(report: Report, hall: Hall, plan: Overtaking) -> None:
    """Ask for a reset while everything waits for its turn."""
    hall.empty()
    with hall.sink() as sink, hall.notify(SEND_PER_SECOND=str(RATE)):
        began = time.monotonic()
        hall.queue_confirmations(plan.waiting)
        before = sink.wait_for(plan.before, within_s=60)
        asked = time.monotonic()
        hall.queue_reset()
        number = len(before)
        while not (found := [mail for mail in sink.taken() if mail.recipient.startswith("resetting@")]):
            number = len(sink.wait_for(number + 1, within_s=60))
        taken = sink.taken()
    waiting = f"{plan.waiting:,} waiting, {RATE} a second"
    report.must(f"{waiting}: a password reset is taken within", "s", found[0].at - asked, at_most=MOST_S)
    # A full bucket is there from the start.
    per_s = (len(taken) - RATE) / (taken[-1].at - began)
    report.must("  mails a second since they wait, beside the bucket's first fill", "/s", per_s, at_most=RATE)
