from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain import errors
from orders.domain.agreement import agree_lines, require_before_cutoffs
from orders.domain.cases import case_missing
from orders.domain.cycle import Cycle, CycleState
from orders.domain.order import (
    MAX_LINES,
    MAX_NOTE_CHARACTERS,
    MAX_QUANTITY,
    MAX_TOTAL_CENTS,
    LineRequest,
    LockedOffer,
    OnShortage,
    OrderLine,
    check_requests,
    is_id,
    stock_deltas,
)
from orders.domain.people import Actor, Role

NOW = datetime(2026, 1, 8, 20, tzinfo=UTC)


def offer_id(number: int) -> str:
    return str(UUID(int=number))


def offer(number: int = 1, *, remaining: int | None = 10, price: int = 1_000, most: int | None = None) -> LockedOffer:
    return LockedOffer(
        id=offer_id(number),
        cycle_id="c",
        version=1,
        name=f"Product {number}",
        name_es=f"Producto {number}",
        pack="carton",
        unit_price_cents=price,
        available=remaining,
        remaining=remaining,
        max_per_store=most,
    )


def agree(
    *wishes: LineRequest,
    offers: list[LockedOffer],
    placed: tuple[OrderLine, ...] = (),
    rule: OnShortage = OnShortage.REJECT,
) -> list[tuple[int, int]]:
    lines = agree_lines(wishes, {one.id: one for one in offers}, placed=placed, on_shortage=rule)
    return [(line.quantity, line.shorted) for line in lines]


def wish(number: int, quantity: int, expected: int | None = None, most: int | None = None) -> LineRequest:
    return LineRequest(offer_id(number), quantity, expected, most)


def line(number: int, quantity: int, *, price: int = 1_000, most: int | None = None, shorted: int = 0) -> OrderLine:
    return OrderLine(offer_id(number), f"Product {number}", "", "carton", quantity, price, shorted, most)


def test_what_is_there_is_given_and_a_line_costs_quantity_times_price() -> None:
    lines = agree_lines([wish(1, 3)], {offer_id(1): offer()}, on_shortage=OnShortage.REJECT)
    assert (lines[0].quantity, lines[0].total_cents, lines[0].shorted) == (3, 3_000, 0)


def test_every_short_line_is_named_with_what_is_left() -> None:
    offers = [offer(1, remaining=2), offer(2, remaining=50), offer(3, remaining=0)]
    with pytest.raises(errors.SoldOut) as refused:
        agree(wish(1, 5), wish(2, 5), wish(3, 1), offers=offers)
    assert refused.value.shortages == (errors.Shortage(offer_id(1), 5, 2), errors.Shortage(offer_id(3), 1, 0))


def test_partial_gives_what_is_left_and_says_how_much_is_missing() -> None:
    offers = [offer(1, remaining=2), offer(2, remaining=0), offer(3, remaining=None)]
    got = agree(wish(1, 5), wish(2, 1), wish(3, 900), offers=offers, rule=OnShortage.PARTIAL)
    assert got == [(2, 3), (0, 1), (900, 0)]


def test_partial_with_nothing_left_at_all_is_still_sold_out() -> None:
    with pytest.raises(errors.SoldOut):
        agree(wish(1, 5), offers=[offer(1, remaining=0)], rule=OnShortage.PARTIAL)


def test_what_the_order_holds_already_counts_as_left() -> None:
    assert agree(wish(1, 5), offers=[offer(1, remaining=2)], placed=(line(1, 3),)) == [(5, 0)]
    with pytest.raises(errors.SoldOut) as refused:
        agree(wish(1, 6), offers=[offer(1, remaining=2)], placed=(line(1, 3),))
    assert refused.value.shortages[0].remaining == 5


def test_an_unexpected_price_is_refused_for_all_lines_at_once() -> None:
    with pytest.raises(errors.PriceChanged) as refused:
        agree(wish(1, 1, 900), wish(2, 1, 1_000), wish(3, 1, 1), offers=[offer(1), offer(2), offer(3)])
    assert [price.offer_id for price in refused.value.prices] == [offer_id(1), offer_id(3)]
    assert refused.value.prices[0].unit_price_cents == 1_000


def test_a_line_above_its_price_limit_is_dropped_and_said_so() -> None:
    assert agree(wish(1, 4, most=999), wish(2, 1, most=1_000), offers=[offer(1), offer(2)]) == [(0, 4), (1, 0)]


def test_an_order_of_which_every_line_is_too_dear_is_refused() -> None:
    with pytest.raises(errors.PriceChanged):
        agree(wish(1, 4, most=999), offers=[offer(1)])


def test_a_store_gets_no_more_than_its_share() -> None:
    with pytest.raises(errors.Invalid, match="at most 2"):
        agree(wish(1, 3), offers=[offer(1, most=2)])


def test_an_offer_of_another_day_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="not an offer"):
        agree(wish(2, 1), offers=[offer(1)])


def test_an_order_has_a_greatest_value() -> None:
    dear = offer(1, remaining=None, price=MAX_TOTAL_CENTS)
    with pytest.raises(errors.Invalid, match="worth"):
        agree(wish(1, 2), offers=[dear])
    assert agree(wish(1, 1), offers=[dear]) == [(1, 0)]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [wish(1, 0)],
        [wish(1, -1)],
        [wish(1, MAX_QUANTITY + 1)],
        [wish(1, 1), wish(1, 2)],
        [LineRequest("not-an-id", 1)],
        [wish(number, 1) for number in range(1, MAX_LINES + 2)],
    ],
)
def test_requests_that_no_stock_could_satisfy_are_refused(lines: list[LineRequest]) -> None:
    with pytest.raises(errors.Invalid):
        check_requests(lines, None)


def test_a_note_has_a_greatest_length() -> None:
    check_requests([wish(1, 1)], "x" * MAX_NOTE_CHARACTERS)
    with pytest.raises(errors.Invalid, match="note"):
        check_requests([wish(1, 1)], "x" * (MAX_NOTE_CHARACTERS + 1))


def test_only_the_usual_form_of_a_uuid_is_an_id() -> None:
    assert is_id(offer_id(7))
    assert not any(map(is_id, ["", "7", offer_id(7).replace("-", ""), "{" + offer_id(7) + "}", "\x00", "é" * 36]))


quantities = st.dictionaries(st.sampled_from([offer_id(n) for n in range(6)]), st.integers(0, 9))


@given(quantities, quantities)
def test_moving_stock_by_the_difference_ends_where_taking_anew_would(
    before: dict[str, int], after: dict[str, int]
) -> None:
    deltas = stock_deltas(before, after)
    assert list(deltas) == sorted(deltas)
    assert all(deltas.values())
    for one in {*before, *after}:
        assert before.get(one, 0) + deltas.get(one, 0) == after.get(one, 0)


def cycle(state: CycleState = CycleState.OPEN) -> Cycle:
    return Cycle("c", "Friday", state, NOW - timedelta(hours=1), NOW + timedelta(hours=1), date(2026, 1, 9))


def test_orders_are_taken_until_the_cutoff_and_not_at_it() -> None:
    cycle().require_ordering(NOW + timedelta(minutes=59, seconds=59))
    with pytest.raises(errors.CycleClosed):
        cycle().require_ordering(NOW + timedelta(hours=1))


@pytest.mark.parametrize("state", [state for state in CycleState if state is not CycleState.OPEN])
def test_only_an_open_day_takes_orders(state: CycleState) -> None:
    with pytest.raises(errors.CycleClosed, match=state.value):
        cycle(state).require_ordering(NOW)


def test_a_buyer_acts_for_own_stores_and_staff_for_all() -> None:
    buyer = Actor("p", Role.BUYER, frozenset({"s1"}))
    buyer.require_store("s1")
    buyer.require_sight_of("s1")
    with pytest.raises(errors.Forbidden):
        buyer.require_store("s2")
    with pytest.raises(errors.NotFound):
        buyer.require_sight_of("s2")
    with pytest.raises(errors.Forbidden):
        buyer.require_staff()
    for role in (Role.STAFF, Role.ADMIN):
        person = Actor("p", role, frozenset())
        person.require_store("s2")
        person.require_staff()


def agreed(
    *wishes: LineRequest, offers: list[LockedOffer], placed: tuple[OrderLine, ...], rule: OnShortage = OnShortage.REJECT
) -> list[tuple[int, int, int]]:
    lines = agree_lines(wishes, {one.id: one for one in offers}, placed=placed, on_shortage=rule)
    return [(one.quantity, one.shorted, one.unit_price_cents) for one in lines]


@pytest.mark.parametrize(("quantity", "price"), [(1, 900), (3, 900), (4, 1_000)])
def test_a_placed_line_keeps_its_price_until_it_grows(quantity: int, price: int) -> None:
    got = agreed(wish(1, quantity), offers=[offer(1, price=1_000)], placed=(line(1, 3, price=900),))
    assert got == [(quantity, 0, price)]


def test_a_line_that_would_grow_but_finds_nothing_left_keeps_its_price() -> None:
    got = agreed(wish(1, 5), offers=[offer(1, remaining=0)], placed=(line(1, 3, price=900),), rule=OnShortage.PARTIAL)
    assert got == [(3, 2, 900)]


@pytest.mark.parametrize("expected", [None, 900, 1_000])
def test_a_line_that_does_not_grow_accepts_the_agreed_and_todays_price(expected: int | None) -> None:
    assert agreed(wish(1, 3, expected), offers=[offer(1)], placed=(line(1, 3, price=900),)) == [(3, 0, 900)]


@pytest.mark.parametrize(("quantity", "expected"), [(3, 950), (4, 900)])
def test_a_line_that_grows_accepts_only_todays_price(quantity: int, expected: int) -> None:
    with pytest.raises(errors.PriceChanged) as refused:
        agreed(wish(1, quantity, expected), offers=[offer(1)], placed=(line(1, 3, price=900),))
    assert refused.value.prices == (errors.PriceNow(offer_id(1), 1_000),)


def test_a_limit_stays_with_its_line_unless_another_is_said_or_none() -> None:
    placed, offers = (line(1, 3, most=1_200),), {offer_id(1): offer(1)}

    def limit(request: LineRequest) -> int | None:
        return agree_lines([request], offers, placed=placed, on_shortage=OnShortage.REJECT)[0].max_unit_price_cents

    assert limit(wish(1, 2)) == 1_200
    assert limit(wish(1, 2, most=1_100)) == 1_100
    assert limit(LineRequest(offer_id(1), 2, keeps_limit=False)) is None


def test_what_is_held_within_the_limit_stays_and_nothing_goes_on_top_above_it() -> None:
    placed = (line(1, 2, price=900, most=950),)
    assert agreed(wish(1, 5), wish(2, 1), offers=[offer(1), offer(2)], placed=placed)[0] == (2, 3, 900)
    assert agreed(wish(1, 1, most=800), wish(2, 1), offers=[offer(1), offer(2)], placed=placed)[0] == (0, 1, 900)


def test_a_placed_line_may_stay_above_a_share_that_was_lowered_since() -> None:
    assert agreed(wish(1, 5), offers=[offer(1, most=2)], placed=(line(1, 5),)) == [(5, 0, 1_000)]
    with pytest.raises(errors.Invalid, match="at most 2"):
        agreed(wish(1, 6), offers=[offer(1, most=2)], placed=(line(1, 5),))


def closing(number: int, minutes: int) -> LockedOffer:
    return replace(offer(number), cutoff_at=NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ((), (line(1, 1),), True),  # added
        ((), (line(1, 0, shorted=1),), True),  # added, though nothing of it was left
        ((line(1, 1),), (line(1, 2),), True),  # raised
        ((line(1, 2),), (line(1, 1),), True),  # lowered
        ((line(1, 2),), (line(2, 1),), True),  # removed
        ((line(1, 2),), (line(1, 2), line(2, 5)), False),  # as it was, beside one that changes
        ((line(1, 0, shorted=3), line(2, 1)), (line(2, 2),), False),  # a line that got nothing holds nothing
    ],
)
def test_after_its_own_cutoff_an_offers_line_stays_as_it_is(
    before: tuple[OrderLine, ...], after: tuple[OrderLine, ...], *, refused: bool
) -> None:
    offers = {one.id: one for one in (closing(1, 0), closing(2, 1))}
    if not refused:
        return require_before_cutoffs(before, after, offers, NOW)
    with pytest.raises(errors.OffersClosed) as closed:
        require_before_cutoffs(before, after, offers, NOW)
    assert closed.value.offers == (errors.OfferCutoff(offer_id(1), NOW),)
    return None


@given(st.integers(0, 10_000), st.integers(2, 100))
def test_what_is_missing_fills_the_case(ordered: int, case_size: int) -> None:
    missing = case_missing(ordered, case_size)
    assert missing is not None
    assert 0 <= missing < case_size
    assert (ordered + missing) % case_size == 0


def test_without_cases_or_a_count_nothing_is_missing() -> None:
    assert case_missing(None, 12) is None
    assert case_missing(5, None) is None
