"""From an order's commit to a browser: orders web, its worker, PostgreSQL, NATS and realtime as `make run` has them."""

import asyncio
import base64
import json
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from native import environments, nats, settings
from native.programs import console_script, program
from tests.bench import shop
from tests.bench.figures import Report
from tests.bench.gateway.client import percentile
from tests.bench.load import Request
from tests.bench.world import ROOT, BenchFailed, Scale, World, wait_until_answers, world

P50_LIMIT_MS = 80
P99_LIMIT_MS = 250
_STAFF = "staff1.1@seed.example"
_SERVICES = ("orders-worker", "realtime")
_PROVISION_WITHIN_S = 60


@dataclass(frozen=True)
class Committed:
    """How much is measured: each store orders on each day."""

    stores: int = 40
    days: int = 5
    orders_per_s: float = 20.0
    warm_up: int = 20
    within_s: float = 20.0


@dataclass
class _Times:
    """Moments by order, of the monotonic clock."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def ms_from(self, moments: dict[str, float]) -> list[float]:
        return [1000 * (self.told[order] - at) for order, at in moments.items() if order in self.told]


async def measure(report: Report, plan: Committed) -> None:
    """Place orders at a fixed rate, and watch them come in at a socket of the staff."""
    with world() as made:
        await asyncio.to_thread(_start, made, plan)
        buyers = await asyncio.to_thread(shop.buyers, made, plan.stores)
        days = await asyncio.to_thread(shop.open_days, made, plan.days + 1)
        placing = list(shop.orders(days[:-1], buyers, seed=1))
        warming = list(shop.orders(days[-1:], buyers[: plan.warm_up], seed=2))
        ticket = await _ticket(made)
        async with _socket(made) as socket:
            await _join(socket, ticket, plan)
            print(f"    {len(placing)} orders", flush=True)
            await _watched(made, socket, warming, plan)
            times = await _watched(made, socket, placing, plan)
    _report(report, times, len(placing), plan)


def _start(made: World, plan: Committed) -> None:
    """Start what an order passes on its way."""
    environments.ensure(ROOT / "events")
    made.seed(Scale(products=60, stores=plan.stores, orders=2 * plan.stores, offers=40))
    nats.prepare(made.state)
    made.launch(program(made.state, "nats"))
    provisioned = subprocess.run(
        [console_script("events", "mercadito-events"), "provision"],
        env=settings.full_environment(settings.nats_client(made.state, "provisioner")),
        check=False,
        capture_output=True,
        text=True,
        timeout=_PROVISION_WITHIN_S,
    )
    if provisioned.returncode:
        raise BenchFailed(
            f"mercadito-events provision failed:\n{provisioned.stdout[-1000:]}{provisioned.stderr[-2000:]}"
        )
    made.start_web()
    for name in _SERVICES:
        wanted = program(made.state, name)
        made.launch(wanted)
        wait_until_answers(wanted.ready_at, made.processes[name], made.state.logs_dir / f"{name}.log")


async def _ticket(made: World) -> str:
    """Let a member of the staff sign in and ask for a ticket."""
    async with httpx.AsyncClient(base_url=made.url, timeout=30) as client:
        basic = base64.b64encode(f"{_STAFF}:{shop.PASSWORD}".encode()).decode()
        answer = await client.post("/api/v1/tokens", headers={"Authorization": f"Basic {basic}"})
        bearer = {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}
        ticket = await client.post("/api/v1/realtime-tickets", headers=bearer)
        return str(ticket.raise_for_status().json()["ticket"])


def _socket(made: World) -> connect:
    url = f"ws://127.0.0.1:{made.state.ports['realtime']}/ws"
    protocol = [Subprotocol("mercadito.v1")]
    return connect(url, subprotocols=protocol, compression=None, proxy=None, ping_interval=None)


async def _join(socket: ClientConnection, ticket: str, plan: Committed) -> None:
    await socket.send(json.dumps({"auth": ticket}))
    await socket.send(json.dumps({"sub": [{"c": "staff"}]}))
    async with asyncio.timeout(plan.within_s):
        while "sub" not in json.loads(await socket.recv()):
            pass


async def _watched(made: World, socket: ClientConnection, placing: list[Request], plan: Committed) -> _Times:
    """Place the orders when each is due; return when each was answered and when the socket told of it."""
    times = _Times()
    listening = asyncio.create_task(_listen(socket, times))
    try:
        async with httpx.AsyncClient(base_url=made.url, timeout=30) as client, asyncio.TaskGroup() as group:
            for request in placing:
                group.create_task(_place(client, request, times))
                await asyncio.sleep(1 / plan.orders_per_s)
        deadline = time.monotonic() + plan.within_s
        while times.answered.keys() - times.told.keys() and time.monotonic() < deadline:  # noqa: ASYNC110 - of other tasks
            await asyncio.sleep(0.01)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return times


async def _place(client: httpx.AsyncClient, request: Request, times: _Times) -> None:
    sent = time.monotonic()
    answer = await client.post(request.path, headers=dict(request.headers), content=request.body)
    answered = time.monotonic()
    if answer.status_code != httpx.codes.CREATED:
        times.refused += 1
        return
    order_id = answer.json()["id"]
    times.sent[order_id], times.answered[order_id] = sent, answered


async def _listen(socket: ClientConnection, times: _Times) -> None:
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        now = time.monotonic()
        if "ping" in frame:
            await socket.send(json.dumps({"pong": frame["ping"]}))
        for message in frame.get("b", []):
            if message["k"] == "order":
                times.told.setdefault(message["d"]["order_id"], now)


def _report(report: Report, times: _Times, wanted: int, plan: Committed) -> None:
    what = f"order committed to socket, {plan.orders_per_s:g} orders/s"
    from_answer, from_request = times.ms_from(times.answered), times.ms_from(times.sent)
    report.add(f"{what}: p50", "ms", percentile(from_answer, 0.5), P50_LIMIT_MS, "limit")
    report.add(f"{what}: p99", "ms", percentile(from_answer, 0.99), P99_LIMIT_MS, "limit")
    report.add(f"{what}: never told", "", len(times.answered) - len(from_answer), None, "none allowed")
    report.notes.append(
        f"{what}: counted from the answer to whoever ordered; from the request's sending p50"
        f" {percentile(from_request, 0.5):.0f}, p99 {percentile(from_request, 0.99):.0f} ms; {len(times.answered)} of"
        f" {wanted} accepted, {times.refused} refused"
    )
