"""The service as a process, with a real database, nats-server and site."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.connection import connect
from mercadito_events.envelope import new_event
from mercadito_events.testing import free_port, wait_until

IDLE_PSS_GOAL_MB = 75
# A second on a quiet machine; beside other suites it has taken more than 20.
START_WITHIN_S = 60


@dataclass
class Service:
    """``usda-ingest serve``."""

    environment: dict[str, str]
    log: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, **settings: str) -> None:
        command = [sys.executable, "-m", "usda_ingest", "serve"]
        with self.log.open("ab") as log:
            environment = {**self.environment, **settings}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def end(self, number: int) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def get(self, path: str) -> tuple[int, Any]:
        return self.call("GET", path)

    def call(self, method: str, path: str, token: str | None = None) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def is_ready(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            pytest.fail(f"the service ended: {self.log.read_text()[-3_000:]}")
        return self.get("/readyz")[0] == 200

    def crawls(self) -> list[dict[str, Any]]:
        status, body = self.get("/api/v1/prices/crawls")
        return body["items"] if status == 200 else []


@pytest.fixture
def service(crawl: Any, nats_server: Any, signer: Any, tmp_path: Path) -> Iterator[Service]:
    port = free_port()
    environment = crawl.environment(
        HTTP_PORT=str(port), IDENTITY_JWKS_FILE=str(signer.jwks_file), **nats_server.environment("usda")
    )
    running = Service(environment, tmp_path / "service.log", port)
    yield running
    if running.process and running.process.poll() is None:
        running.end(signal.SIGKILL)


async def published(nats_server: Any, subject: str) -> list[dict[str, Any]]:
    """Return the bodies of the stream's messages of a subject, as the operator may read them."""
    nc = await connect(nats_server.settings("operator"), name="test")
    try:
        js = nc.jetstream()
        info = await js.stream_info("USDA")
        bodies = []
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            message = await js.get_msg("USDA", sequence)
            if message.subject == subject and message.data:
                bodies.append(json.loads(message.data))
        return bodies
    finally:
        await nc.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_service_crawls_at_start_publishes_and_serves_and_drains(
    *, service: Service, site: Any, mars: Callable[..., str], signer: Any, nats_server: Any, db: Any
) -> None:
    nats_server.reset()
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    service.start()
    wait_until(service.is_ready, START_WITHIN_S)
    wait_until(lambda: [one for one in service.crawls() if one["state"] == "finished"], 30)
    status, prices = service.get("/api/v1/prices?commodity=avocados")
    assert (status, prices["items"][0]["low"]) == (200, "30.00")
    wait_until(lambda: db.value("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0, 20)
    states = [body["state"] for body in asyncio.run(published(nats_server, "usda.crawl.progressed.v1"))]
    assert (states[0], states[-1], set(states[1:-1])) == ("started", "finished", {"running"})
    assert len(asyncio.run(published(nats_server, "usda.price.recorded.v1"))) == 1

    wait_until(lambda: db.value("SELECT count(*) FROM forecasts") == 1, 60)
    status, schedule = service.get("/api/v1/prices/schedule")
    assert (status, schedule["is_on"], schedule["is_running"], schedule["latest_on"]) == (
        200,
        True,
        False,
        "2026-01-08",
    )
    assert schedule["next_due_at"] > schedule["today"]

    started = wait_until(lambda: started_crawl(service, signer.token()), 10)  # the first one's process still ends
    assert started["cause"] == "staff"
    path = f"/api/v1/prices/crawls/{started['crawl_id']}"
    wait_until(lambda: service.get(path)[1]["state"] == "finished", 30)
    assert service.get(path)[1]["unchanged"] == 1

    assert service.process
    rollup = Path(f"/proc/{service.process.pid}/smaps_rollup").read_text()
    pss_mb = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    assert pss_mb < IDLE_PSS_GOAL_MB * 1.2  # shared pages count fully while nobody else shares them
    assert service.end(signal.SIGTERM) == 0
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {line["service"] for line in lines} == {"usda"}
    assert "stopped" in {line["event"] for line in lines}


def started_crawl(service: Service, token: str) -> dict[str, Any] | None:
    status, body = service.call("POST", "/api/v1/prices/crawls", token)
    assert status in (202, 409), body
    return body if status == 202 else None


async def sign_out(nats_server: Any, person_id: str) -> None:
    nc = await connect(nats_server.settings("orders"), name="test")
    try:
        data = {"person_id": person_id, "until": "2099-01-01T00:00:00Z"}
        event = new_event("orders.person.signed_out.v1", data, source="/mercadito/orders")
        await nc.jetstream().publish(event.type, event.body(), headers=event.headers())
    finally:
        await nc.close()


def test_a_sign_out_that_orders_published_ends_a_token_here(
    service: Service, site: Any, signer: Any, nats_server: Any, db: Any
) -> None:
    nats_server.reset()
    site.page("/")
    service.start(USDA_SCHEDULE="off")
    wait_until(service.is_ready, START_WITHIN_S)
    asyncio.run(sign_out(nats_server, "person-1"))
    wait_until(lambda: db.value("SELECT count(*) FROM sign_outs") == 1, 20)
    assert service.call("POST", "/api/v1/prices/crawls", signer.token())[0] == 401
    assert service.crawls() == []
    assert service.end(signal.SIGTERM) == 0


def test_prices_are_served_while_nats_is_away(service: Service, site: Any, mars: Callable[..., str]) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    service.start(NATS_URL=f"nats://127.0.0.1:{free_port()}")
    wait_until(service.is_ready, START_WITHIN_S)
    wait_until(lambda: service.get("/api/v1/prices")[1]["items"], 30)
    assert service.end(signal.SIGTERM) == 0


def test_sigterm_during_a_crawl_ends_the_child_and_stores_nothing_half(
    service: Service, site: Any, db: Any, nats_server: Any
) -> None:
    site.page("/", "slow.csv")
    site.routes["/slow.csv"] = lambda handler: time.sleep(3)
    service.start()
    wait_until(lambda: site.asked("/slow.csv"), 30)
    assert service.process
    (child,) = children(service.process.pid)
    assert service.end(signal.SIGTERM) == 0
    assert not Path(f"/proc/{child}").exists()
    assert db.value("SELECT state FROM crawls") == "failed"
    assert db.value("SELECT count(*) FROM quotes") == 0


@pytest.mark.parametrize("victim", ["service", "child"])
def test_after_kill_9_the_next_crawl_completes(
    *, service: Service, site: Any, db: Any, mars: Callable[..., str], victim: str, nats_server: Any
) -> None:
    site.page("/", "slow.csv", "b.csv")
    slept: list[float] = []

    def slow_once(handler: Any) -> None:
        if not slept:
            slept.append(time.monotonic())
            time.sleep(2)
        site.routes["/b.csv"](handler)

    site.routes["/slow.csv"] = slow_once
    site.file("/b.csv", mars({}).encode())
    service.start()
    wait_until(lambda: slept, 30)
    assert service.process
    (child,) = children(service.process.pid)
    if victim == "service":
        service.end(signal.SIGKILL)
        service.start()
    else:
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not children(service.process.pid if service.process else 0), 10)
        service.end(signal.SIGTERM)
        service.start()
    wait_until(lambda: [one for one in service.crawls() if one["state"] == "finished"], 40)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), 10)
    assert [one["state"] for one in service.crawls()] == ["finished", "failed"]
    assert db.value("SELECT count(*) FROM quotes") == 1
    assert service.end(signal.SIGTERM) == 0


def test_whoever_is_killed_at_whatever_moment_the_service_goes_on(
    *, service: Service, site: Any, db: Any, mars: Callable[..., str], nats_server: Any
) -> None:
    names = [f"{number}.csv" for number in range(4)]
    site.page("/", *names)
    for number, name in enumerate(names):
        site.file(
            f"/{name}", mars(*({"item_size": f"{size}s", "slug_id": str(number)} for size in range(200))).encode()
        )
    moments = random.Random(6)
    for _ in range(3):
        service.start()
        time.sleep(moments.uniform(0.5, 6))  # the moment itself is what is tried, not a wait for something
        service.end(signal.SIGKILL)
    service.start()
    wait_until(service.is_ready, START_WITHIN_S)
    wait_until(lambda: db.value("SELECT count(*) FROM crawls WHERE state = 'finished'"), 90)
    wait_until(lambda: not db.value("SELECT count(*) FROM crawls WHERE state IN ('running', 'requested')"), 60)
    assert db.value("SELECT count(*) FROM quotes") == 800
    assert db.value("SELECT count(*) FROM quote_versions") == 0
    reasons = {row["reason"] for row in db.rows("SELECT reason FROM crawls WHERE state = 'failed'")}
    assert reasons <= {"interrupted: its process ended before it did", "stopped", "it never started"}
    assert service.end(signal.SIGTERM) == 0
