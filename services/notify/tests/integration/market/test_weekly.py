"""A week's digest: made once, by one of many, of what is known; or not at all, with the reason."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from market import ZONE, bought, due_now, know_market, opened, recorded, today
from mercadito_events.envelope import Event, new_event
from mercadito_events.testing import DatabaseUrls, NatsServer
from notify.kinds import kinds
from notify.market import assortment, choice, clock, drawing
from notify.market.assortment import forget_assortment, keep_bought, keep_offers
from notify.market.choice import Nothing, choose
from notify.market.clock import AGAIN_AFTER_S, LOOK_EVERY_S, DigestClock
from notify.market.digest import Digest
from notify.market.quotes import keep_quotes
from notify.market.schedule import Occurrence, Schedule
from notify.market.weekly import Weekly
from notify.queueing import intents
from notify.readings import Reading
from notify.subscriptions import subscriptions
from notify.writing.pictures import Pictures
from outgoing import know
from process import NotifyProcess
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from world import DOMAIN, order

Eventually = Callable[..., Any]
NOW = datetime.now(UTC)
ONE = Occurrence("2026-W49", NOW, NOW + timedelta(days=7))
LONG_AGO = assortment.KEPT + timedelta(days=1)
PRICES = {"Limes": (4650, 4100), "Avocados": (3150, 3400), "Bananas": (2200, 2200), "Cilantro": (1850, 1975)}


def weekly(engine: Engine) -> Weekly:
    return Weekly(engine, ZONE, today)


def told(engine: Engine) -> list[Digest]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT data FROM intents WHERE kind = 'price_digest' ORDER BY id"))
        return [Digest.of(row.data) for row in rows]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.fixture
def connection(engine: Engine) -> Any:
    with engine.begin() as opened_:
        yield opened_


def chosen(connection: Connection, until: date | None = None) -> Digest:
    found = choose(connection, ONE, until or today())
    assert isinstance(found, Digest)
    return found


def test_prices_are_compared_with_those_of_a_week_before_and_of_the_same_pack(connection: Connection) -> None:
    know_market(connection, PRICES, buys={"store-1": ["Bananas", "Limes"], "store-2": ["Unknown"]})
    digest = chosen(connection)
    assert [(move.name, move.last_cents, move.cents) for move in digest.moves] == [
        ("Limes", 4650, 4100),
        ("Avocados", 3150, 3400),
        ("Cilantro", 1850, 1975),
        ("Bananas", 2200, 2200),
    ]
    first = digest.moves[0]
    assert (first.name_es, first.pack, first.pack_es) == ("Limes (es)", "40 lb cartons", "cajas de 40 lb")
    assert (first.on - first.last_on).days == 7
    assert digest.bought == {"store-1": (0, 3)}
    assert [digest.moves[line.move].name for line in digest.lines] == ["Limes", "Avocados", "Cilantro"]
    assert [cents for _, cents in digest.lines[0].points] == [4650, 4650, 4650, 4100]


def test_the_newest_of_the_week_counts_and_what_was_taken_back_does_not(connection: Connection) -> None:
    know_market(connection, PRICES)
    for ago, cents in ((3, 9_999), (0, None)):
        event = recorded(today() - timedelta(days=ago), {"Limes": cents})
        keep_quotes(connection, event, today=today)
    assert chosen(connection).moves[0].cents == 4100


@pytest.mark.parametrize(("ago", "is_known"), [(6, False), (7, True), (13, True), (14, False)])
def test_the_price_before_is_a_week_old_and_not_two(connection: Connection, ago: int, is_known: bool) -> None:
    keep_offers(connection, opened("Limes"))
    for days, cents in ((0, 4100), (ago, 4650)):
        keep_quotes(connection, recorded(today() - timedelta(days=days), {"Limes": cents}), today=today)
    assert isinstance(choose(connection, ONE, today()), Digest) is is_known


def test_a_price_that_was_nothing_is_compared_with_nothing(connection: Connection) -> None:
    know_market(connection, {"Limes": (0, 100), "Avocados": (3150, 3400)})
    assert [move.name for move in chosen(connection).moves] == ["Avocados"]


def test_why_there_is_none_is_said(connection: Connection) -> None:
    assert choose(connection, ONE, today()) == Nothing("no offer follows a market price")
    know_market(connection, PRICES)
    assert choose(connection, ONE, today() + timedelta(days=8)) == Nothing("no price of the last week")
    keep_quotes(connection, recorded(today(), {name: pair[0] for name, pair in PRICES.items()}), today=today)
    assert choose(connection, ONE, today()) == Nothing("no price moved, or none is known of the week before")


def test_an_offer_keeps_its_last_name_and_one_without_a_series_is_none(connection: Connection) -> None:
    know_market(connection, PRICES)
    renamed = [{**offer, "name": "Limones"} for offer in opened("Limes").data["price_list"]]
    plain = [{"offer_id": "x", "name": "X", "name_es": "X", "pack": "1", "unit_price_cents": 1}]
    keep_offers(connection, opened(price_list=renamed + plain))
    keep_offers(connection, opened(price_list=[]))
    assert chosen(connection).moves[0].name == "Limones"


def test_what_a_store_no_longer_orders_is_forgotten(connection: Connection) -> None:
    know_market(connection, PRICES)
    keep_bought(connection, bought("store-1", "Limes", quantity=0))
    assert chosen(connection).bought == {}
    for subject in ("orders.order.placed.v1", "orders.order.amended.v1"):
        keep_bought(connection, bought("store-1", "Limes", subject=subject))
    assert chosen(connection).bought == {"store-1": (0,)}
    connection.execute(text("UPDATE store_series SET ordered_at = now() - :kept"), {"kept": LONG_AGO})
    connection.execute(text("UPDATE market_offers SET told_at = now() - :kept"), {"kept": LONG_AGO})
    forget_assortment(connection)
    assert choose(connection, ONE, today()) == Nothing("no offer follows a market price")


def test_an_order_that_the_digest_cannot_read_is_confirmed_all_the_same(engine: Engine) -> None:
    (handlers,) = (one.handlers for one in subscriptions(today) if one.stream == "ORDERS")
    placed = new_event("orders.order.placed.v1", order(), source="/mercadito/orders")
    assert all("offer_id" not in line for line in placed.data["lines"])
    with engine.begin() as connection:
        know_market(connection, PRICES)
        handlers[placed.type](connection, placed)
        handlers["orders.order.placed.v1"](connection, with_offers(placed, "Limes"))
        assert connection.scalar(text("SELECT count(*) FROM intents WHERE kind = 'order_confirmation'")) == 2
        assert chosen(connection).bought == {"store-1": (0,)}


def with_offers(placed: Event, name: str) -> Event:
    lines = [{**line, "offer_id": f"offer-{name}"} for line in placed.data["lines"]]
    return new_event(placed.type, {**placed.data, "lines": lines, "order_id": "another"}, source=placed.source)


def test_of_more_stores_than_may_be_told_those_count_that_ordered_last(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "MAX_STORES", 2)
    know_market(connection, PRICES, buys={f"store-{number}": ["Limes"] for number in range(3)})
    connection.execute(text("UPDATE store_series SET ordered_at = now() - interval '1 day' WHERE store_id = 'store-1'"))
    assert set(chosen(connection).bought) == {"store-0", "store-2"}


def test_however_many_find_it_due_it_is_made_once(engine: Engine) -> None:
    with engine.begin() as connection:
        know_market(connection, PRICES)
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda _: weekly(engine).make(ONE), range(6)))
    assert sorted(made) == [False] * 5 + [True]
    assert len(told(engine)) == 1
    assert count(engine, "pictures") == 2
    assert weekly(engine).make(Occurrence("2026-W50", NOW, NOW + timedelta(days=7))) is True


def test_it_goes_without_its_picture_when_that_cannot_be_drawn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "COMMAND", ("/bin/false",))
    with engine.begin() as connection:
        know_market(connection, PRICES)
    assert weekly(engine).make(ONE) is True
    assert (len(told(engine)), count(engine, "pictures")) == (1, 0)


def test_a_picture_is_found_by_its_week_and_language_and_goes_after_weeks(engine: Engine) -> None:
    with engine.begin() as connection:
        know_market(connection, PRICES)
    weekly(engine).make(ONE)
    kind, (about,) = kinds()["price_digest"], told(engine)
    found = {language: Pictures(engine).of(kind, about, language) for language in ("en", "es")}
    assert all(found.values())
    assert found["en"] != found["es"]
    other: Reading = about.model_copy(update={"week": "2026-W01"})
    assert Pictures(engine).of(kind, other, "en") is None
    with engine.begin() as connection:
        connection.execute(text("UPDATE pictures SET made_at = now() - :kept"), {"kept": LONG_AGO})
    weekly(engine).keep_house()
    assert count(engine, "pictures") == 0


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def looked(engine: Engine, when: str, caught_up: Callable[[], Awaitable[bool]] = yes) -> float:
    return asyncio.run(DigestClock(weekly(engine), Schedule.parse(when), caught_up).look())


def test_the_clock_makes_what_is_due_and_no_second_one(engine: Engine) -> None:
    with engine.begin() as connection:
        know_market(connection, PRICES)
    before = (datetime.now(ZONE) + timedelta(hours=2)).strftime("%a %H:%M").lower()
    assert looked(engine, before) == LOOK_EVERY_S
    assert told(engine) == []
    assert looked(engine, due_now(), no) == LOOK_EVERY_S
    assert told(engine) == []
    for _ in range(2):
        assert looked(engine, due_now()) == LOOK_EVERY_S
    assert len(told(engine)) == 1
    assert weekly(engine).due(Schedule.parse(due_now())) is None
    with engine.connect() as connection:
        expires_at = connection.scalar(text("SELECT expires_at FROM intents"))
    assert expires_at == told(engine)[0].next_at


def test_a_clock_that_is_turned_off_only_tidies_up(engine: Engine) -> None:
    with engine.begin() as connection:
        know_market(connection, PRICES)
        connection.execute(text("INSERT INTO market_quotes VALUES (gen_random_uuid(), '2020-01-01', 1, now())"))
    assert asyncio.run(DigestClock(weekly(engine), None, yes).look()) == LOOK_EVERY_S
    assert told(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM market_quotes WHERE quoted_on < '2021-01-01'")) == 0


def test_without_prices_the_clock_looks_again_later(engine: Engine) -> None:
    assert looked(engine, due_now()) == AGAIN_AFTER_S
    assert count(engine, "intents") == 0


def test_the_clock_outlives_a_database_that_is_away_and_our_own_mistakes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(clock, "AGAIN_AFTER_S", 0.05)
    away = iter([OperationalError("SELECT", {}, Exception("away")), ValueError("a bug")])
    with engine.begin() as connection:
        know_market(connection, PRICES)

    async def caught_up() -> bool:
        for problem in away:
            raise problem
        return True

    async def live() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(DigestClock(weekly(engine), Schedule.parse(due_now()), caught_up).run(stop))
        await asyncio.to_thread(eventually, lambda: told(engine))
        stop.set()
        await running

    asyncio.run(live())


@pytest.fixture
def command(urls: DatabaseUrls, nats_server: NatsServer, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    environment = NotifyProcess(urls, nats_server, tmp_path, 1).environment()

    def start(*words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "notify", "digest", *words],
            env=environment | {"LOG_LEVEL": "error"} | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, wrong = process.communicate(timeout=60)
    assert wrong == ""
    return process.returncode, out.strip()


def test_an_operator_asks_and_has_it_made_once_in_its_week(
    command: Callable[..., subprocess.Popen[str]], engine: Engine
) -> None:
    code, words = ended(command("--now"))
    assert (code, words.endswith("no offer follows a market price.")) == (1, True)
    with engine.begin() as connection:
        know_market(connection, PRICES)
    assert "It would tell of 4 prices" in ended(command())[1]
    assert "is turned off" in ended(command(DIGEST_AT="off"))[1]
    assert told(engine) == []
    code, words = ended(command("--now"))
    assert (code, words.endswith("is queued.")) == (0, True)
    code, words = ended(command("--now"))
    assert (code, words.endswith("was made before.")) == (0, True)
    assert "was made." in ended(command())[1]
    assert len(told(engine)) == 1


def test_killed_in_the_middle_nothing_is_written_and_the_next_one_makes_it(
    command: Callable[..., subprocess.Popen[str]], engine: Engine, eventually: Eventually
) -> None:
    know(engine)
    with engine.begin() as connection:
        know_market(connection, PRICES)
    with engine.begin() as holding:
        # Drawn, and about to be said: there it stands when it is killed.
        holding.execute(text("LOCK TABLE intents IN SHARE MODE"))
        process = command("--now")
        eventually(lambda: waits_for_the_lock(engine))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    eventually(lambda: not waits_for_the_lock(engine))
    assert (told(engine), count(engine, "pictures")) == ([], 0)
    first, second = command("--now"), command("--now")
    said = sorted(ended(each)[1].rpartition(" ")[2] for each in (first, second))
    assert said == ["before.", "queued."]
    with engine.begin() as connection:
        assert intents.expand(connection, domain=DOMAIN).queued == 1
    assert (len(told(engine)), count(engine, "pictures")) == (1, 2)


def waits_for_the_lock(engine: Engine) -> bool:
    waiting = "wait_event_type = 'Lock' AND query ILIKE 'INSERT INTO intents%'"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}"
    with engine.connect() as connection:
        return bool(connection.scalar(text(query)))
