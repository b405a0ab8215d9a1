"""Money, dates and times as the reader of a mail writes them."""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name

from notify.writing.words_of_time import HALVES_OF_A_DAY, MONTHS, REGIONS, WEEKDAYS, ZONE_NAMES, Season

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")

# Spanish as it is written in the United States: $1,234.50 and 8:00 p.m.
CLDR_LOCALES: dict[Language, str] = {"en": "en_US", "es": "es_US"}

# A mail tells the same few times several times, and thousands of mails tell the same ones.
KEPT_WORDS = 256

# CLDR has no generic name for these and says "Unknown Region".
NAMELESS_ZONES = frozenset({"UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"})


def language_of(locale: str) -> Language:
    """Return the language we write to someone whose locale is ``locale``; English where we know no better."""
    return "es" if locale.lower().startswith("es") else "en"


def money(cents: int) -> str:
    """Return US dollars, from integer cents alone: ``$1,234.50``."""
    dollars, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${dollars:,}.{rest:02}"


def day(on: date, language: Language) -> str:
    """Return ``Tuesday, November 24`` or ``martes 24 de noviembre``."""
    weekday, month = WEEKDAYS[language][on.weekday()], MONTHS[language][on.month - 1]
    return f"{weekday} {on.day} de {month}" if language == "es" else f"{weekday}, {month} {on.day}"


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """Return day, time and the zone's name."""
    return f"{day(at.astimezone(zone).date(), language)}, {clock(at, zone, language)}"


def clock(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """Return time and the zone's name; in an hour that a clock change repeats, the name tells the two apart."""
    # In UTC: two moments of a repeated hour count as equal in a zone of their own.
    return _clock(at.astimezone(UTC), zone, language)


@lru_cache(KEPT_WORDS)
def _clock(at: datetime, zone: ZoneInfo, language: Language) -> str:
    local = at.astimezone(zone)
    repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    time = f"{local.hour % 12 or 12}:{local:%M} {HALVES_OF_A_DAY[language][local.hour // 12]}"
    return f"{_unbroken(time)} ({_unbroken(_zone_name(local, zone, language, repeated=repeated))})"


def _zone_name(local: datetime, zone: ZoneInfo, language: Language, *, repeated: bool) -> str:
    if zone.key in NAMELESS_ZONES:
        return "UTC"
    if (region := REGIONS.get(zone.key)) is None:
        return get_timezone_name(local if repeated else zone, locale=CLDR_LOCALES[language])
    season: Season = "any" if not repeated else "daylight" if local.dst() else "standard"
    return ZONE_NAMES[language][season].format(region[language])


def _unbroken(words: str) -> str:
    return words.replace(" ", "\u00a0")
