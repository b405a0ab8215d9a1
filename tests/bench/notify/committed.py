"""From an order's commit to its mail: orders web and worker, NATS and notify as `make run` has them, idle otherwise."""

import random
import time
from dataclasses import dataclass

import httpx

from native.programs import program
from tests.bench import shop
from tests.bench.figures import Report
from tests.bench.gateway.client import percentile
from tests.bench.load import Request
from tests.bench.notify.hall import Hall, Notify, Sink
from tests.bench.world import BenchFailed, Scale, wait_until_answers

P95_LIMIT_S = 1.5
_WARM_UP = 3


@dataclass(frozen=True)
class Committed:
    """How many orders, one after the other, each at its own moment of everybody's polls."""

    orders: int = 60
    apart_s: float = 0.7
    within_s: float = 30.0


def measure(report: Report, hall: Hall, plan: Committed) -> None:
    """Place orders one by one."""
    hall.empty()
    world = hall.world
    world.orders_database()
    world.seed(Scale(products=60, stores=plan.orders + _WARM_UP, orders=200, offers=40))
    worker = program(world.state, "orders-worker")
    world.start_web()
    world.launch(worker)
    wait_until_answers(worker.ready_at, world.processes["orders-worker"], world.state.logs_dir / "orders-worker.log")
    buyers = shop.buyers(world, plan.orders + _WARM_UP)
    days = shop.open_days(world, 1)
    with hall.sink() as sink, hall.notify() as notify:
        _know(hall, [buyer.store_id for buyer in buyers])
        times = _placed(world.url, list(shop.orders(days, buyers, seed=1)), sink, plan)
        _report(report, times[_WARM_UP:], notify)


def _know(hall: Hall, stores: list[str]) -> None:
    values = ", ".join(
        f"('of-{store}', 'buyer@{store}.example', 'Rosa', 'es', 'buyer', ARRAY['{store}'], true, 1)" for store in stores
    )
    hall.psql(
        "TRUNCATE contacts; INSERT INTO contacts (person_id, email, name, locale, role, store_ids, active, version)"
        f" VALUES {values}"
    )


def _placed(url: str, requests: list[Request], sink: Sink, plan: Committed) -> list[float]:
    """Return for each order the seconds from its answer, which follows the commit at once, to its mail."""
    dice, times = random.Random(1), []
    with httpx.Client(base_url=url, timeout=30) as client:
        for request in requests:
            before = len(sink.taken())
            answer = client.post(request.path, headers=dict(request.headers), content=request.body)
            answered = time.monotonic()
            if answer.status_code != httpx.codes.CREATED:
                continue
            times.append(sink.wait_for(before + 1, plan.within_s)[before].at - answered)
            time.sleep(plan.apart_s * dice.uniform(0.5, 1.5))
    if len(times) < len(requests) // 2:
        raise BenchFailed(f"only {len(times)} of {len(requests)} orders were accepted")
    return times


def _report(report: Report, times: list[float], notify: Notify) -> None:
    report.must("order committed to mail accepted, idle: p95", "s", percentile(times, 0.95), at_most=P95_LIMIT_S)
    report.add("  p50", "s", percentile(times, 0.5))
    report.add("  `notify serve`, idle, PSS", "MB", notify.mb)
