"""What this service reads of others' events, and that what it sends is what the published schemas promise."""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mercadito_events.envelope import MAX_BODY_BYTES, Event
from mercadito_events.service.database import DatabaseSettings
from sqlalchemy import make_url
from usda_ingest.announcing.announcements import DayQuote, prices_recorded
from usda_ingest.announcing.forecasts import forecasts_updated
from usda_ingest.announcing.republish import Told, republish
from usda_ingest.api.signed_in import remember_sign_out
from usda_ingest.errors import CrawlBusy
from usda_ingest.forecasting.computing import compute
from usda_ingest.storing import crawls

SERVICE = Path(__file__).resolve().parents[2]
EVENTS = SERVICE.parents[1] / "events"
CONSUMED = sorted((SERVICE / "contracts" / "consumes").glob("*.schema.json"))


def published(subject: str) -> dict[str, Any]:
    return json.loads((EVENTS / "examples" / f"{subject}.json").read_text())  # type: ignore[no-any-return]


def check(type_: str, body: dict[str, Any]) -> None:
    schema = json.loads((EVENTS / "schemas" / f"{type_}.schema.json").read_text())
    jsonschema.validate(body, schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("contract", CONSUMED, ids=lambda path: path.name)
def test_the_publishers_example_fulfils_what_is_read_of_it(contract: Path) -> None:
    example = published(contract.name.removesuffix(".schema.json"))
    jsonschema.validate(example["body"], json.loads(contract.read_text()))


def test_the_reader_accepts_the_publishers_example_and_unknown_fields(db: Any) -> None:
    example = published("orders.person.signed_out.v1")
    body = {**example["body"], "until": "2099-01-01T00:00:00Z", "unknown": {"field": [1]}}
    event = Event.from_message("orders.person.signed_out.v1", example["headers"], json.dumps(body).encode())
    with db.engine.begin() as connection:
        remember_sign_out(connection, event)
    assert db.value("SELECT person_id FROM sign_outs") == body["person_id"]


def test_everything_that_is_sent_fulfils_its_schema(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    legacy = (
        "Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size,Unit of Sale\n"
        "AVOCADOS,BOSTON,Organic,cartons 2 layer,HASS,06/22/2021,.5,32.1234,MEXICO,48s,PER LB\n"
        "AVOCADOS,ST. LOUIS,,,,06/22/2021,0.3333,0.3334,,,\n"
    )
    shelf.crawl(a=mars({}, {"mostly_low_price": "31.00"}), b=legacy, c=b"<html>", d=mars({"low_price": "x"}))
    withdrawn = mars(
        {"low_price": "", "high_price": ""}, {"low_price": "", "high_price": "", "reporter_comment": "none"}
    )
    shelf.crawl(e=withdrawn)
    assert "withdrawn" in db.events("usda.price.recorded.v1")[-1]
    rows = db.rows("SELECT type, body FROM outbox ORDER BY id")
    for row in rows:
        check(row["type"], json.loads(bytes(row["body"])))
    types = {row["type"] for row in rows}
    assert types == {"usda.crawl.progressed.v1", "usda.price.recorded.v1", "usda.report.ingested.v1"}


def test_a_large_day_is_split_into_events_that_fit(mars: Callable[..., str], shelf: Any, db: Any) -> None:
    wide = "x" * 190
    rows = ({"item_size": f"{size}s", "variety": wide, "package": wide, "commodity": wide} for size in range(1_100))
    shelf.crawl(a=mars(*rows))
    events = db.rows("SELECT body FROM outbox WHERE type = 'usda.price.recorded.v1' ORDER BY id")
    sizes = [len(bytes(row["body"])) for row in events]
    assert max(sizes) <= MAX_BODY_BYTES
    counts = [len(json.loads(bytes(row["body"]))["quotes"]) for row in events]
    assert sum(counts) == 1_100
    assert max(counts) <= 500


def forecast(db: Any, today: date) -> None:
    compute(DatabaseSettings(make_url(db.urls.app_url)), today, threading.Event())


def daily(mars: Callable[..., str], *, days: int = 20, **fields: str) -> str:
    """Write a quote of every day from Thursday the first of January on."""
    dates = [date(2026, 1, 1) + timedelta(days=on) for on in range(2 * days)]
    quoted = [on for on in dates if on.weekday() < 5][:days]
    return mars(*({"report_date": f"{on:%m/%d/%Y}", **fields} for on in quoted))


def test_a_forecast_and_its_end_fulfil_the_schema(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=daily(mars), b=daily(mars, low_price="0.55", high_price="0.6025", item_size="tiny"))
    forecast(db, date(2026, 1, 29))
    forecast(db, date(2026, 2, 28))
    told = db.events("usda.forecast.updated.v1")
    for body in told:
        check("usda.forecast.updated.v1", body)
    assert [[len(item["points"]) for item in body["series"]] for body in told] == [[10, 10], [0, 0]]


def test_many_forecasts_are_split_into_events_that_fit() -> None:
    points = [{"date": "2026-01-01", "value": "999999.99", "low": "999999.99", "high": "999999.99"}] * 10
    item = {"series_id": str(uuid.uuid4()), "as_of": "2026-01-01", "points": points, "method": "change-regression"}
    for count, size in ((1_100, 10), (1_100, 0)):
        series = [{**item, "points": points[:size]} for _ in range(count)]
        events = list(forecasts_updated(series))
        assert [item for event in events for item in event.data["series"]] == series
        assert all(len(event.data["series"]) <= 500 and len(event.body()) <= MAX_BODY_BYTES for event in events)
    assert list(forecasts_updated([])) == []


def test_republish_tells_the_latest_quote_and_forecast_of_every_series(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=daily(mars), b=mars({"report_date": "01/28/2026", "low_price": "31"}, {"commodity": "Limes"}))
    forecast(db, date(2026, 1, 29))
    before = len(db.events("usda.price.recorded.v1"))
    first = db.events("usda.forecast.updated.v1")
    assert republish(DatabaseSettings(make_url(db.urls.app_url))) == Told(quotes=2, forecasts=2)
    again = db.events("usda.price.recorded.v1")[before:]
    told = {quote["commodity"]: (quote["date"], quote["low"]) for event in again for quote in event["quotes"]}
    assert told == {"Avocados": ("2026-01-28", "31.00"), "Limes": ("2026-01-08", "30.00")}
    forecasts = [item for event in db.events("usda.forecast.updated.v1")[len(first) :] for item in event["series"]]
    assert [item for item in forecasts if item["points"]] == first[0]["series"]
    assert [item["method"] for item in forecasts if not item["points"]] == ["none"]


def test_republish_keeps_out_of_a_crawls_way(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    before = len(db.events("usda.price.recorded.v1"))
    with crawls.single_flight(db.engine), pytest.raises(CrawlBusy):
        republish(DatabaseSettings(make_url(db.urls.app_url)))
    assert len(db.events("usda.price.recorded.v1")) == before


def test_no_events_come_of_no_quotes() -> None:
    nothing: list[DayQuote] = []
    assert list(prices_recorded(nothing)) == []
