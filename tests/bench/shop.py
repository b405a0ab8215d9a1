"""Who orders in a benchmark, and market days to order in: through the front door where that costs little."""

import json
import random
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.bench.load import Request
from tests.bench.world import BenchFailed, World
from tests.driver.stock import BROKEN_OFFERS

PASSWORD = "mercadito-demo"
SEED = 1
SIGN_INS_AT_ONCE = 4
HOT_OFFERS = 10
HOT_SHARE = 0.3
LINES = 10
HOT_STOCK = 100_000
# One of the ten runs out on the way, so that refusals and shortened orders are part of what is measured.
SCARCE_STOCK = 150
PARTIAL_SHARE = 0.9


@dataclass(frozen=True)
class Buyer:
    """A buyer with a token of the API and one store."""

    store_id: str
    token: str


@dataclass(frozen=True)
class MarketDay:
    """An open market day of the benchmark's own."""

    id: str
    hot: Sequence[str]
    others: Sequence[str]


def buyers(world: World, count: int) -> list[Buyer]:
    """Let the owners of so many stores make themselves tokens."""

    def enter(number: int) -> Buyer:
        account = (f"store{number + 1}.{SEED}@seed.example", PASSWORD)
        token = client.post("/api/v1/tokens", auth=account).raise_for_status().json()["token"]
        me = client.get("/api/v1/me", headers=_bearer(token)).raise_for_status().json()
        return Buyer(me["stores"][0]["id"], token)

    with httpx.Client(base_url=world.url, timeout=30) as client, ThreadPoolExecutor(SIGN_INS_AT_ONCE) as pool:
        return list(pool.map(enter, range(count)))


def staff_account() -> tuple[str, str]:
    """Name somebody of staff: address and password."""
    return f"staff1.{SEED}@seed.example", PASSWORD


def session(world: World, account: str) -> dict[str, str]:
    """Sign in by the form, as a browser does; return the headers of the session."""
    with httpx.Client(base_url=world.url, timeout=30) as client:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").raise_for_status().text)
        if token is None:
            raise BenchFailed("the sign-in page has no form")
        form = {"csrf_token": token[1], "email": f"{account}.{SEED}@seed.example", "password": PASSWORD, "next": "/"}
        answer = client.post("/sign-in", data=form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise BenchFailed(f"signing in: {answer.status_code}")
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def open_days(world: World, count: int) -> list[MarketDay]:
    """Open copies of the seeded market day; ten of each one's offers are those that everybody wants."""
    return [_open_day(world, str(uuid.uuid4())) for _ in range(count)]


def _open_day(world: World, day: str) -> MarketDay:
    seeded = "(SELECT id FROM cycles WHERE state = 'open' AND name LIKE 'Seeded %' ORDER BY cutoff_at LIMIT 1)"
    world.psql(
        "INSERT INTO cycles (id, name, state, opens_at, cutoff_at, delivery_on) SELECT"
        f" '{day}', 'Bench', state, opens_at, cutoff_at + interval '1 day', delivery_on FROM cycles"
        f" WHERE id = {seeded};"
        " INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining) SELECT"
        f" gen_random_uuid(), '{day}', product_id, unit_price_cents, available, available FROM offers"
        f" WHERE cycle_id = {seeded}"
    )
    ids = [row[0] for row in world.psql(f"SELECT id FROM offers WHERE cycle_id = '{day}' ORDER BY id")]
    hot = ids[:HOT_OFFERS]
    listed = ", ".join(f"'{offer}'" for offer in hot)
    world.psql(
        f"UPDATE offers SET available = {HOT_STOCK}, remaining = {HOT_STOCK} WHERE id IN ({listed});"
        f" UPDATE offers SET available = {SCARCE_STOCK}, remaining = {SCARCE_STOCK} WHERE id = '{hot[0]}'"
    )
    return MarketDay(day, hot, ids[HOT_OFFERS:])


def restore(world: World, days: Sequence[MarketDay]) -> None:
    """Forget what was ordered on these days, so that the same orders can be placed again."""
    listed = ", ".join(f"'{day.id}'" for day in days)
    world.psql(
        f"DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE cycle_id IN ({listed}));"
        f" DELETE FROM orders WHERE cycle_id IN ({listed}); TRUNCATE outbox, idempotency_keys;"
        f" UPDATE offers SET remaining = available WHERE cycle_id IN ({listed})"
    )


def orders(days: Sequence[MarketDay], buyers: Sequence[Buyer], seed: int) -> Iterator[Request]:
    """Yield an order of ten lines for every store and day; three lines in ten are of what everybody wants."""
    chance = random.Random(seed)
    for day in days:
        for buyer in buyers:
            yield _order(chance, day, buyer)


def _order(chance: random.Random, day: MarketDay, buyer: Buyer) -> Request:
    hot = chance.sample(day.hot, round(LINES * HOT_SHARE))
    offers = [*hot, *chance.sample(day.others, min(LINES - len(hot), len(day.others)))]
    body = {
        "cycle_id": day.id,
        "store_id": buyer.store_id,
        "lines": [{"offer_id": offer, "quantity": chance.randint(1, 3)} for offer in offers],
        "on_shortage": "partial" if chance.random() < PARTIAL_SHARE else "reject",
    }
    key = {"Idempotency-Key": str(uuid.uuid4())}
    headers = {**_bearer(buyer.token), **key, "Content-Type": "application/json"}
    return Request("/api/v1/orders", headers, "POST", json.dumps(body).encode())


def broken_offers(world: World) -> int:
    """Count offers whose stock does not add up: `available = remaining + the sum of live lines`."""
    rows = world.psql(BROKEN_OFFERS)
    return int(rows[0][0])


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
