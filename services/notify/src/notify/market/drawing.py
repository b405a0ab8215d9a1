"""Have a digest's chart drawn by a child process; what goes wrong there costs the picture, not the mail."""

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

import structlog

from notify.market.digest import Digest, Line
from notify.writing.formats import Language, money
from notify.writing.words_of_time import MONTHS

MAX_S = 10.0
MAX_PNG_BYTES = 60_000
"""A larger picture is left out: it is mailed to everybody."""
LEAST_SPAN = 0.1
"""A curve's height is at least this share of the price: a few cents shall not look like a leap."""
LETTERS_OF_A_MONTH = 3
PNG = b"\x89PNG\r\n\x1a\n"
COMMAND = (sys.executable, "-I", "-m", "notify.market.chart")

_log = structlog.get_logger(__name__)


def chart(digest: Digest, language: Language) -> bytes | None:
    """Return the chart as a PNG, 600 points wide at twice as many pixels; None where there is none."""
    if not digest.lines:
        return None
    what = json.dumps(_what(digest, language)).encode()
    try:
        # It needs no setting and no secret of ours.
        drawn = subprocess.run(COMMAND, input=what, capture_output=True, timeout=MAX_S, check=True, env={})  # noqa: S603 - our own module
    except (OSError, subprocess.SubprocessError) as problem:
        _log.error("digest_not_drawn", language=language, problem=type(problem).__name__)
        return None
    if not drawn.stdout.startswith(PNG) or len(drawn.stdout) > MAX_PNG_BYTES:
        _log.error("digest_not_drawn", language=language, problem=f"{len(drawn.stdout)} bytes")
        return None
    return drawn.stdout


def _what(digest: Digest, language: Language) -> dict[str, Any]:
    days = max((digest.until - digest.since).days, 1)
    return {
        "since": _day(digest.since, language),
        "until": _day(digest.until, language),
        "rows": [_row(digest, line, days, language) for line in digest.lines],
    }


def _row(digest: Digest, line: Line, days: int, language: Language) -> dict[str, Any]:
    move = digest.moves[line.move]
    low, high = _bounds([cents for _, cents in line.points] + [move.last_cents])

    def spot(on: date, cents: int) -> tuple[float, float]:
        return (on - digest.since).days / days, (cents - low) / (high - low)

    return {
        "name": move.name_es if language == "es" else move.name,
        "price": money(move.cents),
        "change": move.percent,
        "way": move.way,
        "low": money(low).removesuffix(".00"),
        "high": money(high).removesuffix(".00"),
        "before": spot(move.last_on, move.last_cents),
        "points": [spot(on, cents) for on, cents in line.points],
    }


def _bounds(cents: Sequence[int]) -> tuple[int, int]:
    """Return what the lower and the upper line stand for: whole dollars, and far enough apart not to dramatise."""
    low, high = min(cents) // 100 * 100, -(-max(cents) // 100) * 100
    least = max(math.ceil(high * LEAST_SPAN / 100) * 100, 100)
    return (low, high) if high - low >= least else (max(high - least, 0), high)


def _day(on: date, language: Language) -> str:
    month = MONTHS[language][on.month - 1][:LETTERS_OF_A_MONTH]
    return f"{on.day} {month}" if language == "es" else f"{month} {on.day}"
