"""What the tables hold of a row, as COPY wants it; whatever hangs on the description alone is made once for it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from usda_ingest.reading.package_weight import net_weight
from usda_ingest.reading.quote import Prices, Quote, Traits, series_id, series_package
from usda_ingest.storing.copying import NULL, field
from usda_ingest.storing.tally import ReportTally, Tally

COLUMNS = (
    "row_key, value_key, series_id, report_id, market, commodity, category, variety, package, series_package, size,"
    " organic, origin, quality, headline, unit, weight_lb, weight_source, quoted_on, low, high, mostly_low,"
    " mostly_high, single_price, comment, notes"
)
# As many as the reader remembers: a description that it has forgotten comes back as another object.
REMEMBERED = 16_384


@dataclass(slots=True, eq=False)
class Series:
    """A series that rows of this file belong to, with its days among the rows that are new."""

    series_id: str
    market: str
    commodity: str
    category: str
    variety: str
    package: str
    size: str
    organic: bool
    first_on: date | None = None
    last_on: date | None = None
    is_known: bool = False
    """Whether the database had it before this file."""

    def names(self) -> tuple[str, str, str, str, str, bool]:
        """Return what tells the series from others, as day quotes have it."""
        return self.market, self.commodity, self.variety, self.package, self.size, self.organic

    def note_day(self, day: date) -> None:
        """Widen the series' days."""
        if self.first_on is None or day < self.first_on:
            self.first_on = day
        if self.last_on is None or day > self.last_on:
            self.last_on = day


@dataclass(slots=True, eq=False)
class Described:
    """All that a description says of its rows; what only stored rows need is made for the first of them."""

    traits: Traits
    report: ReportTally
    series: Series | None = None
    columns: str = ""
    """From ``series_id`` to ``weight_source``."""


class Descriptions:
    """The descriptions and prices in one file.

    The reader hands out one object for all rows that say the same, so they are known by identity, which is found
    faster than an equal object. What is remembered holds the object, so that nothing else can take its identity.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._described: dict[int, Described] = {}
        self._priced: dict[int, tuple[Prices, str]] = {}
        self.series: dict[str, Series] = {}

    def of(self, traits: Traits) -> Described:
        """Return what the description says."""
        found = self._described.get(id(traits))
        if found is None:
            if len(self._described) >= REMEMBERED:
                self._described.clear()
            report = self._tally.report(traits.report_id, traits.market)
            found = self._described[id(traits)] = Described(traits, report)
        return found

    def series_of(self, described: Described) -> Series:
        """Return the series of a row that is to be stored."""
        if described.series is None:
            described.series = self._series(described.traits)
            described.columns = _columns(described.traits, described.series)
        return described.series

    def columns(self, quote: Quote, keys: str, described: Described) -> str:
        """Return the row's columns; ``keys`` are its two keys, one after the other."""
        prices = quote.prices
        found = self._priced.get(id(prices))
        if found is None:
            if len(self._priced) >= REMEMBERED:
                self._priced.clear()
            found = self._priced[id(prices)] = (prices, _price_columns(prices))
        said = _said(quote.comment, quote.notes)
        return f"{keys[:32]}\t{keys[32:]}\t{described.columns}\t{quote.quoted_on.isoformat()}\t{found[1]}\t{said}"

    def _series(self, traits: Traits) -> Series:
        package = series_package(traits.package, traits.unit)
        parts = (traits.market, traits.commodity, traits.variety, package, traits.size)
        identity = str(series_id(*parts, organic=traits.organic))
        found = self.series.get(identity)
        if found is None:
            names = (traits.market, traits.commodity, traits.category, traits.variety, package, traits.size)
            found = self.series[identity] = Series(identity, *names, traits.organic)
        found.category = found.category or traits.category
        return found


def _columns(traits: Traits, series: Series) -> str:
    flags = ", ".join(flag for flag in (traits.appearance, traits.quality, traits.condition) if flag)
    weight = net_weight(traits.commodity, traits.package, traits.unit)
    texts = (
        *(series.series_id, traits.report_id, traits.market, traits.commodity, traits.category, traits.variety),
        *(traits.package, series.package, traits.size, str(traits.organic), traits.origin, flags),
        *(str(traits.is_headline), traits.unit),
    )
    weighed = (str(weight.lb), field(weight.source)) if weight else (NULL, NULL)
    return "\t".join([*map(field, texts), *weighed])


@lru_cache(maxsize=1_024)
def _said(comment: str, notes: tuple[str, ...]) -> str:
    return f"{field(comment)}\t{field(chr(10).join(notes))}"


def _price_columns(prices: Prices) -> str:
    amounts = (prices.low, prices.high, prices.mostly_low, prices.mostly_high)
    return "\t".join([*map(_amount, amounts), str(prices.single_price)])


def _amount(amount: Decimal | None) -> str:
    return NULL if amount is None else str(amount)
