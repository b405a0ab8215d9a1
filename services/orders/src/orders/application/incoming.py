"""Reading other services' events: only the fields needed, tolerant of all others, strict about those."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from orders.application.ports import CrawlSeen, MailOutcome, Quote, WithdrawnQuote
from orders.application.trends import Band, Forecast

MAIL_STATES = ("sent", "deferred", "failed", "suppressed")
MAX_REASON_CHARACTERS = 500
MAX_FORECAST_POINTS = 60
MAX_TREND_PCT = Decimal(99_999)
MAX_METHOD_CHARACTERS = 64
MAX_PRICE_USD = Decimal(1_000_000)


class Unreadable(ValueError):
    """An event that can never be read: a field is missing or makes no sense."""


def read_quotes(data: Mapping[str, Any]) -> Sequence[Quote]:
    """Read `usda.price.recorded.v1`; a quote without a reference price is no quote and is left out."""
    try:
        market, report_id = _text(data["market"]), _text(data["report_id"])
        return [_quote(item, market, report_id) for item in data["quotes"] if item.get("reference") is not None]
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise Unreadable(f"price: {type(error).__name__}: {error}") from error


def read_withdrawn(data: Mapping[str, Any]) -> Sequence[WithdrawnQuote]:
    """Read what `usda.price.recorded.v1` takes back; older publishers take nothing back."""
    try:
        return [
            WithdrawnQuote(str(UUID(item["series_id"])), date.fromisoformat(item["date"]))
            for item in data.get("withdrawn") or ()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"withdrawn: {type(error).__name__}: {error}") from error


def read_forecasts(data: Mapping[str, Any]) -> Sequence[Forecast]:
    """Read `usda.forecast.updated.v1`."""
    try:
        return [_forecast(item) for item in data["series"]]
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise Unreadable(f"forecast: {type(error).__name__}: {error}") from error


def read_crawl(data: Mapping[str, Any], at: datetime) -> CrawlSeen:
    """Read `usda.crawl.progressed.v1` or `.failed.v1`; `at` is the event's time."""
    try:
        return CrawlSeen(str(data["source"]), str(data["crawl_id"]), str(data["state"]), at)
    except KeyError as error:
        raise Unreadable(f"crawl: {error} is missing") from error


def read_mail(data: Mapping[str, Any], state: str) -> MailOutcome:
    """Read `notify.email.*.v1` (`MAIL_STATES`); `state` is the verb of its type."""
    try:
        return MailOutcome(
            message_id=str(data["message_id"]),
            kind=str(data["kind"]),
            state=state,
            person_id=_uuid_or_none(data.get("person_id")),
            order_id=_uuid_or_none(data.get("order_id")),
            at=datetime.fromisoformat(data["at"]).astimezone(UTC),
            reason=_printable(data.get("reason") or "")[:MAX_REASON_CHARACTERS],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"mail: {type(error).__name__}: {error}") from error


def _quote(item: Mapping[str, Any], market: str, report_id: str) -> Quote:
    reference = _price(item["reference"])
    if reference is None:
        raise ValueError("no reference")
    return Quote(
        series_id=str(UUID(item["series_id"])),
        market=market,
        report_id=report_id,
        commodity=_text(item["commodity"]),
        variety=_text(item.get("variety") or ""),
        package=_text(item.get("package") or ""),
        size=_text(item.get("size") or ""),
        organic=bool(item.get("organic")),
        quoted_on=date.fromisoformat(item["date"]),
        low=_price(item.get("low")),
        high=_price(item.get("high")),
        mostly_low=_price(item.get("mostly_low")),
        mostly_high=_price(item.get("mostly_high")),
        reference=reference,
    )


def _forecast(item: Mapping[str, Any]) -> Forecast:
    points = item["points"]
    if not isinstance(points, list) or len(points) > MAX_FORECAST_POINTS:
        raise ValueError(f"more than {MAX_FORECAST_POINTS} points, or no list of them")
    return Forecast(
        series_id=str(UUID(item["series_id"])),
        as_of=date.fromisoformat(item["as_of"]),
        trend_pct_week=_bounded(item["trend_pct_week"], -MAX_TREND_PCT, MAX_TREND_PCT),
        method=_printable(item["method"])[:MAX_METHOD_CHARACTERS],
        points=tuple(sorted(map(_band, points), key=lambda band: band.on)),
        coverage=_bounded(item["coverage"], Decimal(0), Decimal(1)),
    )


def _band(point: Mapping[str, Any]) -> Band:
    value, low, high = (_price(point[name]) for name in ("value", "low", "high"))
    if value is None or low is None or high is None or low > high:
        raise ValueError("a point without a band")
    return Band(date.fromisoformat(point["date"]), value, low, high)


def _bounded(value: object, least: Decimal, most: Decimal) -> Decimal | None:
    if value is None:
        return None
    number = Decimal(str(value))
    if not number.is_finite() or not least <= number <= most:
        raise ValueError(f"{value} is not from {least} to {most}")
    return number


def _price(value: object) -> Decimal | None:
    if value is None:
        return None
    price = Decimal(str(value))
    if not price.is_finite() or not 0 <= price <= MAX_PRICE_USD:
        raise ValueError(f"{value} is no price")
    return price


def _text(value: object) -> str:
    """Read a text of the reports; what the database could not hold can't be read at all."""
    text = str(value)
    text.encode()
    if "\x00" in text:
        raise ValueError("a text with NUL")
    return text


def _uuid_or_none(value: object) -> str | None:
    return None if value is None else str(UUID(str(value)))


def _printable(reason: object) -> str:
    return "".join(character for character in str(reason) if character.isprintable())
