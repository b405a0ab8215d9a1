"""What we say of days and hours is what CLDR says, by Babel."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date, format_time, get_timezone_name
from notify.writing.formats import CLDR_LOCALES, LANGUAGES, Language, clock, day
from notify.writing.words_of_time import REGIONS

PATTERNS: dict[Language, str] = {"en": "EEEE, MMMM d", "es": "EEEE d 'de' MMMM"}
SUMMER, WINTER = datetime(2026, 7, 2, 6, 30, tzinfo=UTC), datetime(2026, 12, 2, 6, 30, tzinfo=UTC)
CLOCKS_GO_BACK = date(2026, 11, 1)


def by_cldr(at: datetime, zone: ZoneInfo, language: Language, *, repeated: bool) -> str:
    local, locale = at.astimezone(zone), CLDR_LOCALES[language]
    words = format_time(local, "short", tzinfo=zone, locale=locale).replace("\u202f", " ")
    return f"{words} ({get_timezone_name(local if repeated else zone, locale=locale)})".replace(" ", "\u00a0").replace(
        "\u00a0(", " ("
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_leap_year(language: Language) -> None:
    for number in range(366):
        on = date(2028, 1, 1) + timedelta(days=number)
        assert day(on, language) == format_date(on, PATTERNS[language], locale=CLDR_LOCALES[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_minute_of_a_day(language: Language) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    for minute in range(24 * 60):
        at = datetime.combine(SUMMER.date(), time(), UTC) + timedelta(minutes=minute)
        assert clock(at, zone, language) == by_cldr(at, zone, language, repeated=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", [*REGIONS, "America/Puerto_Rico", "America/Mexico_City", "Europe/Madrid"])
def test_every_zone_in_summer_winter_and_in_the_hours_in_which_clocks_go_back(key: str, language: Language) -> None:
    zone = ZoneInfo(key)
    for at in (SUMMER, WINTER):
        assert clock(at, zone, language) == by_cldr(at, zone, language, repeated=False)
    for minute in range(0, 24 * 60, 15):
        at = datetime.combine(CLOCKS_GO_BACK, time(), UTC) + timedelta(minutes=minute)
        local = at.astimezone(zone)
        repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        assert clock(at, zone, language) == by_cldr(at, zone, language, repeated=repeated)
