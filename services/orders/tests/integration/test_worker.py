"""The background process against a real NATS and a real database, started as in production."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from mercadito_events.connection import connect
from mercadito_events.envelope import new_event
from mercadito_events.testing import free_port, wait_until

from orders.application.commands import Answer, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.domain.order import LineRequest


class Process:
    def __init__(self, environment: dict[str, str]) -> None:
        self.port = int(environment["HTTP_PORT"])
        self.started = subprocess.Popen(
            [sys.executable, "-m", "orders", "worker"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(json.loads(answer.read())["ready"])
        except OSError:
            return False

    def end(self) -> tuple[int, str]:
        self.started.send_signal(signal.SIGTERM)
        output, _ = self.started.communicate(timeout=30)
        return self.started.returncode, output.decode()


@pytest.fixture
def start(urls: Any, nats_server: Any) -> Iterator[Callable[[], Process]]:
    running: list[Process] = []
    nats = nats_server.settings("orders")

    def make() -> Process:
        running.append(
            Process(
                {
                    **urls.environment(),
                    "MERCADITO_ENV": "test",
                    "HTTP_PORT": str(free_port()),
                    "NATS_URL": nats.url,
                    "NATS_USER": nats.user,
                    "NATS_PASSWORD": nats.password,
                }
            )
        )
        assert wait_until(running[-1].ready, timeout_s=30)
        return running[-1]

    yield make
    for process in running:
        if process.started.poll() is None:
            process.started.kill()
        process.started.communicate()


def publish(nats_server: Any, user: str, *events: tuple[str, dict[str, Any]]) -> None:
    async def send() -> None:
        nc = await connect(nats_server.settings(user), name="test")
        for type_, data in events:
            event = new_event(type_, data, source=f"/mercadito/{user}")
            await nc.jetstream().publish(event.type, event.body(), headers=event.headers())
        await nc.close()

    asyncio.run(send())


def price(series: str, reference: str | None, day: str = "2026-01-08") -> tuple[str, dict[str, Any]]:
    quote = {"series_id": series, "commodity": "Limes", "date": day, "reference": reference}
    return "usda.price.recorded.v1", {"market": "Los Angeles", "report_id": "2306", "quotes": [quote]}


def test_the_worker_relays_follows_others_keeps_the_clock_and_drains(
    world: Any, start: Callable[[], Process], nats_server: Any, transactions: Any
) -> None:
    buyer, store = world.buyer()
    cycle = world.cycle()
    offer = world.offer(cycle)
    wanted = PlaceOrder(buyer, cycle, store, (LineRequest(offer, 1),))
    order = OrderDesk(transactions).place(wanted, lambda order: Answer(201, order.id)).body
    due, series = world.cycle(cutoff_in_s=-1), str(uuid4())
    process = start()

    assert wait_until(lambda: not world.value("SELECT count(*) FROM outbox WHERE published_at IS NULL"))
    state = "SELECT state FROM cycles WHERE id = CAST(:id AS uuid)"
    assert wait_until(lambda: world.value(state, id=due) == "closed")

    crawl = {"crawl_id": "c1", "source": "https://usda.example/", "state": "finished", "files": 4}
    point = {"date": "2026-01-09", "value": "18.00", "low": "16.00", "high": "20.00"}
    forecast = {"series_id": series, "as_of": "2026-01-08", "trend_pct_week": None, "method": "theil-sen"}
    told = {"series": [{**forecast, "points": [point], "coverage": None}]}
    publish(
        nats_server,
        "usda",
        price(series, "17.50"),
        ("usda.forecast.updated.v1", told),
        ("usda.crawl.progressed.v1", crawl),
    )
    assert wait_until(lambda: world.value("SELECT state FROM market_feed") == "finished")
    assert world.value("SELECT reference FROM series_quotes") == 17.5
    assert world.value("SELECT points FROM series_forecasts") == [point]

    at = datetime.now(UTC).isoformat()
    mail = {"message_id": "<m@x>", "kind": "order_confirmation", "order_id": order, "person_id": None, "at": at}
    publish(nats_server, "notify", ("notify.email.sent.v1", mail))
    assert wait_until(lambda: world.value("SELECT state FROM mails") == "sent")
    publish(nats_server, "notify", ("notify.email.suppressed.v1", mail | {"at": datetime.now(UTC).isoformat()}))
    assert wait_until(lambda: world.value("SELECT state FROM mails") == "suppressed")

    code, output = process.end()
    assert code == 0, output
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["service"] for line in lines} == {"orders"}
    assert lines[-1]["event"] == "worker_stopped"


def test_an_event_that_can_not_be_read_becomes_a_dead_letter_and_the_next_one_counts(
    world: Any, start: Callable[[], Process], nats_server: Any
) -> None:
    process, series = start(), str(uuid4())
    unreadable = ("usda.forecast.updated.v1", {"series": [{"series_id": series}]})
    publish(
        nats_server, "usda", price("no uuid", "1"), unreadable, price(series, "2.00"), price(series, None, "2026-01-09")
    )
    assert wait_until(lambda: world.value("SELECT count(*) FROM series_quotes") == 1)
    code, output = process.end()
    assert code == 0
    assert output.count("event_dead_lettered") == 2


def test_the_clock_goes_on_while_nats_is_away(world: Any, urls: Any) -> None:
    process = Process(
        {
            **urls.environment(),
            "MERCADITO_ENV": "test",
            "HTTP_PORT": str(free_port()),
            "NATS_URL": f"nats://127.0.0.1:{free_port()}",
            "NATS_USER": "orders",
            "NATS_PASSWORD": "x",
        }
    )
    try:
        world.cycle(cutoff_in_s=-1)
        assert wait_until(lambda: world.value("SELECT state FROM cycles") == "closed", timeout_s=15)
        assert not process.ready()
        code, output = process.end()
        assert code == 0, output
    finally:
        process.started.kill()
        process.started.communicate()


def test_settings_that_are_missing_are_all_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orders", "worker"],
        env={"PATH": os.environ["PATH"], "MERCADITO_ENV": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    for name in ("DATABASE_URL", "DATABASE_PASSWORD", "HTTP_PORT", "NATS_URL", "NATS_USER", "NATS_PASSWORD"):
        assert name in done.stderr
