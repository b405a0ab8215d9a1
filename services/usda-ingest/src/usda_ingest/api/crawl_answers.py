"""What the API answers about crawls and their schedule, beside the crawl's own account."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field


class Progress(BaseModel):
    """How far a crawl is; ``total`` grows while links are found, and is null before any is known."""

    done: int
    total: int | None


class SourceLine(BaseModel):
    """What one source was asked, and what it brought."""

    source: str
    state: Literal["waiting", "running", "finished", "failed"]
    reason: str | None
    planned: int = Field(description="answers that are to be taken in, as far as is known")
    done: int
    files: int
    rows: int
    problems: int
    requests: int
    retries: int
    bytes: int
    started_at: datetime | None
    finished_at: datetime | None


class Days(BaseModel):
    """Days in a row, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class AwaitedReport(BaseModel):
    """A report that comes every market day."""

    report_id: str
    market: str | None
    latest_on: date | None = Field(description="its newest day, looked for in the last 60 days")
    business_days_late: int


class ConfiguredSource(BaseModel):
    """A source as it is configured."""

    name: str
    kind: str
    can_backfill: bool = Field(description="whether it can be asked for days")
    next_due_at: datetime | None


class Schedule(BaseModel):
    """When the next crawl comes by itself, and what it is to bring."""

    is_on: bool
    is_running: bool
    next_due_at: datetime | None = Field(description="null while a crawl runs, and when the schedule is off")
    today: date = Field(description="the market's date")
    is_report_day: bool
    holiday: str | None = Field(description="why no report comes today, if it is for that")
    holiday_es: str | None = Field(description="the same in Spanish")
    expected_on: date = Field(description="the newest day whose reports should be out by now")
    latest_on: date | None = Field(description="the newest day that every awaited report has; of any report if none is")
    business_days_late: int
    awaited: list[str] = Field(description="today's reports that are not in yet")
    reports: list[AwaitedReport]
    sources: list[ConfiguredSource]


class WantedCrawl(BaseModel):
    """What staff ask for; nothing at all is the usual crawl of every source."""

    model_config = {"extra": "forbid", "populate_by_name": True}

    sources: list[str] = Field(default=[], max_length=10)
    first_on: date | None = Field(default=None, alias="from")
    last_on: date | None = Field(default=None, alias="to")
