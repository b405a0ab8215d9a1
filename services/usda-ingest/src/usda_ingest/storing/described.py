"""What the tables hold of a row, as COPY wants it; whatever hangs on the description alone is made once for it."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from usda_ingest.announcing.quotes import SeriesNames
from usda_ingest.reading.package_weight import net_weight
from usda_ingest.reading.quote import Prices, Said, Traits, series_id, series_package
from usda_ingest.storing.copying import NULL, field
from usda_ingest.storing.day_prices import DayPrices
from usda_ingest.storing.tally import ReportTally, Tally

COLUMNS = (
    "row_key, value_key, series_id, report_id, market, commodity, category, variety, package, series_package, size,"
    " organic, origin, quality, headline, unit, weight_lb, weight_source, quoted_on, low, high, mostly_low,"
    " mostly_high, single_price, comment, notes"
)
# As many as the reader remembers: a description that it has forgotten comes back as another object.
REMEMBERED = 16_384
_NOT_QUOTED = "\t".join([NULL] * 4)


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
    _names: SeriesNames | None = None

    def names(self) -> SeriesNames:
        """Return what tells the series from others, as day quotes have it; call it once its spelling is known."""
        if self._names is None:
            names = (self.market, self.commodity, self.variety, self.package, self.size)
            self._names = SeriesNames(self.series_id, *names, self.organic)
        return self._names

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
    is_headline: bool
    series: Series | None = None
    columns: str = ""
    """From ``series_id`` to ``weight_source``."""


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """All that hangs on what rows say of a description."""

    said: Said
    columns: str
    """From ``low`` to ``notes``."""
    prices: DayPrices | None
    """None: nothing was quoted."""


class Descriptions:
    """The descriptions and prices in one file.

    The reader hands out one object for all rows that say the same, so they are known by identity, which is found
    faster than an equal object. What is remembered holds the object, so that nothing else can take its identity.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._described: dict[int, Described] = {}
        self._stated: dict[int, Stated] = {}
        self._day_prices: dict[int, tuple[Prices, DayPrices | None]] = {}
        self.series: dict[str, Series] = {}

    def of(self, traits: Traits) -> Described:
        """Return what the description says."""
        found = self._described.get(id(traits))
        if found is None:
            if len(self._described) >= REMEMBERED:
                self._described.clear()
            report = self._tally.report(traits.report_id, traits.market)
            found = self._described[id(traits)] = Described(traits, report, traits.is_headline)
        return found

    def series_of(self, described: Described) -> Series:
        """Return the series of a row that is to be stored."""
        if described.series is None:
            described.series = self._series(described.traits)
            described.columns = _columns(described.traits, described.series)
        return described.series

    def stated(self, said: Said) -> Stated:
        """Return what hangs on what a row says."""
        found = self._stated.get(id(said))
        if found is None:
            if len(self._stated) >= REMEMBERED:
                self._stated.clear()
            prices = self._prices_of_day(said.prices)
            found = self._stated[id(said)] = Stated(said, _said_columns(said, prices), prices)
        return found

    def _prices_of_day(self, prices: Prices) -> DayPrices | None:
        found = self._day_prices.get(id(prices))
        if found is None:
            if len(self._day_prices) >= REMEMBERED:
                self._day_prices.clear()
            found = self._day_prices[id(prices)] = (prices, DayPrices.of(prices))
        return found[1]

    def _series(self, traits: Traits) -> Series:
        package = series_package(traits.package, traits.unit)
        parts = (traits.market, traits.commodity, traits.variety, package, traits.size)
        identity = _series_id(parts, organic=traits.organic)
        found = self.series.get(identity)
        if found is None:
            names = (traits.market, traits.commodity, traits.category, traits.variety, package, traits.size)
            found = self.series[identity] = Series(identity, *names, traits.organic)
        found.category = found.category or traits.category
        return found


@lru_cache(maxsize=REMEMBERED)
def _series_id(names: tuple[str, str, str, str, str], *, organic: bool) -> str:
    return str(series_id(*names, organic=organic))


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


def _said_columns(said: Said, prices: DayPrices | None) -> str:
    amounts = _NOT_QUOTED if prices is None else prices.columns
    single, comment, notes = str(said.prices.single_price), field(said.comment), field("\n".join(said.notes))
    return f"{amounts}\t{single}\t{comment}\t{notes}"
