"""What the USDA service tells and takes back: quotes, withdrawn days, how crawls ended."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from orders.application.incoming import read_crawl, read_forecasts, read_quotes, read_withdrawn
from orders.application.market_standing import MarketStanding

THURSDAY = date(2026, 1, 8)
NOON = datetime(2026, 1, 8, 20, tzinfo=UTC)
Told = Callable[..., None]


@pytest.fixture
def told(transactions: Any) -> Told:
    """Take in an event of prices as the worker does."""

    def take(series: str, quotes: dict[str, str], withdrawn: tuple[str, ...] = ()) -> None:
        plain = {"series_id": series, "commodity": "Limes", "mostly_low": "1.00", "mostly_high": "2.00"}
        body = {
            "market": "Los Angeles",
            "report_id": "2306",
            "quotes": [{**plain, "date": day, "low": "1.00", "reference": price} for day, price in quotes.items()],
            "withdrawn": [{"series_id": series, "date": day} for day in withdrawn],
        }

        def record(work: Any) -> None:
            work.market.forget(read_withdrawn(body))
            work.market.record(read_quotes(body))

        transactions.run(record)

    return take


def latest(world: Any) -> list[Any]:
    return [
        (str(row.quoted_on), str(row.reference)[:5])
        for row in world.rows("SELECT quoted_on, reference FROM series_quotes")
    ]


def days(world: Any) -> list[str]:
    return [str(row.quoted_on) for row in world.rows("SELECT quoted_on FROM series_days ORDER BY quoted_on")]


def test_a_withdrawn_day_is_forgotten_and_the_day_before_counts_again(world: Any, told: Told) -> None:
    series, other = str(uuid4()), str(uuid4())
    told(series, {"2026-01-06": "20.00", "2026-01-07": "21.00", "2026-01-08": "99.00"})
    told(other, {"2026-01-08": "5.00"})
    told(series, {}, withdrawn=("2026-01-08",))
    assert sorted(latest(world)) == [("2026-01-07", "21.00"), ("2026-01-08", "5.000")]
    assert days(world) == ["2026-01-06", "2026-01-07", "2026-01-08"]
    row = world.rows("SELECT low, mostly_low FROM series_quotes WHERE quoted_on = '2026-01-07'")[0]
    assert (row.low, row.mostly_low) == (1, None)


def test_an_older_withdrawn_day_leaves_the_latest_quote_alone(world: Any, told: Told) -> None:
    series = str(uuid4())
    told(series, {"2026-01-07": "21.00", "2026-01-08": "22.00"})
    told(series, {}, withdrawn=("2026-01-07", "2026-01-05"))
    assert latest(world) == [("2026-01-08", "22.00")]
    assert days(world) == ["2026-01-08"]


def test_a_series_of_which_everything_was_withdrawn_has_no_quote(world: Any, told: Told) -> None:
    series = str(uuid4())
    told(series, {"2026-01-08": "22.00"})
    told(series, {}, withdrawn=("2026-01-08",))
    assert latest(world) == []
    assert days(world) == []


def test_of_an_event_that_takes_back_and_corrects_what_stands_comes_on_top(world: Any, told: Told) -> None:
    series = str(uuid4())
    told(series, {"2026-01-07": "21.00", "2026-01-08": "22.00"})
    told(series, {"2026-01-07": "23.50"}, withdrawn=("2026-01-08",))
    assert latest(world) == [("2026-01-07", "23.50")]


def test_a_forecast_made_from_a_withdrawn_day_goes_so_that_an_older_one_can_follow(
    world: Any, told: Told, transactions: Any
) -> None:
    series = str(uuid4())
    point = {"date": "2026-01-09", "value": "18.00", "low": "16.00", "high": "20.00"}
    forecast = {"series_id": series, "trend_pct_week": None, "method": "naive", "points": [point], "coverage": None}

    def forecasted(as_of: str) -> None:
        seen = read_forecasts({"series": [{**forecast, "as_of": as_of}]})
        transactions.run(lambda work: work.market.record_forecasts(seen))

    told(series, {"2026-01-07": "21.00", "2026-01-08": "22.00"})
    forecasted("2026-01-08")
    told(series, {}, withdrawn=("2026-01-08",))
    assert world.value("SELECT count(*) FROM series_forecasts") == 0
    forecasted("2026-01-07")
    assert str(world.value("SELECT as_of FROM series_forecasts")) == "2026-01-07"


def crawl(transactions: Any, state: str, at: datetime = NOON, source: str = "https://usda.example/") -> None:
    body = {"source": source, "crawl_id": "c", "state": state}
    transactions.run(lambda work: work.market.crawl_seen(read_crawl(body, at)))


def test_that_the_last_crawl_failed_holds_until_one_finishes(container: Any, transactions: Any) -> None:
    assert container.market.now().failed_at is None
    crawl(transactions, "failed")
    assert container.market.now().failed_at == NOON
    crawl(transactions, "running", NOON + timedelta(minutes=1))
    assert container.market.now().failed_at == NOON
    crawl(transactions, "failed", NOON + timedelta(minutes=2))
    assert container.market.now().failed_at == NOON + timedelta(minutes=2)
    crawl(transactions, "finished", NOON + timedelta(minutes=3))
    assert container.market.now().failed_at is None


def test_an_older_word_of_a_crawl_does_not_count(container: Any, transactions: Any) -> None:
    crawl(transactions, "finished")
    crawl(transactions, "failed", NOON - timedelta(minutes=1))
    assert container.market.now().failed_at is None


def test_a_source_that_is_heard_of_no_more_troubles_nobody(container: Any, transactions: Any) -> None:
    crawl(transactions, "failed", source="https://old.example/")
    crawl(transactions, "finished", NOON + timedelta(days=1))
    assert container.market.now().failed_at is None


def test_the_newest_quote_is_that_of_a_product_that_can_be_offered(container: Any, world: Any, told: Told) -> None:
    mine, foreign = str(uuid4()), str(uuid4())
    world.product("Limes", series_id=mine)
    told(mine, {"2026-01-05": "20.00"})
    told(foreign, {"2026-01-08": "20.00"})
    assert container.market.now().newest_on == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("newest", "late"),
    [(None, None), (date(2026, 1, 8), None), (date(2026, 1, 5), None), (date(2026, 1, 2), 4), (date(2025, 12, 31), 6)],
)
def test_a_report_is_late_after_three_market_days(newest: date | None, late: int | None) -> None:
    standing = MarketStanding(None, newest, THURSDAY)
    assert standing.days_late == late
    assert standing.is_troubled == (late is not None)
