"""What the gateway costs while all is well: processor time a request, beside plain nginx with our headers and log."""

import asyncio
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from native import installation
from tests.bench.figures import Report
from tests.bench.gateway.nginx import EXTRAS, TOGETHER
from tests.bench.gateway.proxy import Gateway, Proxy, gateway, plain_nginx, start_services
from tests.bench.load import Request, closed_loop
from tests.bench.processes import processor_ns
from tests.bench.world import BenchFailed

ALLOWED = 1.05
CONNECTIONS = 8
BODY = '{"lines": []}'
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Overhead:
    """How much is measured: so many rounds of each in turn (ours, theirs, ours, theirs …), and the profile's."""

    rounds: int = 7
    round_s: float = 2.0
    profile_rounds: int = 2
    profile_round_s: float = 1.0


@dataclass(frozen=True)
class Round:
    """One round of load on one proxy."""

    cpu_us: float
    rate: float
    p50_ms: float


async def measure(report: Report, folder: Path, plan: Overhead) -> None:
    """Measure GET and POST; when the bound is missed, also what the primitives alone cost."""
    home = folder / "overhead"
    home.mkdir(mode=0o755)
    others = start_services(home)
    ours, theirs = gateway(home, others.ports), plain_nginx(home, others.ports["orders"])
    variants: dict[str, Proxy] = {}
    try:
        await _start([ours, theirs])
        missed = False
        for method in ("GET", "POST"):
            print(f"    overhead: {method}", flush=True)
            rounds = await _interleaved(home, [ours, theirs], method, plan.rounds, plan.round_s)
            missed = _add(report, method, rounds) > ALLOWED or missed
        if not installation.find_program("wrk"):
            report.notes.append("overhead: without wrk; the load generator limits requests a second and p50")
        if missed and plan.profile_rounds:
            print("    overhead: what the primitives alone cost", flush=True)
            variants = _variants(home, others.ports["orders"])
            await _start(list(variants.values()))
            await _profile(report, home, {**variants, "the gateway": ours}, plan)
    finally:
        for proxy in (*variants.values(), ours, theirs):
            proxy.stop()
        others.stop()


def _variants(home: Path, upstream: int) -> dict[str, Proxy]:
    """Return plain nginx, plain nginx with one primitive of ours each, and with all that any gateway in Lua needs."""
    made = {"plain nginx": plain_nginx(home, upstream)}
    made |= {f"with {name}": plain_nginx(home, upstream, [name]) for name in EXTRAS}
    together = "with limits, body, log handler and balancer together, all of them empty"
    return {**made, together: plain_nginx(home, upstream, TOGETHER)}


async def _start(proxies: Sequence[Proxy]) -> None:
    for proxy in proxies:
        await proxy.start()
        if isinstance(proxy, Gateway):
            await proxy.reaches("up")


async def _interleaved(
    home: Path, proxies: Sequence[Proxy], method: str, count: int, round_s: float
) -> list[list[Round]]:
    """Return each one's rounds; one more, before, counts for nobody."""
    rounds: list[list[Round]] = [[] for _ in proxies]
    for number in range(count + 1):
        for place, proxy in enumerate(proxies):
            result = await asyncio.to_thread(_round, home, proxy, method, round_s if number else min(1.0, round_s))
            if number:
                rounds[place].append(result)
    return rounds


def _round(home: Path, proxy: Proxy, method: str, round_s: float) -> Round:
    before = processor_ns(proxy.pids())
    if installation.find_program("wrk") and round_s >= 1:
        count, rate, p50_ms = _wrk(home, proxy.port, method, round_s)
    else:
        headers = {"Idempotency-Key": "bench", "Content-Type": "application/json"}
        request = Request("/api/v1/orders", headers, method, BODY.encode() if method == "POST" else None)
        load = closed_loop(f"http://127.0.0.1:{proxy.port}", [request] * 100_000, CONNECTIONS, within_s=round_s)
        count, rate, p50_ms = len(load.accepted), len(load.accepted) / load.took_s, load.percentile_ms(0.5)
    return Round((processor_ns(proxy.pids()) - before) / 1000 / max(1, count), rate, p50_ms)


def _wrk(home: Path, port: int, method: str, round_s: float) -> tuple[int, float, float]:
    script = home / f"{method}.lua"
    body = f"wrk.body = '{BODY}'\n" if method == "POST" else ""
    script.write_text(
        f'wrk.method = "{method}"\n{body}wrk.headers["Content-Type"] = "application/json"\n'
        'wrk.headers["Idempotency-Key"] = "bench"\n'
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{round(round_s)}s", "--latency", "-s", str(script)]
    return _read(_run([*command, f"http://127.0.0.1:{port}/api/v1/orders"]))


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def _read(said: str) -> tuple[int, float, float]:
    """Return what wrk counted: requests, requests a second, the median in ms."""
    count = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", said)
    if not (count and rate and p50) or "Non-2xx" in said or "Socket errors" in said:
        raise BenchFailed(f"wrk:\n{said}")
    return int(count[1]), float(rate[1]), float(p50[1]) * _UNITS[p50[2]]


def _median(rounds: Sequence[Round], attribute: str) -> float:
    return float(statistics.median(getattr(each, attribute) for each in rounds))


def _add(report: Report, method: str, rounds: Sequence[Sequence[Round]]) -> float:
    """Add one method's figures; return how much more processor time ours takes."""
    ours, theirs = rounds
    what = f"all is well, {method}"
    cpu = [_median(each, "cpu_us") for each in (ours, theirs)]
    mine, other = cpu
    report.add(f"{what}: nginx workers' processor time a request", "µs", mine, other, "peer: plain nginx, limit 1.05")
    for name, unit, attribute in (("requests a second", "/s", "rate"), ("p50", "ms", "p50_ms")):
        report.add(f"{what}: {name}", unit, _median(ours, attribute), _median(theirs, attribute), "peer: plain nginx")
    pairs = sorted(us.cpu_us / them.cpu_us for us, them in zip(ours, theirs, strict=True))
    report.notes.append(
        f"{what}: ratio of processor time, round by round: {', '.join(f'{pair:.3f}' for pair in pairs)}"
    )
    return mine / other


async def _profile(report: Report, home: Path, variants: dict[str, Proxy], plan: Overhead) -> None:
    """Say where the time goes: each primitive does nothing here, so the rest is what our Lua does."""
    rounds = await _interleaved(home, list(variants.values()), "POST", plan.profile_rounds, plan.profile_round_s)
    costs = {name: _median(each, "cpu_us") for name, each in zip(variants, rounds, strict=True)}
    base = costs["plain nginx"]
    for name, cost in costs.items():
        report.notes.append(f"profile of POST: {name}: {cost:.1f} µs, {100 * (cost / base - 1):+.1f} %")
