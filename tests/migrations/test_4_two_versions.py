"""Orders of the release before serves while its schema moves on under it, then beside the new one."""

import itertools
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from native import settings
from native.programs import Program
from tests.bench import shop
from tests.bench.load import Load, Request, closed_loop
from tests.bench.shop import Buyer, MarketDay
from tests.bench.world import Scale, World, wait_until_answers, world
from tests.migrations.databases import Database, Databases
from tests.migrations.migrator import Migrator
from tests.migrations.services import SERVICES

ORDERS = SERVICES[0]
SCALE = Scale(products=60, stores=12, orders=48, offers=40)
DAYS = 24
CLIENTS = 4
READS_AN_ORDER = 12
COMMAND_WITHIN_S = 120
WITHIN_S = 120


@dataclass
class Shop:
    """A seeded shop as the release before made it, and who orders there."""

    world: World
    root: Path

    def run(self, *arguments: str, environment: settings.Environment | None = None) -> None:
        """Run a command of the old `orders`."""
        done = subprocess.run(
            [ORDERS.command(self.root), *arguments],
            env=settings.full_environment(environment or settings.orders(self.world.state)),
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def serve(self, command: Path, port: str) -> str:
        """Start an `orders web` on the port that has this name; return its address."""
        url = f"http://127.0.0.1:{self.world.state.ports[port]}"
        name = f"web-at-{port}"
        environment = settings.orders(self.world.state, port)
        self.world.launch(Program(name, f"{command} web", environment, ready_at=f"{url}/readyz"))
        wait_until_answers(f"{url}/readyz", self.world.processes[name], self.world.state.logs_dir / f"{name}.log")
        return url


@pytest.fixture
def old_shop(before: Path) -> Iterator[Shop]:
    with world(World.start_postgres) as made:
        opened = Shop(made, before)
        opened.run("migrate", environment=settings.migration(made.state, "orders"))
        opened.run("keys", "rotate")
        opened.run("seed", *SCALE.options)
        yield opened


def visits(days: Sequence[MarketDay], buyers: Sequence[Buyer], seed: int) -> Iterator[Request]:
    """Yield orders, each among reads of what its buyer looks at."""
    paths = itertools.cycle(["/api/v1/cycles/current", "/api/v1/orders?limit=20", "/api/v1/me"])
    for order in shop.orders(days, buyers, seed):
        signed_in = {"Authorization": order.headers["Authorization"]}
        yield order
        yield from (Request(path, signed_in) for path in itertools.islice(paths, READS_AN_ORDER))


def until(over: threading.Event, requests: Iterator[Request]) -> Iterator[Request]:
    """Yield as long as it is not over."""
    return itertools.takewhile(lambda _: not over.is_set(), requests)


def accepted(load: Load) -> int:
    """Return how many orders were taken; nothing may have failed, and no order been refused but for its stock."""
    failed = [
        sample for sample in load.samples if sample.status >= httpx.codes.INTERNAL_SERVER_ERROR or not sample.status
    ]
    assert failed == []
    assert set(load.refusals) <= {"sold-out"}
    return sum(sample.status == httpx.codes.CREATED for sample in load.samples)


def test_nobody_at_the_old_version_notices_the_migration(old_shop: Shop) -> None:
    made = old_shop.world
    old = old_shop.serve(ORDERS.command(old_shop.root), "orders-web")
    buyers, days = shop.buyers(made, SCALE.stores), shop.open_days(made, DAYS)
    database = Database(Databases(made), ORDERS, "orders")
    over = threading.Event()
    with database.session() as reader, ThreadPoolExecutor(1) as pool:
        for table in database.tables():
            reader.cursor().execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        loaded = pool.submit(closed_loop, old, until(over, visits(days[4:], buyers, 1)), CLIENTS, within_s=WITHIN_S)
        try:
            migrator = Migrator(database.start_migrator())
            migrator.await_giving_way(2)
            reader.rollback()
            assert migrator.end() == 0, "".join(migrator.lines)
        finally:
            over.set()
        assert accepted(loaded.result()) > 0
    assert database.revision() == ORDERS.head

    new = old_shop.serve(ORDERS.command(), "orders-worker")
    with ThreadPoolExecutor(2) as pool:
        sides = [
            pool.submit(closed_loop, url, visits(days[part : part + 2], buyers, 2 + part), CLIENTS, within_s=WITHIN_S)
            for part, url in ((0, old), (2, new))
        ]
        assert all(accepted(side.result()) > 0 for side in sides)
    assert shop.broken_offers(made) == 0


def test_what_one_version_answered_the_other_answers_again(old_shop: Shop) -> None:
    made = old_shop.world
    urls = [old_shop.serve(ORDERS.command(old_shop.root), "orders-web")]
    buyers, days = shop.buyers(made, 2), shop.open_days(made, 1)
    Database(Databases(made), ORDERS, "orders").migrate()
    urls.append(old_shop.serve(ORDERS.command(), "orders-worker"))
    for order, (first, second) in zip(shop.orders(days, buyers, seed=9), (urls, urls[::-1]), strict=True):
        answers = [
            httpx.post(f"{url}{order.path}", headers=dict(order.headers), content=order.body, timeout=30)
            for url in (first, second)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].content == answers[1].content
        signed_in = {"Authorization": order.headers["Authorization"]}
        told = httpx.get(f"{second}{answers[0].headers['Location']}", headers=signed_in, timeout=30)
        assert told.json()["lines"] == answers[0].json()["lines"]
