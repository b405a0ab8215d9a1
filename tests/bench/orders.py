"""Ordering at the size of a large hub: the order page, placing, the most that goes through, memory."""

import itertools
import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from native.programs import Program
from tests.bench import planning, shop
from tests.bench.figures import Report
from tests.bench.load import Load, Request, closed_loop, open_loop
from tests.bench.processes import pss_mb
from tests.bench.shop import Buyer, MarketDay
from tests.bench.statements import Spoken, listen, replay
from tests.bench.world import ROOT, Scale, World, wait_until_answers, world

SEED_LIMIT_S = 60
MOST_QUERIES = 10
PAGE_LIMIT_MS = 300
PLACING_LIMIT_MS = 100
WORKERS_LIMIT_MB = 250
READS_TOGETHER = 3


@dataclass(frozen=True)
class Plan:
    """How much is measured. `page_viewers` people look at the order page; half of their stores have ordered."""

    scale: Scale
    page_viewers: int = 40
    page_rate: float = 20.0
    pages: int = 600
    reads: int = 15
    imported: int = 8_000
    placing_rate: float = 50.0
    placing_days: int = 3
    full_speed_days: int = 3
    # pgbench's time to read a script grows with the square of its length: few orders, said again several times.
    recorded_orders: int = 250
    replays: int = 5
    clients: int = 16
    within_s: float = 40.0


FULL = Plan(Scale(products=10_000, stores=500, orders=250_000, offers=3_000))
TINY = Plan(
    Scale(products=60, stores=12, orders=48, offers=40),
    page_viewers=2,
    page_rate=40.0,
    pages=20,
    reads=1,
    imported=50,
    placing_rate=100.0,
    placing_days=1,
    full_speed_days=1,
    recorded_orders=12,
    replays=1,
    clients=4,
)


@dataclass
class Bench:
    """One run: the world, who orders in it, and what was found."""

    plan: Plan
    world: World
    report: Report
    buyers: Sequence[Buyer] = ()


def run(plan: Plan = FULL) -> Report:
    """Measure everything once."""
    report = Report("orders")
    with world() as made:
        bench = Bench(plan, made, report)
        say("seeding")
        report.add("seeding the world", "s", made.seed(plan.scale), SEED_LIMIT_S, "limit")
        made.start_web()
        say("signing everybody in")
        bench.buyers = shop.buyers(made, plan.scale.stores)
        measure_placing(bench)
        measure_full_speed(bench)
        measure_memory(bench, "after orders only")
        measure_pages(bench)
        measure_memory(bench, "after pages, too")
        say("staff's catalogue")
        planning.measure(made, shop.staff_account(), report, rows=plan.imported, reads=plan.reads)
        report.add("offers whose stock does not add up", "", shop.broken_offers(made), None, "none allowed")
    return report


def measure_pages(bench: Bench) -> None:
    """The order page at a fixed rate beside bare Flask, the statements it takes, and the other reads one by one."""
    say("the order page")
    seen = [shop.session(bench.world, f"store{number + 1}") for number in range(bench.plan.page_viewers)]
    order_id = _order_on_the_seeded_day(bench)
    pages = [Request("/order", headers) for headers in seen]
    spoken = listen(bench.world, lambda: _must_succeed(closed_loop(bench.world.url, pages, 1, within_s=60)))
    bench.report.add("queries a page", "", len(spoken.queries) / len(pages), MOST_QUERIES, "limit")
    bench.report.notes.append(f"order page: {spoken.pings / len(pages):.0f} pings of the pool beside its queries")
    before = bench.world.processor_s()
    load = open_loop(
        bench.world.url, itertools.islice(itertools.cycle(pages), bench.plan.pages), bench.plan.page_rate, "pages"
    )
    _add_processor(bench, "an order page", load, before)
    size = max(sample.size for sample in load.samples)
    _add_latencies(bench.report, f"order page, {bench.plan.page_rate:.0f}/s", load, PAGE_LIMIT_MS)
    bench.report.notes.append(f"order page: {size / 1000:.0f} kB; failed: {_kinds(load)}")
    bare_url = _start_bare(bench.world, size)
    bare = open_loop(bare_url, [Request("/", {})] * bench.plan.pages, bench.plan.page_rate, "bare Flask")
    ours, peer = load.percentile_ms(0.5), _must_succeed(bare).percentile_ms(0.5)
    bench.report.add("order page p50 beside as many bytes of bare Flask", "ms", ours, peer, "peer")
    staff = shop.session(bench.world, "staff1")
    owner = seen[0]
    for what, request in (
        ("order page", pages[0]),
        ("my orders", Request("/orders", owner)),
        ("one order", Request(f"/orders/{order_id}", owner)),
        ("staff board", Request("/staff", staff)),
        ("API: the open market day", Request("/api/v1/cycles/current", owner)),
        ("API: 100 orders", Request("/api/v1/orders", staff)),
    ):
        _measure_read(bench, what, request, bare_url)


def _measure_read(bench: Bench, what: str, request: Request, bare_url: str) -> None:
    """One read as fast as a few clients can, beside bare Flask likewise."""
    many = [request] * bench.plan.reads
    spoken = listen(bench.world, lambda: _must_succeed(closed_loop(bench.world.url, [request], 1, within_s=60)))
    ours = _must_succeed(closed_loop(bench.world.url, many, READS_TOGETHER, within_s=60))
    bare = closed_loop(bare_url, [Request("/", {})] * bench.plan.reads * 10, READS_TOGETHER, within_s=60)
    bench.report.add(f"{what}: answers a second", "/s", _rate(ours), _rate(bare), "peer: bare Flask")
    bench.report.notes.append(
        f"{what}: {len(spoken.queries)} queries, {ours.samples[0].size / 1000:.0f} kB,"
        f" {ours.percentile_ms(0.5):.0f} ms with {READS_TOGETHER} at once"
    )


def measure_placing(bench: Bench) -> None:
    """Ten-line orders at a fixed rate."""
    say("placing orders at a fixed rate")
    days = shop.open_days(bench.world, bench.plan.placing_days)
    _warm_up(bench)
    wanted = list(shop.orders(days, bench.buyers, seed=1))
    load = open_loop(bench.world.url, wanted, bench.plan.placing_rate, "orders")
    _add_latencies(bench.report, f"placing ten lines, {bench.plan.placing_rate:.0f}/s", load, PLACING_LIMIT_MS)
    accepted = f"{len(load.accepted)} of {len(load.samples)} accepted"
    bench.report.notes.append(f"placing: {accepted}; refused: {_kinds(load)}")


def measure_full_speed(bench: Bench) -> None:
    """As many orders a second as go through gunicorn, beside pgbench saying the same to the same database."""
    say("placing orders at full speed")
    plan = bench.plan
    days = shop.open_days(bench.world, plan.full_speed_days)
    before = bench.world.processor_s()
    load = closed_loop(bench.world.url, shop.orders(days, bench.buyers, seed=2), plan.clients, within_s=plan.within_s)
    _add_processor(bench, "an order", load, before)
    say("the same statements by pgbench")
    days = shop.open_days(bench.world, 1)
    recorded: list[Load] = []

    def place() -> None:
        wanted = itertools.islice(shop.orders(days, bench.buyers, seed=3), plan.recorded_orders)
        recorded.append(closed_loop(bench.world.url, wanted, plan.clients, within_s=plan.within_s))

    spoken = listen(bench.world, place)
    took_s = replay(bench.world, spoken, lambda: shop.restore(bench.world, days), plan.replays)
    shop.restore(bench.world, days)
    _add_full_speed(bench.report, load, recorded[0], spoken, took_s)


def _add_full_speed(report: Report, load: Load, recorded: Load, spoken: Spoken, took_s: float) -> None:
    handled = len(recorded.samples) / took_s
    report.add("orders handled a second, gunicorn", "/s", _rate(load), handled, "peer: pgbench, the same SQL")
    report.notes.append(
        f"one order takes {len(spoken.queries) / len(recorded.samples):.1f} queries and"
        f" {spoken.pings / len(recorded.samples):.1f} pings; pgbench said those of {len(recorded.samples)} orders again"
        f" in {len(spoken.sessions)} sessions"
    )


def measure_memory(bench: Bench, when: str) -> None:
    """What gunicorn weighs after what it was put through."""
    master, workers = bench.world.web_pids()
    together = f"gunicorn's {len(workers)} workers, PSS {when}"
    bench.report.add(together, "MB", sum(map(pss_mb, workers)), WORKERS_LIMIT_MB, "limit")
    bench.report.add(f"gunicorn's master, PSS {when}", "MB", pss_mb(master))


def _add_latencies(report: Report, what: str, load: Load, limit_ms: float) -> None:
    report.add(f"{what}: p50", "ms", load.percentile_ms(0.5))
    report.add(f"{what}: p95", "ms", load.percentile_ms(0.95), limit_ms, "limit")
    report.add(f"{what}: p99", "ms", load.percentile_ms(0.99))


def _add_processor(bench: Bench, what: str, load: Load, before: tuple[float, float]) -> None:
    """Add the processor time that one takes, which tells machines apart less than latencies do, and busy hours not."""
    answered = sum(1 for sample in load.samples if sample.status)
    after = bench.world.processor_s()
    for who, used_s in zip(("gunicorn", "PostgreSQL"), map(operator.sub, after, before), strict=True):
        bench.report.add(f"processor time of {who} for {what}", "ms", 1000 * used_s / max(1, answered))


def _order_on_the_seeded_day(bench: Bench) -> str:
    """Let every second of those who look at the order page have an order there; return the first one's id."""
    day = bench.world.psql("SELECT id FROM cycles WHERE state = 'open' ORDER BY cutoff_at LIMIT 1")[0][0]
    offers = [row[0] for row in bench.world.psql(f"SELECT id FROM offers WHERE cycle_id = '{day}' ORDER BY id")]
    market_day = MarketDay(day, offers[: shop.HOT_OFFERS], offers[shop.HOT_OFFERS :])
    ordering = bench.buyers[: bench.plan.page_viewers : 2]
    load = closed_loop(bench.world.url, shop.orders([market_day], ordering, seed=4), 1, within_s=60)
    if not load.accepted:
        raise AssertionError(f"nobody could order: {load.refusals}")
    found = bench.world.psql(
        f"SELECT id FROM orders WHERE cycle_id = '{day}' AND store_id = '{ordering[0].store_id}' LIMIT 1"
    )
    return found[0][0]


def _warm_up(bench: Bench) -> None:
    """Open the connections of both workers' pools; nobody measures a server in its first second."""
    headers = {"Authorization": f"Bearer {bench.buyers[0].token}"}
    closed_loop(bench.world.url, [Request("/api/v1/me", headers)] * 100, bench.plan.clients, within_s=10)


def _start_bare(made: World, size: int) -> str:
    """Start bare Flask under gunicorn with the settings of `orders web`."""
    port, python = made.state.ports["notify"], ROOT / "services" / "orders" / ".venv" / "bin" / "python"
    url = f"http://127.0.0.1:{port}/"
    command = (
        f"{python} -m gunicorn --config python:orders.entrypoints.gunicorn_config --bind 127.0.0.1:{port}"
        f" --workers 2 --threads 8 --chdir {ROOT / 'tests' / 'bench'} bare:app"
    )
    made.launch(Program("bare", command, {"BARE_BYTES": str(size)}))
    wait_until_answers(url, made.processes["bare"], made.state.logs_dir / "bare.log")
    return url.rstrip("/")


def _must_succeed(load: Load) -> Load:
    bad = [sample for sample in load.samples if sample.status != 200]
    if bad or not load.samples:
        raise AssertionError(f"{len(bad)} of {len(load.samples)} reads failed: {json.dumps(load.refusals)}")
    return load


def _kinds(load: Load) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in load.refusals.items()) or "none"


def _rate(load: Load) -> float:
    return len(load.samples) / load.took_s


def say(what: str) -> None:
    """Say what is being done."""
    print(f"… {what}", flush=True)
