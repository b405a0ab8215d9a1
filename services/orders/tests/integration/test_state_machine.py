"""Any order of placing, amending, cancelling, repeating, pricing, stocking, taking out and closing: sums on a page.

Hypothesis invents the days; a model of a few dictionaries says what must come out of every step, and after each the
database is compared with it: stock, lines, states, events, audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from mercadito_events.testing.exploring import examples

from orders.application import clock
from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder, RequestKey
from orders.application.ordering import OrderDesk
from orders.application.planning_offers import EditOffer, OffersDesk, RemoveOffer
from orders.application.queries import OrderView
from orders.domain import errors
from orders.domain.order import LineRequest, OnShortage
from orders.domain.people import Actor, Role

STORES, OFFERS = 3, 3
STOCK = (4, 7, None)
MOST = (None, 5, None)
PRICE = 200
EXAMPLES, STEPS = examples(20, exploring=600), 30

Wishes = dict[int, int]
wishes = st.dictionaries(st.integers(0, OFFERS - 1), st.integers(1, 6), min_size=1, max_size=OFFERS)
stores = st.integers(0, STORES - 1)
rules = st.sampled_from(OnShortage)


@dataclass
class Model:
    """What must be true, in words that need no database."""

    held: dict[int, Wishes] = field(default_factory=dict)
    shorted: dict[int, Wishes] = field(default_factory=dict)
    agreed: dict[int, Wishes] = field(default_factory=dict)
    """The price of each line in cents: what it was when the line last grew (ADR 19)."""
    stock: list[int | None] = field(default_factory=lambda: list(STOCK))
    prices: list[int] = field(default_factory=lambda: [PRICE] * OFFERS)
    versions: dict[int, int] = field(default_factory=dict)
    withdrawn: set[int] = field(default_factory=set)
    """Offers closed by hand: there is just as much of them as is ordered, whatever is given back."""
    is_open: bool = True
    steps: int = 0
    events: int = 0

    def left(self, offer: int, store: int) -> int | None:
        """Return how many the store could have in all."""
        stock = self.stock[offer]
        others = sum(lines.get(offer, 0) for other, lines in self.held.items() if other != store)
        return None if stock is None else stock - others

    def given(self, store: int, wanted: Wishes, on_shortage: OnShortage) -> Wishes | type[errors.Refused]:
        """Return what the store gets, or why it gets nothing."""
        if any((most := MOST[offer]) is not None and quantity > most for offer, quantity in wanted.items()):
            return errors.Invalid
        given = {offer: self._capped(offer, store, quantity) for offer, quantity in wanted.items()}
        short = given != wanted
        if short and (on_shortage is OnShortage.REJECT or not any(given.values())):
            return errors.SoldOut
        return given

    def ordered(self, offer: int) -> int:
        return sum(lines.get(offer, 0) for lines in self.held.values())

    def settle(self) -> None:
        """What is given back of an offer that was closed by hand is not for sale again."""
        for offer in self.withdrawn:
            self.stock[offer] = self.ordered(offer)

    def agreeing(self, store: int, given: Wishes) -> Wishes:
        """Return the price of each line: kept while the line does not grow."""
        before, agreed = self.held.get(store, {}), self.agreed.get(store, {})
        return {
            offer: agreed[offer] if offer in before and quantity <= before[offer] else self.prices[offer]
            for offer, quantity in given.items()
        }

    def _capped(self, offer: int, store: int, quantity: int) -> int:
        left = self.left(offer, store)
        return quantity if left is None else min(quantity, left)


def fell_short(wanted: Wishes, given: Wishes) -> Wishes:
    return {offer: quantity - given[offer] for offer, quantity in wanted.items()}


def give(order: OrderView) -> Answer:
    return Answer(201, f"{order.id} {order.version}")


class Day(RuleBasedStateMachine):
    """One market day with three stores and three offers, one of them without a limit."""

    world: Any
    desk: OrderDesk
    planning: OffersDesk
    staff: Actor
    transactions: Any

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.world.run("DELETE FROM outbox")  # of earlier days: reading them again after each step would take long
        self.cycle = self.world.cycle()
        self.offers = [
            self.world.offer(self.cycle, available=stock, max_per_store=most, price=PRICE)
            for stock, most in zip(STOCK, MOST, strict=True)
        ]
        self.buyers: list[tuple[Actor, str]] = [self.world.buyer() for _ in range(STORES)]
        self.orders: dict[int, str] = {}
        self.kept: tuple[PlaceOrder, RequestKey, Answer] | None = None

    def lines(self, wanted: Wishes) -> tuple[LineRequest, ...]:
        return tuple(LineRequest(self.offers[offer], quantity) for offer, quantity in wanted.items())

    def outcome(self, call: Any, *arguments: Any) -> Answer | type[errors.Refused]:
        try:
            answer: Answer = call(*arguments)
        except errors.Refused as refused:
            return type(refused)
        return answer

    @rule(store=stores, wanted=wishes, on_shortage=rules)
    def place(self, store: int, wanted: Wishes, on_shortage: OnShortage) -> None:
        actor, store_id = self.buyers[store]
        command = PlaceOrder(actor, self.cycle, store_id, self.lines(wanted), on_shortage=on_shortage)
        key = RequestKey(actor.person_id, str(uuid4()), "one request")
        got = self.outcome(self.desk.place, command, give, key)
        expected: Wishes | type[errors.Refused] = self.model.given(store, wanted, on_shortage)
        if store in self.model.held:
            expected = errors.OrderExists
        if not self.model.is_open:
            expected = errors.CycleClosed
        if isinstance(expected, type):
            assert got is expected
            return
        assert isinstance(got, Answer)
        self.orders[store] = got.body.split()[0]
        self.model.agreed[store] = self.model.agreeing(store, expected)
        self.model.held[store], self.model.shorted[store] = expected, fell_short(wanted, expected)
        self.model.versions[store] = 1
        self.model.events += 1
        self.kept = (command, key, got)

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), wanted=wishes, on_shortage=rules, seen=st.sampled_from(["now", "before", "whatever"]))
    def amend(self, data: st.DataObject, wanted: Wishes, on_shortage: OnShortage, seen: str) -> None:
        store = data.draw(st.sampled_from(sorted(self.model.held)), "store")
        version = self.model.versions[store]
        shown = {"now": version, "before": version - 1, "whatever": None}[seen]
        command = AmendOrder(
            self.buyers[store][0], self.orders[store], shown, self.lines(wanted), on_shortage=on_shortage
        )
        got = self.outcome(self.desk.amend, command, give)
        expected: Wishes | type[errors.Refused] = self.model.given(store, wanted, on_shortage)
        if seen == "before":
            expected = errors.VersionConflict
        if not self.model.is_open:
            expected = errors.CycleClosed
        if isinstance(expected, type):
            assert got is expected
            return
        assert isinstance(got, Answer)
        new_version = int(got.body.split()[1])
        missing, agreed = fell_short(wanted, expected), self.model.agreeing(store, expected)
        changed = (expected, missing, agreed) != (
            self.model.held[store],
            self.model.shorted[store],
            self.model.agreed[store],
        )
        assert new_version == version + changed
        self.model.agreed[store] = agreed
        self.model.held[store], self.model.shorted[store] = expected, missing
        self.model.settle()
        self.model.versions[store] = new_version
        self.model.events += changed

    @precondition(lambda self: self.model.held)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        store = data.draw(st.sampled_from(sorted(self.model.held)), "store")
        got = self.outcome(self.desk.cancel, CancelOrder(self.buyers[store][0], self.orders[store]), give)
        if not self.model.is_open:
            assert got is errors.CycleClosed
            return
        assert isinstance(got, Answer)
        del self.model.held[store], self.model.agreed[store]
        self.model.settle()
        self.model.events += 1

    @precondition(lambda self: self.model.is_open)
    @rule(offer=st.integers(0, OFFERS - 1), cents=st.integers(100, 300))
    def price(self, offer: int, cents: int) -> None:
        assert self.planned(offer, unit_price_cents=cents) is None
        self.model.prices[offer] = cents

    @precondition(lambda self: self.model.is_open)
    @rule(offer=st.integers(0, OFFERS - 1), available=st.none() | st.integers(0, 12))
    def restock(self, offer: int, available: int | None) -> None:
        refused = self.planned(offer, available=available)
        if available is not None and available < self.model.ordered(offer):
            assert refused is errors.Invalid
            return
        assert refused is None
        if available != self.model.stock[offer]:
            self.model.withdrawn.discard(offer)
        self.model.stock[offer] = available

    @precondition(lambda self: self.model.is_open and any(map(self.model.ordered, range(OFFERS))))
    @rule(data=st.data())
    def take_out(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from([one for one in range(OFFERS) if self.model.ordered(one)]), "offer")
        self.planning.remove(RemoveOffer(self.staff, self.cycle, self.offers[offer]), lambda _: Answer(200, ""))
        self.model.withdrawn.add(offer)
        self.model.settle()

    def planned(self, offer: int, **changes: int | None) -> type[errors.Refused] | None:
        command = EditOffer(self.staff, self.cycle, self.offers[offer], changes)
        try:
            self.planning.edit(command, lambda _: Answer(200, ""))
        except errors.Refused as refused:
            return type(refused)
        return None

    @precondition(lambda self: self.kept is not None)
    @rule()
    def send_the_same_again(self) -> None:
        assert self.kept is not None
        command, key, answer = self.kept
        assert self.desk.place(command, give, key) == answer
        other = RequestKey(key.person_id, key.key, "another request")
        assert self.outcome(self.desk.place, command, give, other) is errors.KeyReused

    @precondition(lambda self: self.model.is_open and self.model.steps > STEPS // 2)
    @rule()
    def close(self) -> None:
        self.world.run("UPDATE cycles SET cutoff_at = clock_timestamp() WHERE id = :id", id=self.cycle)
        clock.advance(self.transactions)
        assert self.world.value("SELECT state FROM cycles WHERE id = :id", id=self.cycle) == "closed"
        self.model.is_open = False

    @invariant()
    def time_passes(self) -> None:
        self.model.steps += 1

    @invariant()
    def stock_is_what_was_not_ordered(self) -> None:
        for number, offer in enumerate(self.offers):
            stock, ordered = self.model.stock[number], self.model.ordered(number)
            assert self.world.remaining(offer) == (None if stock is None else stock - ordered)

    @invariant()
    def every_store_has_what_it_was_promised(self) -> None:
        for store, wanted in self.model.held.items():
            rows = self.world.rows(
                "SELECT o.version, o.state, o.total_cents, l.offer_id, l.quantity, l.shorted, l.unit_price_cents"
                " FROM orders o"
                " JOIN order_lines l ON l.order_id = o.id WHERE o.id = :id",
                id=self.orders[store],
            )
            assert {str(row.offer_id): row.quantity for row in rows} == {
                self.offers[offer]: quantity for offer, quantity in wanted.items()
            }
            agreed = {str(row.offer_id): row.unit_price_cents for row in rows}
            assert agreed == {self.offers[offer]: cents for offer, cents in self.model.agreed[store].items()}
            short = {str(row.offer_id): row.shorted for row in rows}
            assert short == {self.offers[offer]: missing for offer, missing in self.model.shorted[store].items()}
            assert {(row.version, row.state) for row in rows} == {(self.model.versions[store], "placed")}
            assert rows[0].total_cents == sum(row.quantity * row.unit_price_cents for row in rows)
        live = self.world.value(
            "SELECT count(*) FROM orders WHERE cycle_id = :id AND state <> 'cancelled'", id=self.cycle
        )
        assert live == len(self.model.held)

    @invariant()
    def everything_that_happened_was_told_and_written_down_once(self) -> None:
        told = self.world.value(
            "SELECT count(*) FROM outbox WHERE type LIKE 'orders.order.%'"
            " AND convert_from(body, 'UTF8')::jsonb->>'cycle_id' = :id",
            id=self.cycle,
        )
        written = self.world.value(
            "SELECT count(*) FROM audit a JOIN orders o ON o.id = a.entity_id AND a.entity = 'order'"
            " WHERE o.cycle_id = :id",
            id=self.cycle,
        )
        assert (told, written) == (self.model.events, self.model.events)


def test_any_day_adds_up(world: Any, transactions: Any) -> None:
    class ThisDay(Day):
        pass

    ThisDay.world, ThisDay.transactions, ThisDay.desk = world, transactions, OrderDesk(transactions)
    ThisDay.planning, ThisDay.staff = OffersDesk(transactions), world.person(Role.STAFF)
    checks: Sequence[HealthCheck] = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        ThisDay,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=checks,
            print_blob=True,
        ),
    )
