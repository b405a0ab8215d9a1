"""What the API answers, as ``interfaces.md`` fixes it; these models are its OpenAPI description too."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from usda_ingest.api.crawl_answers import Days, Progress, SourceLine

DecimalText = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]{2,}$", examples=["30.50"])]
"""An exact number, with at least two decimals."""


class Price(BaseModel):
    """One row of a report. Prices are USD per ``unit``; a text the report leaves blank is an empty string."""

    series_id: UUID
    report_id: str = Field(description="MARS report number; `mnp-<market>` for files of the old portal")
    market: str
    commodity: str
    variety: str
    package: str
    size: str
    organic: bool
    origin: str
    quality: str = Field(description="appearance, quality and condition that set the row apart; blank: headline")
    date: date
    low: DecimalText | None
    high: DecimalText | None
    mostly_low: DecimalText | None
    mostly_high: DecimalText | None
    single_price: bool = Field(description="the report gives one price only: high = low")
    unit: str = Field(description="`package`, or what the price is for: lb, kg, each, …")
    weight_lb: DecimalText | None
    weight_source: str | None = Field(description="stated, stated range, stated approximately, H-697; more may come")
    comment: str


class PricePage(BaseModel):
    """Rows, newest day first."""

    items: list[Price]
    next: str | None


class CommodityItem(BaseModel):
    """A commodity with the series known of it."""

    name: str
    name_es: str
    category: str
    series: int
    last_date: date


class CommodityPage(BaseModel):
    """Commodities by name."""

    items: list[CommodityItem]
    next: str | None


class Account(BaseModel):
    """new + changed + unchanged + exact_doubles + quarantined = rows_read; header rows are counted beside it."""

    rows_read: int
    new: int
    changed: int
    unchanged: int
    exact_doubles: int
    quarantined: int
    header_rows: int


class Report(Account):
    """A file as a link served it, with the account of when it was read; one per link and content."""

    file_id: UUID
    file: str
    url: str
    sha256: str | None
    bytes: int
    state: Literal["stored", "refused", "not a price report", "not fetched"]
    reason: str | None
    line: int | None
    current: bool = Field(description="the link served this last")
    format: str | None = Field(description="mars, legacy, shipping point, retail, ers; more may come")
    report_id: str | None
    market: str | None
    first_date: date | None
    last_date: date | None
    first_seen_at: datetime
    stored_at: datetime
    last_seen_at: datetime
    last_crawl_id: UUID


class ReportPage(BaseModel):
    """Files, the one read last first."""

    items: list[Report]
    next: str | None


class QuarantinedRow(BaseModel):
    """A row that could not be read."""

    file: str
    line: int
    reason: str
    raw: str


class QuarantinePage(BaseModel):
    """Rows in the file's order."""

    items: list[QuarantinedRow]
    next: str | None


class CrawlProblem(BaseModel):
    """Something a crawl could not take in."""

    url: str
    line: int | None
    reason: str


class Crawl(Account):
    """A crawl; the account is of every file it saw, those that had not changed too."""

    crawl_id: UUID
    source: str
    cause: str
    state: Literal["requested", "running", "finished", "failed"]
    reason: str | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pages: int
    files: int
    files_stored: int
    files_unchanged: int
    files_refused: int
    files_without_prices: int
    download_ms: int
    store_ms: int
    window: Days | None = Field(description="the days it was asked for; null: what is newest")
    progress: Progress
    requests: int
    retries: int
    bytes: int
    sources: list[SourceLine]
    problem_count: int
    problems: list[CrawlProblem] = Field(description="the first 20; the rest at /api/v1/prices/crawls/{id}")


class CrawlPage(BaseModel):
    """Crawls, newest first."""

    items: list[Crawl]
    next: str | None


class FieldError(BaseModel):
    """What is wrong with a part of the request."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str = Field(description="stable; ends in the slug", examples=["https://mercadito.example/problems/not-found"])
    title: str
    status: int
    detail: str = Field(description="what to do about it")
    instance: str
    request_id: str | None
    errors: list[FieldError] | None = Field(default=None, description="with `invalid`")
