from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.text import one_line, without_addresses
from notify.writing.formats import Language, day, language_of, moment, money

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def said(at: datetime, language: Language) -> str:
    return moment(at, LOS_ANGELES, language).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (0, "$0.00"),
        (5, "$0.05"),
        (123_456, "$1,234.56"),
        (100, "$1.00"),
        (-250, "-$2.50"),
        (10**11, "$1,000,000,000.00"),
    ],
)
def test_money_is_made_of_whole_cents(cents: int, expected: str) -> None:
    assert money(cents) == expected


def test_a_day_is_written_as_its_reader_writes_it() -> None:
    assert day(date(2026, 12, 1), "en") == "Tuesday, December 1"
    assert day(date(2026, 12, 1), "es") == "martes 1 de diciembre"


def test_a_moment_is_told_in_the_hubs_zone_by_name() -> None:
    at = datetime(2026, 7, 2, 6, 30, tzinfo=UTC)
    assert said(at, "en") == "Wednesday, July 1, 11:30 PM (Pacific Time)"
    assert said(at, "es") == "miércoles 1 de julio, 11:30 p.m. (hora del Pacífico)"


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    first, second = datetime(2026, 11, 1, 8, 30, tzinfo=UTC), datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
    assert said(first, "en").endswith("1:30 AM (Pacific Daylight Time)")
    assert said(second, "en").endswith("1:30 AM (Pacific Standard Time)")


def test_universal_time_is_called_so() -> None:
    assert moment(datetime(2026, 7, 2, 6, 30, tzinfo=UTC), ZoneInfo("UTC"), "en").endswith("(UTC)")
    assert moment(datetime(2026, 7, 2, 6, 30, tzinfo=UTC), ZoneInfo("Etc/UTC"), "es").endswith("(UTC)")


@pytest.mark.parametrize(
    ("locale", "language"), [("es", "es"), ("es-MX", "es"), ("ES_US", "es"), ("en", "en"), ("ko", "en"), ("", "en")]
)
def test_a_locale_has_one_of_our_languages(locale: str, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("  a \t b\u2028c ", "a b c"),
        ("left\u202eright\u2066x", "left right x"),
        ("nul\x00l", "nul l"),
        ("lone\ud800surrogate", "lone surrogate"),
        ("Peña · 水果 🥑", "Peña · 水果 🥑"),
        ("", ""),
    ],
)
def test_words_of_others_fit_on_one_line(words: str, expected: str) -> None:
    assert one_line(words) == expected


@given(st.text())
def test_no_line_end_survives(words: str) -> None:
    assert len(one_line(words).splitlines()) <= 1
    one_line(words).encode()


@pytest.mark.parametrize("said", ["<rosa@tienda.example>: unknown", "unknown user: rosa@tienda.example", "rosa@tienda"])
def test_an_address_in_a_reply_is_taken_out(said: str) -> None:
    assert "rosa" not in without_addresses(said)
    assert "[address]" in without_addresses(said)
