"""`orders seed`: a large made-up world, here a small one."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orders.adapters.seed_world import SeedWorld
from orders.application import seed_plan as plan
from orders.application.seed_plan import Scale

SCALE = Scale(products=80, stores=12, orders=100, offers=50, seed=7)
TABLES = ("products", "stores", "people", "store_people", "cycles", "offers", "orders", "order_lines", "audit")


def counts(world: Any) -> dict[str, int]:
    return {table: world.value(f"SELECT count(*) FROM {table}") for table in TABLES}


def ignore(_: int) -> None:
    pass


@pytest.fixture
def seeded(engine: Any, password_hash: str) -> Callable[..., None]:
    def make(scale: Scale = SCALE, told: Callable[[int], None] = ignore) -> None:
        seeder = SeedWorld(engine, ZoneInfo("America/Los_Angeles"), None)
        seeder.people(scale, password_hash, ignore)
        seeder.market(scale, ignore)
        products = seeder.products(scale, ignore)
        seeder.past(scale, products, told)
        seeder.open_day(scale, products, ignore)

    return make


def test_the_world_has_what_was_asked_for_and_its_stock_adds_up(world: Any, seeded: Any) -> None:
    seeded()
    found = counts(world)
    assert (found["products"], found["stores"], found["orders"]) == (80, 12, 100)
    assert world.value("SELECT count(*) FROM offers o JOIN cycles c ON c.id = o.cycle_id WHERE c.state = 'open'") == 50
    fewest, most = world.rows("SELECT min(n), max(n) FROM (SELECT count(*) AS n FROM order_lines GROUP BY order_id) l")[
        0
    ]
    assert plan.FEWEST_LINES <= fewest <= most <= plan.MOST_LINES
    assert found["audit"] == 2 * found["orders"]
    assert (
        world.value("SELECT count(*) FROM stores s WHERE NOT EXISTS (SELECT FROM store_people WHERE store_id = s.id)")
        == 0
    )
    assert world.broken_offers() == []


def test_totals_are_those_of_the_lines_and_older_orders_have_smaller_numbers(world: Any, seeded: Any) -> None:
    seeded()
    wrong = (
        "SELECT o.id FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY o.id"
        " HAVING o.total_cents <> sum(l.quantity * l.unit_price_cents)"
    )
    assert world.rows(wrong) == []
    by_number = [row.placed_at for row in world.rows("SELECT placed_at FROM orders ORDER BY number")]
    assert by_number == sorted(by_number)


def test_every_product_reads_well_in_both_languages_and_has_a_month_of_quotes(world: Any, seeded: Any) -> None:
    seeded()
    assert world.value("SELECT count(*) FROM products WHERE name = name_es OR series_id IS NULL") < 10
    unquoted = (
        "SELECT p.id FROM products p WHERE NOT EXISTS (SELECT FROM series_quotes q WHERE q.series_id = p.series_id)"
        " OR (SELECT count(*) FROM series_days d WHERE d.series_id = p.series_id) < 15"
    )
    assert world.rows(unquoted) == []


def test_a_second_run_changes_nothing(world: Any, seeded: Any) -> None:
    seeded()
    before = counts(world)
    seeded()
    assert counts(world) == before


def test_an_interrupted_run_leaves_whole_days_and_the_next_one_completes_it(world: Any, seeded: Any) -> None:
    seen = 0

    def interrupt(count: int) -> None:
        nonlocal seen
        seen += count
        if seen > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seeded(told=interrupt)
    left = counts(world)
    assert 0 < left["orders"] < 100
    assert (
        world.value("SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT FROM order_lines WHERE order_id = o.id)")
        == 0
    )
    seeded()
    interrupted = counts(world)
    assert interrupted["orders"] == 100
    assert interrupted["audit"] == 200


def test_the_same_seed_gives_the_same_world(world: Any, seeded: Any, owner: Any) -> None:
    of_line = "concat(order_id, offer_id, quantity, name), ',' ORDER BY order_id, offer_id"
    content = f"SELECT md5(string_agg({of_line})) FROM order_lines"
    seeded()
    first = world.value(content)
    world.run("DELETE FROM order_lines")
    world.run("DELETE FROM orders")
    world.run("DELETE FROM offers")
    world.run("DELETE FROM cycles")
    seeded()
    assert world.value(content) == first
    world.run("UPDATE offers SET available = NULL, remaining = NULL")


def seed(urls: Any, *options: str, environment: str = "demo") -> subprocess.CompletedProcess[str]:
    strong = {"DATABASE_PASSWORD": "aB3dE5gH7jK9mN1pQ3sT5vW7"} if environment == "production" else {}
    return subprocess.run(
        [sys.executable, "-m", "orders", "seed", *options],
        env={"PATH": os.environ["PATH"], **urls.environment(), "MERCADITO_ENV": environment, **strong},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_makes_a_world_whose_owners_sign_in_with_the_demo_password(
    world: Any, urls: Any, nobody: Any
) -> None:
    done = seed(urls, "--products", "40", "--stores", "5", "--orders", "20", "--offers", "30", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "past orders: 20 in" in done.stdout
    answer = nobody.client.post("/api/v1/tokens", auth=("store2.3@seed.example", "mercadito-demo"))
    assert answer.status_code == 201, answer.text
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    assert len(nobody.client.get("/api/v1/cycles/current", headers=headers).json["offers"]) == 30
    assert nobody.client.get("/orders", headers=headers).status_code == 200
    assert nobody.client.get("/order", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--offers", "41", "--products", "40"), "--offers is 41; it must be from 1 to 40"),
        (("--stores", "0"), "--stores is 0"),
        (("--orders", "-1"), "--orders is -1"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(world: Any, urls: Any, options: tuple[str, ...], told: str) -> None:
    done = seed(urls, *options)
    assert done.returncode == 2
    assert told in done.stdout
    assert world.value("SELECT count(*) FROM stores") == 0


def test_production_refuses_to_be_seeded(world: Any, urls: Any) -> None:
    done = seed(urls, environment="production")
    assert done.returncode == 2
    assert "refused with MERCADITO_ENV=production" in done.stdout
    assert world.value("SELECT count(*) FROM stores") == 0
