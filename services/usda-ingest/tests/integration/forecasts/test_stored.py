"""What a reader is told of a stored forecast, as the days go by, and what is due."""

import json
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from usda_ingest.forecasting import due
from usda_ingest.forecasting.model import MODEL_VERSION
from usda_ingest.forecasting.stored import read

THURSDAY = date(2026, 1, 8)
TREND = {"method": "line", "pct_week": 1.5}
FORECAST = {"method": "naive", "points": []}


@pytest.fixture
def series_id(shelf: Any, db: Any, mars: Callable[..., str]) -> uuid.UUID:
    shelf.crawl(a=mars({}))
    return db.value("SELECT series_id FROM series")  # type: ignore[no-any-return]


def store(db: Any, series_id: uuid.UUID, status: str, forecast: dict[str, Any] | None, version: int) -> None:
    statement = """
        INSERT INTO forecasts (series_id, as_of, last_on, computed_at, model_version, quotes, status, trend, forecast)
        VALUES (:series_id, :on, :on, now(), :version, 20, :status, CAST(:trend AS jsonb), CAST(:forecast AS jsonb))
    """
    values = {"series_id": series_id, "on": THURSDAY, "version": version, "status": status, "trend": json.dumps(TREND)}
    with db.engine.begin() as connection:
        connection.execute(text(statement), {**values, "forecast": json.dumps(forecast) if forecast else None})


def read_on(db: Any, series_id: uuid.UUID, today: date) -> dict[str, Any]:
    with db.engine.connect() as connection:
        return read(connection, series_id, today)


def test_a_new_series_has_nothing_computed_yet(db: Any, series_id: uuid.UUID) -> None:
    assert read_on(db, series_id, THURSDAY) == {"trend": None, "forecast": None, "no_forecast": None}


def test_a_forecast_is_told_for_seven_market_days_and_then_is_stale(db: Any, series_id: uuid.UUID) -> None:
    store(db, series_id, "ok", FORECAST, MODEL_VERSION)
    last_day = date(2026, 1, 20)  # the day before is a holiday
    assert read_on(db, series_id, last_day) == {"trend": TREND, "forecast": FORECAST, "no_forecast": None}
    assert read_on(db, series_id, date(2026, 1, 21)) == {"trend": TREND, "forecast": None, "no_forecast": "stale"}


def test_too_few_quotes_stay_the_reason_however_old_they_are(db: Any, series_id: uuid.UUID) -> None:
    store(db, series_id, "too few quotes", None, MODEL_VERSION)
    assert read_on(db, series_id, date(2027, 1, 1))["no_forecast"] == "too few quotes"


def marked(db: Any) -> dict[uuid.UUID, int]:
    return {row["series_id"]: row["mark"] for row in db.rows("SELECT series_id, mark FROM forecasts_due")}


def test_a_changed_quote_and_a_withdrawn_one_make_their_series_due(
    shelf: Any, db: Any, series_id: uuid.UUID, mars: Callable[..., str]
) -> None:
    assert marked(db) == {series_id: 1}
    shelf.crawl(a=mars({"low_price": "29.00"}))
    assert marked(db) == {series_id: 2}
    shelf.crawl(a=mars({"low_price": "", "high_price": "", "reporter_comment": "offerings insufficient"}))
    assert marked(db) == {series_id: 3}
    assert db.value("SELECT count(*) FROM day_quotes") == 0


@pytest.mark.parametrize(
    ("status", "version", "today", "is_due"),
    [
        ("ok", MODEL_VERSION, date(2026, 1, 20), False),
        ("ok", MODEL_VERSION, date(2026, 1, 21), True),
        ("stale", MODEL_VERSION, date(2026, 1, 21), False),
        ("too few quotes", MODEL_VERSION, date(2026, 1, 21), False),
        ("too few quotes", MODEL_VERSION - 1, THURSDAY, True),
        ("too few quotes", MODEL_VERSION + 1, THURSDAY, False),
    ],
)
def test_what_grows_stale_or_is_of_an_older_model_is_due(
    db: Any, series_id: uuid.UUID, status: str, version: int, today: date, *, is_due: bool
) -> None:
    store(db, series_id, status, FORECAST if status == "ok" else None, version)
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM forecasts_due"))
        due.mark_outdated(connection, today)
    assert marked(db) == ({series_id: 1} if is_due else {})
