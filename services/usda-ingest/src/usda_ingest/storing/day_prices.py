"""The prices of a series' day: lowest low, highest high, and the middle of the mostly range, else of both."""

from dataclasses import dataclass, field
from decimal import Decimal

from usda_ingest.reading.quote import Prices
from usda_ingest.storing.copying import NULL


@dataclass(slots=True, eq=False)
class DayPrices:
    """What the rows of a day say together; days with the same prices share one object, its texts made once."""

    low: Decimal
    high: Decimal
    mostly_low: Decimal | None
    mostly_high: Decimal | None
    reference: Decimal = field(init=False)
    columns: str = field(init=False)
    """Low, high, mostly low and mostly high as COPY has them."""

    def __post_init__(self) -> None:
        low = self.low if self.mostly_low is None else self.mostly_low
        high = self.high if self.mostly_high is None else self.mostly_high
        self.reference = (low + high) / 2
        amounts = (self.low, self.high, self.mostly_low, self.mostly_high)
        self.columns = "\t".join([NULL if amount is None else str(amount) for amount in amounts])

    @classmethod
    def of(cls, prices: Prices) -> "DayPrices | None":
        """Return a row's prices as a day's, None when it quotes none."""
        if prices.low is None or prices.high is None:
            return None
        return cls(prices.low, prices.high, prices.mostly_low, prices.mostly_high)

    def widened(self, other: "DayPrices") -> "DayPrices":
        """Return what both say together."""
        if other is self:
            return self
        mostly_low = [low for low in (self.mostly_low, other.mostly_low) if low is not None]
        mostly_high = [high for high in (self.mostly_high, other.mostly_high) if high is not None]
        return DayPrices(
            min(self.low, other.low),
            max(self.high, other.high),
            min(mostly_low, default=None),
            max(mostly_high, default=None),
        )
