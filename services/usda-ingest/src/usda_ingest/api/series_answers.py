"""What the API answers about series: lists, one with its trend and forecast, the same goods in every market."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from usda_ingest.api.answers import DecimalText

PriceText = DecimalText


class SeriesParts(BaseModel):
    """What a series is: one kind of goods, packed in one way, in one market."""

    series_id: UUID
    market: str
    commodity: str
    name_es: str
    category: str
    variety: str
    package: str = Field(description="with the measure where the price is for another: `36 inch bins, per lb`")
    size: str
    organic: bool


class SeriesItem(SeriesParts):
    """A series with its newest quote; prices are null where no row without quality flags had one."""

    first_date: date
    last_date: date
    quotes: int = Field(description="days with a quote")
    low: PriceText | None
    high: PriceText | None
    reference: PriceText | None = Field(description="middle of the mostly range, else of low and high")
    change_pct_week: float | None = Field(
        description="against the newest one a market week (5 days) to 14 days older; null: there is none"
    )


class SeriesPage(BaseModel):
    """Series by commodity, market, variety, package, size."""

    items: list[SeriesItem]
    next: str | None


class Point(BaseModel):
    """A day's quote over the rows without quality flags."""

    date: date
    report_id: str
    low: PriceText
    high: PriceText
    mostly_low: PriceText | None
    mostly_high: PriceText | None
    reference: PriceText


class ReportOfDay(BaseModel):
    """The report that the newest point comes from, with what it tells of the market in words."""

    report_id: str
    date: date
    title: str
    published: str
    narrative: str
    url: str | None


class BandPoint(BaseModel):
    """A day on a line, with the band around it."""

    date: date
    value: PriceText
    low: PriceText
    high: PriceText


class Trend(BaseModel):
    """The line through the newest quotes. It says where prices went, not where they go."""

    method: str
    quotes: int
    band: float = Field(description="how sure the band is of the line: 0.95")
    pct_week: float | None = Field(description="per cent a week")
    pct_week_low: float | None
    pct_week_high: float | None
    points: list[BandPoint]


class Backtest(BaseModel):
    """How the method would have done on this series' own past, so many days ahead; naive: tomorrow is as today."""

    days: int
    origins: int
    mape_pct: float | None
    naive_mape_pct: float | None
    coverage: float | None = Field(description="share of past quotes that fell into the band")
    width_ratio: float | None
    unchanged: float | None


class Forecast(BaseModel):
    """An estimate, with the band that held so many of the method's own past errors."""

    as_of: date
    method: str
    quotes: int
    band: float
    points: list[BandPoint]
    backtest: list[Backtest]


class Series(SeriesParts):
    """A series with its newest points, oldest first, its trend and its forecast."""

    unit: str = Field(description="`package`, or what the price is for: lb, kg, each, …")
    weight_lb: DecimalText | None
    weight_source: str | None
    points: list[Point]
    last_date: date | None = Field(description="of the newest point")
    age_business_days: int | None = Field(description="of the newest point, in days with a market")
    report: ReportOfDay | None
    trend: Trend | None
    forecast: Forecast | None
    no_forecast: str | None = Field(description="why there is none: `too few quotes`, `stale`")


class MarketPoint(BaseModel):
    """A day's reference price."""

    date: date
    reference: PriceText


class MarketSeries(BaseModel):
    """The same goods in one market."""

    series_id: UUID
    market: str
    last_date: date | None
    low: PriceText | None
    high: PriceText | None
    reference: PriceText | None
    points: list[MarketPoint]


class Markets(BaseModel):
    """The series and those that differ from it in nothing but the market."""

    items: list[MarketSeries]
