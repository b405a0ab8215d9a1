"""What staff type into planning forms, read into values; what makes no sense is remembered with a sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from orders.domain.hub_time import NoSuchTime, moment_of, wall_clock
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.typed_money import MAX_DIGITS, cents_of

MAX_TYPED_CHARACTERS = 40
MAX_TEXT_KEPT = 2_000
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")


def usd(amount: Decimal) -> str:
    """Write what the market asks for a package."""
    return f"${amount:,.2f}"


def signed_pct(change: Decimal) -> str:
    """Write a change with its sign, to a tenth."""
    return f"{change:+.1f} %"


def local_text(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write a moment into a `datetime-local` field."""
    return "" if moment is None else wall_clock(moment, zone).strftime("%Y-%m-%dT%H:%M")


@dataclass
class Typed:
    """A form's texts, read one by one; `wrong` maps the names of fields to sentences."""

    texts: Mapping[str, str]
    zone: ZoneInfo
    wrong: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text as it was typed, with line ends as this system has them."""
        return self.texts.get(name, "").replace("\r\n", "\n")[:MAX_TEXT_KEPT]

    def moment(self, name: str, *, required: bool = True) -> datetime | None:
        """Read a `datetime-local` field by the hub's clock."""
        text = self._short(name)
        if not text:
            self._missing(name, required=required)
            return None
        try:
            return moment_of(_local(text), self.zone)
        except NoSuchTime:
            self.wrong[name] = _("This time does not exist: the clocks are set forward that night. Choose another one.")
        except (ValueError, OverflowError):
            self.wrong[name] = _("Write a day and a time, such as 2026-01-08 18:00.")
        return None

    def day(self, name: str) -> date | None:
        """Read a `date` field."""
        text = self._short(name)
        if not text:
            self._missing(name, required=True)
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.wrong[name] = _("Write a day, such as 2026-01-08.")
            return None

    def cents(self, name: str) -> int | None:
        """Read a price."""
        text = self._short(name)
        if not text:
            self._missing(name, required=True)
            return None
        found = cents_of(text)
        if found is None:
            self.wrong[name] = _("Write a price in dollars, such as 34.50.")
        return found

    def number(self, name: str) -> int | None:
        """Read a whole number; empty means none."""
        text = self._short(name).replace(",", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
            self.wrong[name] = _("Write a whole number, or leave it empty.")
            return None
        return int(text)

    def _short(self, name: str) -> str:
        return self.texts.get(name, "").strip()[: MAX_TYPED_CHARACTERS + 1]

    def _missing(self, name: str, *, required: bool) -> None:
        if required:
            self.wrong[name] = _("Fill this in.")


def _local(text: str) -> datetime:
    if not _LOCAL.fullmatch(text):
        raise ValueError("not a time as browsers send it")
    return datetime.fromisoformat(text)
