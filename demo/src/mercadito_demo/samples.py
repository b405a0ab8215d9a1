"""The sample set: price reports in the format of the USDA's MARS files, made up and marked as such.

Every value is a function of line and date alone, so that a set made tomorrow repeats today's quotes and a second
crawl finds them unchanged.
"""

import csv
import gzip
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from mercadito_demo.assortment import FRUIT, ONIONS_POTATOES, VEGETABLES, Line

MARKET_DAYS = 20
SEASONAL_SWING = 0.06
WEEKLY_SWING = 0.03
DAILY_SWING = 0.01
QUARTER = 0.25
FIRST_WEEKEND_DAY = 5
ABSENT = "N/A"
NOTICE = 'SAMPLE, made up by Mercadito for a demo. Not a USDA report.\n"MARKET" and prices below are invented.'

# The columns of both MARS sections, in the order in which they stand when flattened into one file.
COLUMN_NAMES = (
    "report_begin_date report_end_date report_date published_Date market_type state city slug_id slug_name report_title"
    " final_ind report_narrative special_notes _section published_date office_name office_state office_city"
    " market_location_name market_location_state market_location_city group category commodity variety repack package"
    " storage transportation_mode grade unit_sales item_size appearance quality condition organic crop origin district"
    " environment properties low_price high_price mostly_low_price mostly_high_price market_tone_comments"
    " offerings_comments reporter_comment commodity_comments report_footnotes"
)
COLUMNS = COLUMN_NAMES.split()


@dataclass(frozen=True, slots=True)
class Report:
    """One sample report; its number lies outside the range that the USDA uses."""

    number: int
    slug: str
    contents: str
    category: str
    lines: Sequence[Line]

    @property
    def title(self) -> str:
        """Return the report's title, which says that it is a sample."""
        return f"SAMPLE (not USDA) Los Angeles Terminal Market {self.contents} Prices ({self.slug})"


REPORTS = (
    Report(990001, "SAMPLE_FV010", "Fruit", "Fruits", FRUIT),
    Report(990002, "SAMPLE_FV020", "Vegetables", "Vegetables", VEGETABLES),
    Report(990003, "SAMPLE_FV030", "Onions and Potatoes", "Onions And Potatoes", ONIONS_POTATOES),
)


def market_days(today: date) -> list[date]:
    """Return the last working days up to and including ``today``, newest first as MARS lists them."""
    days: list[date] = []
    day = today
    while len(days) < MARKET_DAYS:
        if day.weekday() < FIRST_WEEKEND_DAY:
            days.append(day)
        day -= timedelta(days=1)
    return days


def _chance(*parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def _quarters(price: float) -> float:
    return round(price / QUARTER) * QUARTER


def _low(line: Line, day: date) -> float:
    name = "|".join(line[:5])
    week = day.isocalendar()
    season = math.sin(2 * math.pi * (day.timetuple().tm_yday / 365 + _chance(name))) * SEASONAL_SWING
    weekly = (2 * _chance(name, week.year, week.week) - 1) * WEEKLY_SWING
    daily = (2 * _chance(name, day) - 1) * DAILY_SWING
    return max(QUARTER, _quarters(line.price * (1 + season + weekly + daily)))


def _quote(line: Line, day: date) -> dict[str, str]:
    """Return the price columns: a range, for some lines one price or the mostly range too, rarely no quote."""
    shape = _chance("shape", *line[:5])
    if _chance("quoted", *line[:5], day) < 0.01:  # noqa: PLR2004 - about one in a hundred, as in the real reports
        return {"reporter_comment": "insufficient to quote"}
    low = _low(line, day)
    if shape < 0.2:  # noqa: PLR2004 - a fifth of the real lines gives one price and leaves the high one blank
        return {"low_price": f"{low:.2f}"}
    spread = max(0.5, _quarters(line.price * 0.08))
    prices = {"low_price": f"{low:.2f}", "high_price": f"{low + spread:.2f}"}
    if shape > 0.8 and spread >= 2:  # noqa: PLR2004 - a fifth of the real lines gives a mostly range
        prices |= {"mostly_low_price": f"{low + 0.5:.2f}", "mostly_high_price": f"{low + spread - 0.5:.2f}"}
    return prices


def _report_columns(report: Report, day: date) -> dict[str, str]:
    written = f"{day:%m/%d/%Y}"
    return {
        "report_begin_date": written,
        "report_end_date": written,
        "report_date": written,
        "market_type": "Terminal",
        "slug_id": str(report.number),
        "slug_name": report.slug,
        "report_title": report.title,
        "report_narrative": NOTICE,
    }


def _header(report: Report, day: date) -> dict[str, str]:
    place = {"state": "CA", "city": "Los Angeles", "final_ind": "Final", "_section": "Report Header"}
    return {**_report_columns(report, day), **place, "published_Date": f"{day:%m/%d/%Y} 13:30:00"}


def _detail(report: Report, line: Line, day: date) -> dict[str, str]:
    absent = "repack storage transportation_mode unit_sales appearance quality condition crop district environment"
    return {
        **_report_columns(report, day),
        **dict.fromkeys(absent.split(), ABSENT),
        "_section": "Report Details",
        "published_date": f"{day:%m/%d/%Y} 13:30:00",
        "office_name": "SAMPLE, no office",
        "office_state": "CA",
        "office_city": "Los Angeles",
        "market_location_name": "Los Angeles Terminal Market",
        "market_location_state": "CA",
        "market_location_city": "Los Angeles",
        "group": "Specialty Crops",
        "category": report.category,
        "commodity": line.commodity,
        "variety": line.variety,
        "package": line.package,
        "grade": line.grade,
        "item_size": line.size,
        "organic": line.organic,
        "origin": line.origin,
        "market_tone_comments": "MARKET STEADY",
        **_quote(line, day),
    }


def _rows(report: Report, today: date) -> Iterator[dict[str, str]]:
    for day in market_days(today):
        yield _header(report, day)
        for line in report.lines:
            yield _detail(report, line, day)


def report_csv(report: Report, today: date) -> bytes:
    """Return one sample report as MARS flattens it: both sections in one table, newlines quoted."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(report, today))
    return text.getvalue().encode()


def write_samples(folder: Path, today: date) -> None:
    """Write the sample set as it stands on ``today``: two plain files, one packed, and a list that holds no prices."""
    fruit, vegetables, onions = REPORTS
    (folder / "SAMPLE Los Angeles fruit.csv").write_bytes(report_csv(fruit, today))
    packed = gzip.compress(report_csv(vegetables, today), mtime=0)
    (folder / "SAMPLE_Los-Angeles_vegetables.csv.gz").write_bytes(packed)
    (folder / "SAMPLE_Los-Angeles_onions-potatoes.csv").write_bytes(report_csv(onions, today))
    numbers = "".join(f"{report.number},{report.slug},{report.contents}\n" for report in REPORTS)
    (folder / "SAMPLE_report_numbers.csv").write_text("number,slug,contents\n" + numbers)
