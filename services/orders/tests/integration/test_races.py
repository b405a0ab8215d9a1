"""Many at once for the same thing, and failures at every point of a placement."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from orders.adapters import transactions as adapter
from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder, RequestKey
from orders.application.ordering import OrderDesk
from orders.application.queries import OrderView
from orders.domain import errors
from orders.domain.order import LineRequest
from orders.domain.people import Actor, Role

THREADS = 20


def give(order: OrderView) -> Answer:
    return Answer(201, order.id, (("Location", f"/orders/{order.id}"),))


@pytest.fixture
def desk(transactions: Any) -> OrderDesk:
    return OrderDesk(transactions)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except errors.Refused as refused:
            return refused

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def wish(offer: str, quantity: int) -> tuple[LineRequest, ...]:
    return (LineRequest(offer, quantity),)


def sold_out() -> float:
    """Return how often stock has been short so far, as /metrics tells it."""
    return REGISTRY.get_sample_value("orders_conflicts_total", {"what": "sold_out"}) or 0.0


def test_twenty_stores_want_the_last_case_and_one_gets_it(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=1)
    buyers, before = [world.buyer() for _ in range(THREADS)], sold_out()
    got = at_once(*(lambda b=b, s=s: desk.place(PlaceOrder(b, cycle, s, wish(offer, 1)), give) for b, s in buyers))
    kinds = Counter(type(one) for one in got)
    assert kinds == {Answer: 1, errors.SoldOut: THREADS - 1}
    assert sold_out() - before == THREADS - 1
    assert all(one.shortages == (errors.Shortage(offer, 1, 0),) for one in got if isinstance(one, errors.SoldOut))
    assert world.remaining(offer) == 0
    assert len(world.events("orders.order.placed.v1")) == 1


def test_the_same_key_twenty_times_at_once_makes_one_order_and_one_answer(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=100)
    buyer, store = world.buyer()
    key = RequestKey(buyer.person_id, "once", "hash")
    command = PlaceOrder(buyer, cycle, store, wish(offer, 3))
    got = at_once(*(lambda: desk.place(command, give, key) for _ in range(THREADS)))
    assert {type(one) for one in got} == {Answer}
    assert len(set(got)) == 1
    assert world.remaining(offer) == 97
    assert world.value("SELECT count(*) FROM orders") == 1


def test_one_store_ordering_twice_at_once_gets_one_order(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    first, second = world.offer(cycle), world.offer(cycle)
    buyer, store = world.buyer()
    got = at_once(
        *(
            lambda offer=offer: desk.place(PlaceOrder(buyer, cycle, store, wish(offer, 1)), give)
            for offer in [first, second] * 5
        )
    )
    winner = next(one for one in got if isinstance(one, Answer))
    assert Counter(type(one) for one in got) == {Answer: 1, errors.OrderExists: 9}
    assert {one.order_id for one in got if isinstance(one, errors.OrderExists)} == {winner.body}


def test_two_amendments_of_one_version_do_not_overwrite_each_other(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=50)
    buyer, store = world.buyer()
    order = desk.place(PlaceOrder(buyer, cycle, store, wish(offer, 1)), give).body
    got = at_once(*(lambda n=n: desk.amend(AmendOrder(buyer, order, 1, wish(offer, n)), give) for n in range(2, 12)))
    assert Counter(type(one) for one in got) == {Answer: 1, errors.VersionConflict: 9}


def test_orders_over_the_same_offers_in_any_order_never_deadlock_and_stock_adds_up(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    offers = [world.offer(cycle, available=40) for _ in range(8)]
    buyers = [world.buyer() for _ in range(THREADS)]
    staff = Actor(str(uuid4()), Role.STAFF, frozenset())

    def live_through(seed: int) -> list[str]:
        chance, (buyer, store) = random.Random(seed), buyers[seed]
        seen = []
        for _ in range(6):
            lines = tuple(LineRequest(one, chance.randint(1, 5)) for one in chance.sample(offers, 4))
            try:
                order = desk.place(PlaceOrder(buyer, cycle, store, lines), give).body
                lines = tuple(LineRequest(one, chance.randint(1, 5)) for one in chance.sample(offers, 4))
                desk.amend(AmendOrder(staff, order, None, lines), give)
                desk.cancel(CancelOrder(buyer, order), give)
                seen.append("done")
            except errors.OrderExists as exists:
                desk.cancel(CancelOrder(buyer, exists.order_id or ""), give)
            except errors.SoldOut:
                seen.append("sold out")
        return seen

    got = at_once(*(lambda seed=seed: live_through(seed) for seed in range(THREADS)))
    assert all(isinstance(one, list) for one in got), got
    assert world.broken_offers() == []
    assert sum(len(one) for one in got) > THREADS


def test_an_event_of_a_row_that_changed_later_has_a_later_place_in_the_outbox(world: Any, desk: OrderDesk) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=THREADS)
    buyers = [world.buyer() for _ in range(THREADS)]
    at_once(*(lambda b=b, s=s: desk.place(PlaceOrder(b, cycle, s, wish(offer, 1)), give) for b, s in buyers))
    told = world.events("orders.offers.changed.v1")
    assert [event["offers"][0]["version"] for event in told] == list(range(2, THREADS + 2))
    assert [event["offers"][0]["remaining"] for event in told] == list(range(THREADS - 1, -1, -1))


STATEMENTS = [
    "idempotency_keys",
    "FOR SHARE",
    "FOR NO KEY UPDATE OF o",
    "UPDATE offers",
    "INSERT INTO orders",
    "INSERT INTO order_lines",
    "INSERT INTO audit",
    "UPDATE idempotency_keys",
    "INSERT INTO outbox",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_crash_after_any_statement_leaves_nothing_and_the_key_can_be_used_again(
    world: Any, desk: OrderDesk, engine: Any, statement: str
) -> None:
    """The backend is killed right after the statement, as a crash of server or network would do it."""
    from sqlalchemy import event  # noqa: PLC0415 - only here

    cycle = world.cycle()
    offer = world.offer(cycle, available=5)
    buyer, store = world.buyer()
    key = RequestKey(buyer.person_id, "once", "hash")
    command = PlaceOrder(buyer, cycle, store, wish(offer, 2))
    crashed = []

    def crash(_conn: Any, cursor: Any, sql: str, *_: Any) -> None:
        if statement in sql and not crashed:
            crashed.append(sql)
            pid = cursor.connection.info.backend_pid
            with engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    event.listen(engine, "after_cursor_execute", crash)
    try:
        with pytest.raises(errors.Unavailable) as failed:
            desk.place(command, give, key)
    finally:
        event.remove(engine, "after_cursor_execute", crash)
    assert crashed
    assert failed.value.not_processed
    for table in ("orders", "order_lines", "audit", "idempotency_keys", "outbox"):
        assert world.value(f"SELECT count(*) FROM {table}") == 0, table
    assert world.remaining(offer) == 5
    assert desk.place(command, give, key).status == 201
    assert world.remaining(offer) == 3


def test_a_backend_that_goes_away_before_the_commit_is_answered_leaves_it_in_doubt(
    world: Any, desk: OrderDesk, engine: Any
) -> None:
    from sqlalchemy import event  # noqa: PLC0415 - only here

    cycle = world.cycle()
    offer = world.offer(cycle, available=5)
    buyer, store = world.buyer()

    def kill(connection: Any) -> None:
        pid = connection.connection.dbapi_connection.info.backend_pid
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(engine, "commit", kill, once=True)
    with pytest.raises(errors.Unavailable) as failed:
        desk.place(PlaceOrder(buyer, cycle, store, wish(offer, 2)), give, RequestKey(buyer.person_id, "once", "hash"))
    assert (failed.value.not_processed, failed.value.in_doubt) == (False, True)
    assert world.remaining(offer) == 5


def test_a_commit_whose_answer_is_lost_is_found_again_by_its_key(world: Any, desk: OrderDesk, engine: Any) -> None:
    """The transaction commits, the client never hears of it; the same request gives the answer, and no second order."""
    from sqlalchemy import event  # noqa: PLC0415 - only here

    cycle = world.cycle()
    offer = world.offer(cycle, available=5)
    buyer, store = world.buyer()
    key = RequestKey(buyer.person_id, "once", "hash")
    command = PlaceOrder(buyer, cycle, store, wish(offer, 2))

    def commit_and_die(connection: Any) -> None:
        raw = connection.connection.dbapi_connection
        raw.commit()
        with raw.cursor() as cursor:
            try:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            except Exception as error:
                raise error from None

    event.listen(engine, "commit", commit_and_die, once=True)
    with pytest.raises(Exception) as failed:  # noqa: PT011 - the driver's own error, before SQLAlchemy sees it
        desk.place(command, give, key)
    assert not isinstance(failed.value, errors.Unavailable) or not failed.value.not_processed
    assert world.remaining(offer) == 3
    assert desk.place(command, give, key).status == 201
    assert world.remaining(offer) == 3
    assert world.value("SELECT count(*) FROM orders") == 1


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_what_the_database_asks_to_repeat_is_repeated_a_few_times(
    transactions: Any, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(adapter, "FIRST_PAUSE_S", 0.0)
    tries = []

    def work(_unit: Any) -> str:
        tries.append(1)
        if len(tries) < adapter.ATTEMPTS:
            _unit._connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END $$"))
        return "done"

    assert transactions.run(work) == "done"
    assert len(tries) == adapter.ATTEMPTS
    tries.clear()

    def never(unit: Any) -> None:
        tries.append(1)
        unit._connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END $$"))

    with pytest.raises(errors.Unavailable) as refused:
        transactions.run(never)
    assert refused.value.not_processed
    assert len(tries) == adapter.ATTEMPTS


def test_anything_raised_rolls_back(world: Any, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle)

    def work(unit: Any) -> None:
        unit.offers.take({offer: 3})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transactions.run(work)
    assert world.remaining(offer) == 10


def test_stock_can_not_go_below_zero_even_without_the_locks(world: Any, transactions: Any) -> None:
    offer = world.offer(world.cycle(), available=2)
    assert transactions.run(lambda unit: unit.offers.take({offer: 3})) == {}
    assert world.remaining(offer) == 2
