"""Money, dates and times as the reader of a mail writes them."""

from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_timezone_name

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")

# Spanish as it is written in the United States: $1,234.50 and 8:00 p. m.
CLDR_LOCALES: dict[Language, str] = {"en": "en_US", "es": "es_US"}
DAY_PATTERNS: dict[Language, str] = {"en": "EEEE, MMMM d", "es": "EEEE d 'de' MMMM"}

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
    return format_date(on, DAY_PATTERNS[language], locale=CLDR_LOCALES[language])


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """Return day, time and the zone's name; in an hour that a clock change repeats, the name tells the two apart."""
    local = at.astimezone(zone)
    locale = CLDR_LOCALES[language]
    repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    name = "UTC" if zone.key in NAMELESS_ZONES else get_timezone_name(local if repeated else zone, locale=locale)
    # CLDR parts "8:00" and "p. m." with narrow spaces, which old phones show as boxes.
    clock = format_time(local, "short", tzinfo=zone, locale=locale).replace("\u202f", " ")
    return f"{day(local.date(), language)}, {_unbroken(clock)} ({_unbroken(name)})"


def _unbroken(words: str) -> str:
    return words.replace(" ", "\u00a0")
