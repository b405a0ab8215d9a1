"""What this service reads of others' events, against the publishers' own examples."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orders.application.incoming import (
    Unreadable,
    read_crawl,
    read_forecasts,
    read_mail,
    read_quotes,
    read_withdrawn,
)

EXPECTED = Path(__file__).resolve().parents[2] / "contracts" / "consumes"
EXAMPLES = Path(__file__).resolve().parents[4] / "events" / "examples"
NOW = datetime(2026, 1, 8, tzinfo=UTC)
READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "usda.price.recorded.v1": lambda data: (read_quotes(data), read_withdrawn(data)),
    "usda.forecast.updated.v1": read_forecasts,
    "usda.crawl.progressed.v1": lambda data: read_crawl(data, NOW),
    "usda.crawl.failed.v1": lambda data: read_crawl(data, NOW),
    "notify.email.sent.v1": lambda data: read_mail(data, "sent"),
    "notify.email.deferred.v1": lambda data: read_mail(data, "deferred"),
    "notify.email.failed.v1": lambda data: read_mail(data, "failed"),
    "notify.email.suppressed.v1": lambda data: read_mail(data, "suppressed"),
}
subjects = pytest.mark.parametrize("subject", sorted(READERS))


def example(subject: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((EXAMPLES / f"{subject}.json").read_text())["body"]
    return body


def with_more(value: Any) -> Any:
    """Add fields nobody knows, everywhere."""
    if isinstance(value, dict):
        return {**{name: with_more(inner) for name, inner in value.items()}, "added_later": {"a": [1]}}
    return [with_more(inner) for inner in value] if isinstance(value, list) else value


def test_every_subject_that_is_read_has_an_expectation_and_none_is_left_over() -> None:
    assert {file.name.removesuffix(".schema.json") for file in EXPECTED.iterdir()} == READERS.keys()


@subjects
def test_the_publishers_example_has_all_that_is_read(subject: str) -> None:
    schema = json.loads((EXPECTED / f"{subject}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(example(subject), schema, format_checker=jsonschema.FormatChecker())


@subjects
def test_the_reader_takes_the_example_and_whatever_is_added_to_it(subject: str) -> None:
    assert READERS[subject](example(subject)) == READERS[subject](with_more(example(subject)))


@subjects
def test_a_body_without_what_is_needed_is_unreadable_and_not_a_crash(subject: str) -> None:
    schema = json.loads((EXPECTED / f"{subject}.schema.json").read_text())
    for name in schema["required"]:
        lacking = {key: value for key, value in example(subject).items() if key != name}
        with pytest.raises(Unreadable):
            READERS[subject](lacking)


def test_a_quote_is_read_exactly() -> None:
    first, second = read_quotes(example("usda.price.recorded.v1"))
    assert (first.market, first.commodity, first.size) == ("Los Angeles", "Avocados", "48s")
    assert (first.reference, first.low, first.quoted_on) == (Decimal("31.50"), Decimal("30.00"), date(2026, 1, 8))
    assert second.mostly_low is None


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "-1"},
        {"reference": "NaN"},
        {"reference": "1e99"},
        {"reference": "a lot"},
        {"reference": [1]},
        {"series_id": "x"},
        {"date": "yesterday"},
        {"date": None},
        {"low": "Infinity"},
    ],
)
def test_a_quote_that_makes_no_sense_is_unreadable(change: dict[str, Any]) -> None:
    body = example("usda.price.recorded.v1")
    body["quotes"][0].update(change)
    with pytest.raises(Unreadable):
        read_quotes(body)


@pytest.mark.parametrize("quotes", [None, 7, "x", [None], [7], {"a": 1}])
def test_quotes_of_another_shape_are_unreadable(quotes: object) -> None:
    with pytest.raises(Unreadable):
        read_quotes({"market": "Los Angeles", "report_id": "2306", "quotes": quotes})


def test_a_forecast_is_read_exactly_and_so_is_its_end() -> None:
    forecast, ended = read_forecasts(example("usda.forecast.updated.v1"))
    assert (forecast.as_of, forecast.trend_pct_week, forecast.method, forecast.coverage) == (
        date(2026, 1, 7),
        Decimal("0.54"),
        "naive",
        Decimal("0.86"),
    )
    assert len(forecast.points) == 10
    assert [(point.on, point.low) for point in forecast.points[:2]] == [
        (date(2026, 1, 8), Decimal("25.00")),
        (date(2026, 1, 9), Decimal("24.99")),
    ]
    assert (ended.as_of, ended.trend_pct_week, ended.points, ended.coverage) == (date(2026, 1, 5), None, (), None)


@pytest.mark.parametrize(
    "change",
    [
        {"series_id": "x"},
        {"as_of": "soon"},
        {"trend_pct_week": "NaN"},
        {"trend_pct_week": 10**9},
        {"coverage": 1.5},
        {"coverage": "much"},
        {"points": None},
        {"points": [{}] * 61},
        {"points": ["2026-01-08"]},
        {"points": [{"date": "2026-01-08", "value": "2", "low": "3", "high": "1"}]},
        {"points": [{"date": "2026-01-08", "value": "2", "low": "-3", "high": "4"}]},
        {"points": [{"date": "2026-01-08", "value": None, "low": "1", "high": "4"}]},
    ],
)
def test_a_forecast_that_makes_no_sense_is_unreadable(change: dict[str, Any]) -> None:
    body = example("usda.forecast.updated.v1")
    body["series"][0].update(change)
    with pytest.raises(Unreadable):
        read_forecasts(body)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_holds_is_unreadable(text: str) -> None:
    body = example("usda.price.recorded.v1")
    body["quotes"][0]["variety"] = text
    with pytest.raises(Unreadable):
        read_quotes(body)


def test_a_reason_is_bounded_and_printable() -> None:
    told = read_mail({**example("notify.email.failed.v1"), "reason": "no\r\n\x00" + "x" * 9_000}, "failed")
    assert len(told.reason) == 500
    assert told.reason.startswith("nox")


def test_nothing_is_withdrawn_by_a_publisher_that_does_not_know_of_it() -> None:
    assert read_withdrawn({"quotes": []}) == []


@pytest.mark.parametrize("withdrawn", [[{"series_id": "x", "date": "2026-01-08"}], [{"date": "2026-01-08"}], ["x"], 7])
def test_a_withdrawal_that_makes_no_sense_is_unreadable(withdrawn: object) -> None:
    with pytest.raises(Unreadable):
        read_withdrawn({"withdrawn": withdrawn})
