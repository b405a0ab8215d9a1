"""The four prices of a row: what must hold between them, and what is merely unusual."""

from decimal import Decimal

from usda_ingest.errors import RowProblem
from usda_ingest.reading.quote import Prices
from usda_ingest.reading.values import price

# 0.3% of real rows; all others with such a range are right too, so it is a remark, never a refusal.
WIDE_RANGE = Decimal("0.5")


def read_prices(written: tuple[str, str, str, str]) -> Prices:
    """Return the exact prices that a row writes as low, high, mostly low and mostly high.

    Raises:
        RowProblem: one is no price, or they contradict each other.

    """
    low, high = price(written[0], "low price"), price(written[1], "high price")
    mostly_low, mostly_high = price(written[2], "mostly low"), price(written[3], "mostly high")
    if low is None:
        if high is not None or mostly_low is not None or mostly_high is not None:
            raise RowProblem("a high or mostly price without a low price")
        return Prices(low=None, high=None, mostly_low=None, mostly_high=None, single_price=False)
    if mostly_low is None and mostly_high is not None:
        raise RowProblem("a mostly high without a mostly low")
    # The Los Angeles office leaves the upper field blank where it has one price only: low = high (reference, 0.3).
    upper = low if high is None else high
    mostly_upper = mostly_low if mostly_high is None else mostly_high
    if low > upper:
        raise RowProblem(f"low {low} is above high {upper}")
    if mostly_low is not None and mostly_upper is not None and not low <= mostly_low <= mostly_upper <= upper:
        raise RowProblem(f"mostly {mostly_low}-{mostly_upper} is not a range within {low}-{upper}")
    return Prices(low=low, high=upper, mostly_low=mostly_low, mostly_high=mostly_upper, single_price=high is None)


def is_wide(prices: Prices) -> bool:
    """Say whether high is above low by more than half of their middle."""
    if prices.low is None or prices.high is None:
        return False
    return (prices.high - prices.low) * 2 > WIDE_RANGE * (prices.high + prices.low)
