from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.pricing import business_days_between, is_stale, suggested_price_cents

ONE = Decimal(1)
usd = st.decimals(min_value="0.01", max_value="10000", places=4)
units = st.decimals(min_value="0.001", max_value="999", places=3)
shares = st.decimals(min_value="0.05", max_value="1", places=4)
markups = st.decimals(min_value="-0.5", max_value="3", places=4)


def price(reference: str, units_: str = "1", share: str = "1", markup: str = "0", **bounds: int) -> int:
    return suggested_price_cents(
        Decimal(reference),
        units_per_package=Decimal(units_),
        yield_share=Decimal(share),
        markup=Decimal(markup),
        **bounds,
    )


def test_a_carton_is_divided_by_what_can_be_sold_of_it_and_marked_up() -> None:
    assert price("31.50", "48", "0.95", "0.12") == 77  # 31.50 / 45.6 * 1.12 = 0.7737


@pytest.mark.parametrize(
    ("reference", "cents"), [("0.125", 13), ("0.135", 14), ("0.1249", 12), ("1.005", 101), ("34", 3400)]
)
def test_half_a_cent_goes_up(reference: str, cents: int) -> None:
    assert price(reference) == cents


def test_floor_and_ceiling_hold_after_rounding_and_the_ceiling_wins() -> None:
    assert price("1.00", floor_cents=250) == 250
    assert price("9.00", ceiling_cents=500) == 500
    assert price("3.00", floor_cents=600, ceiling_cents=500) == 500


def test_nothing_to_divide_by_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        price("1.00", units_="0")
    with pytest.raises(ValueError, match="above zero"):
        price("1.00", share="0")


@given(usd, units, shares, markups)
def test_the_price_is_the_exact_one_rounded_half_up(
    reference: Decimal, units_: Decimal, share: Decimal, markup: Decimal
) -> None:
    exact = Fraction(reference) * 100 * (1 + Fraction(markup)) / (Fraction(units_) * Fraction(share))
    found = suggested_price_cents(reference, units_per_package=units_, yield_share=share, markup=markup)
    assert found == int(exact + Fraction(1, 2))


@given(usd, units, markups, st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_price_lies_within_its_bounds(
    reference: Decimal, units_: Decimal, markup: Decimal, floor: int, above: int
) -> None:
    found = suggested_price_cents(
        reference,
        units_per_package=units_,
        yield_share=ONE,
        markup=markup,
        floor_cents=floor,
        ceiling_cents=floor + above,
    )
    assert floor <= found <= floor + above


@given(usd, usd)
def test_a_dearer_market_never_makes_a_cheaper_offer(first: Decimal, second: Decimal) -> None:
    low, high = sorted((first, second))
    assert price(str(low), "3", "0.9", "0.1") <= price(str(high), "3", "0.9", "0.1")


@given(usd, units, markups, st.integers(0, 10_000), st.integers(0, 10_000))
def test_floor_and_ceiling_only_move_a_price_to_the_nearer_of_them(
    reference: Decimal, units_: Decimal, markup: Decimal, floor: int, above: int
) -> None:
    same = {"units_per_package": units_, "yield_share": Decimal("0.9"), "markup": markup}
    free = suggested_price_cents(reference, **same)
    bound = suggested_price_cents(reference, **same, floor_cents=floor, ceiling_cents=floor + above)
    assert bound == min(max(free, floor), floor + above)


@given(usd, units, shares, markups, markups)
def test_a_higher_markup_and_a_worse_yield_never_make_it_cheaper(
    reference: Decimal, units_: Decimal, share: Decimal, first: Decimal, second: Decimal
) -> None:
    low, high = sorted((first, second))
    prices = [
        suggested_price_cents(reference, units_per_package=units_, yield_share=share, markup=m) for m in (low, high)
    ]
    assert prices[0] <= prices[1]
    whole = suggested_price_cents(reference, units_per_package=units_, yield_share=ONE, markup=low)
    assert whole <= prices[0]


@given(st.decimals("0.0001", "1000000", places=4), st.decimals("0.001", "9999999.999", places=3))
def test_the_bounds_of_a_product_and_of_a_quote_never_break_the_sum(reference: Decimal, units_: Decimal) -> None:
    least = suggested_price_cents(
        reference, units_per_package=units_, yield_share=Decimal("0.0001"), markup=Decimal("99.9999")
    )
    assert least >= 0
    assert suggested_price_cents(reference, units_per_package=units_, yield_share=ONE, markup=Decimal("-0.9999")) >= 0


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-30, 400))
def test_business_days_are_counted_as_one_would_by_hand(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    by_hand = sum(1 for n in range(1, days + 1) if (start + timedelta(days=n)).weekday() < 5)
    assert business_days_between(start, end) == by_hand


def test_a_quote_is_stale_after_three_business_days() -> None:
    thursday = date(2026, 1, 8)
    assert not is_stale(thursday, date(2026, 1, 13))  # Tuesday: the third business day
    assert is_stale(thursday, date(2026, 1, 14))
    assert not is_stale(thursday, thursday)
    assert not is_stale(thursday, date(2026, 1, 1))  # a quote of tomorrow is odd, not stale


def test_rounding_is_decimal_and_never_binary() -> None:
    assert price("2.675") == int((Decimal("2.675") * 100).quantize(ONE, rounding=ROUND_HALF_UP)) == 268
