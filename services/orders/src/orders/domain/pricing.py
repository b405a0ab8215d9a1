"""What an offer should cost, from what the market asked."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

STALE_AFTER_BUSINESS_DAYS = 3
_CENT = Decimal(1)
_SATURDAY = 5


def suggested_price_cents(
    reference_usd: Decimal,
    *,
    units_per_package: Decimal,
    yield_share: Decimal,
    markup: Decimal,
    floor_cents: int | None = None,
    ceiling_cents: int | None = None,
) -> int:
    """Return reference / (units * yield) * (1 + markup), half up to a cent, then within floor and ceiling.

    The division comes last, so that a sum that is exact in decimals is not spoilt before it is rounded.
    A floor above the ceiling loses: the ceiling is what was promised to stores.
    """
    if units_per_package <= 0 or yield_share <= 0:
        raise ValueError("units per package and yield must be above zero")
    cents = reference_usd * 100 * (1 + markup) / (units_per_package * yield_share)
    price = int(cents.quantize(_CENT, rounding=ROUND_HALF_UP))
    if floor_cents is not None:
        price = max(price, floor_cents)
    if ceiling_cents is not None:
        price = min(price, ceiling_cents)
    return price


def business_days_between(start: date, end: date) -> int:
    """Count Mondays to Fridays after `start` up to and including `end`; 0 when `end` is not later."""
    if end <= start:
        return 0
    weeks, rest = divmod((end - start).days, 7)
    days = (start + timedelta(days=offset) for offset in range(1, rest + 1))
    return weeks * 5 + sum(1 for day in days if day.weekday() < _SATURDAY)


def is_stale(quoted_on: date, today: date) -> bool:
    """Tell whether a quote is older than three business days; the USDA skips holidays, so one missing day is normal."""
    return business_days_between(quoted_on, today) > STALE_AFTER_BUSINESS_DAYS
