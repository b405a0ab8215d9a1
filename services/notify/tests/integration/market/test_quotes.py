"""What is kept of the market's prices: the last word of each day, of some weeks, whatever way the events come."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from mercadito_events.envelope import Event, new_event
from mercadito_events.inbox import Permanent
from notify.market import quotes
from notify.market.quotes import KEPT, forget_quotes, keep_quotes
from sqlalchemy import Connection, Engine, event, text

TODAY = date(2026, 1, 8)
SERIES = "7ef50267-9d81-5ff5-b9c1-3e384a133fdf"


def recorded(*prices: tuple[str, date, str | None], withdrawn: tuple[date, ...] = (), **changes: Any) -> Event:
    data = {
        "report_id": "2306",
        "market": "Los Angeles",
        "report_date": (prices[0][1] if prices else withdrawn[0]).isoformat(),
        "quotes": [
            {"series_id": series, "date": on.isoformat(), "reference": price, "commodity": "Avocados"}
            for series, on, price in prices
        ],
        **({"withdrawn": [{"series_id": SERIES, "date": on.isoformat()} for on in withdrawn]} if withdrawn else {}),
    }
    return new_event("usda.price.recorded.v1", data | changes, source="/mercadito/usda")


@pytest.fixture
def keep(engine: Engine) -> Callable[..., list[tuple[date, int | None]]]:
    """Handle events; return what is known of the series."""

    def run(*events: Event) -> list[tuple[date, int | None]]:
        with engine.begin() as connection:
            for each in events:
                keep_quotes(connection, each, today=lambda: TODAY)
            rows = connection.execute(text("SELECT quoted_on, cents FROM market_quotes ORDER BY series_id, quoted_on"))
            return [(row.quoted_on, row.cents) for row in rows]

    return run


def test_a_price_is_kept_once_and_a_correction_replaces_it(keep: Callable[..., Any]) -> None:
    first, second = recorded((SERIES, TODAY, "31.50")), recorded((SERIES, TODAY, "32.505"))
    assert keep(first, first) == [(TODAY, 3150)]
    assert keep(second) == [(TODAY, 3251)]
    # Handled again from the dead letters, the older word does not come back.
    assert keep(replace(first, time=first.time - timedelta(minutes=5))) == [(TODAY, 3251)]


def test_what_is_taken_back_is_no_price_any_more_until_it_is_told_anew(keep: Callable[..., Any]) -> None:
    told = recorded((SERIES, TODAY, "31.50"))
    assert keep(told, recorded(withdrawn=(TODAY,))) == [(TODAY, None)]
    assert keep(replace(told, time=told.time - timedelta(minutes=5))) == [(TODAY, None)]
    assert keep(recorded((SERIES, TODAY, "30.00"))) == [(TODAY, 3000)]


def test_a_quote_without_a_price_and_a_day_told_twice_in_one_event(keep: Callable[..., Any]) -> None:
    event_ = recorded((SERIES, TODAY, None), (str(uuid.UUID(int=1)), TODAY, "1.00"), (SERIES, TODAY, "2.00"))
    assert sorted(cents or 0 for _, cents in keep(event_)) == [100, 200]


def test_days_come_in_any_order(keep: Callable[..., Any]) -> None:
    days = [TODAY - timedelta(days=ago) for ago in (3, 0, 7, 1)]
    assert keep(*(recorded((SERIES, on, "1.00")) for on in days)) == [(on, 100) for on in sorted(days)]


def test_years_at_once_cost_nothing_but_their_reading(keep: Callable[..., Any], engine: Engine) -> None:
    oldest = TODAY - KEPT
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    unreadable = recorded((SERIES, oldest - timedelta(days=1), "x"))
    assert keep(unreadable, *(recorded((SERIES, TODAY - timedelta(days=400), "1.00")) for _ in range(8_000))) == []
    assert not any("INSERT" in statement for statement in asked)
    assert keep(recorded((SERIES, oldest, "1.00"))) == [(oldest, 100)]


def test_five_hundred_quotes_are_one_statement(keep: Callable[..., Any], engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    many = recorded(*((str(uuid.UUID(int=number)), TODAY, "1.00") for number in range(500)))
    assert len(keep(many)) == 500
    assert len([statement for statement in asked if "INSERT" in statement]) == 1


@pytest.mark.parametrize("wrong", [{"report_date": "x"}, {"quotes": [{"series_id": "x"}]}, {"quotes": None}])
def test_what_can_never_be_read_is_a_dead_letter(keep: Callable[..., Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(Permanent):
        keep(recorded((SERIES, TODAY, "1.00"), **wrong))


def test_old_quotes_go_in_batches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "FORGET_BATCH", 2)
    with engine.begin() as connection:
        for ago in range(5):
            keep_one(connection, TODAY - timedelta(days=ago))
        forget_quotes(connection, TODAY - timedelta(days=1))
        assert connection.scalar(text("SELECT count(*) FROM market_quotes")) == 3
        forget_quotes(connection, TODAY - timedelta(days=1))
        assert connection.scalar(text("SELECT min(quoted_on) FROM market_quotes")) == TODAY - timedelta(days=1)


def keep_one(connection: Connection, on: date) -> None:
    connection.execute(
        text("INSERT INTO market_quotes VALUES (CAST(:series AS uuid), :on, 100, :at)"),
        {"series": SERIES, "on": on, "at": datetime.now(UTC)},
    )
