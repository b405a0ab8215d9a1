"""What templates may say: the words of the reader's language, money, days and times, the way to a static file."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Flask

from orders.domain import packs
from orders.entrypoints.pages.formats import money, unix_ms
from orders.entrypoints.pages.reader import caller, formats, gettext, here, locale, ngettext
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.typed import signed_pct, usd
from orders.entrypoints.pages.typed_money import dollars_of


def install(app: Flask) -> None:
    """Add filters, globals and translations to the app's templates."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    filters: dict[str, Callable[..., object]] = {
        "money": money,
        "number": lambda value: formats().number(value),
        "day": lambda day: formats().day(day),
        "long_day": lambda day: formats().long_day(day),
        "short_day": _short_day,
        "moment": lambda moment: formats().moment(moment),
        "clock": lambda moment: formats().clock(moment),
        "unix_ms": unix_ms,
        "pack": lambda pack: packs.pack_in(pack, locale()),
        "unit": lambda pack: packs.unit_in(pack, locale()),
        "usd": usd,
        "dollars": dollars_of,
        "signed_pct": signed_pct,
        "category": lambda category: packs.category_in(category, locale()),
    }
    app.jinja_env.filters |= filters
    app.context_processor(_context)


def _short_day(day: date) -> str:
    return formats().short_day(day)


def _context() -> dict[str, Any]:
    return {
        "me": caller(),
        "locale": locale(),
        "hub": site().hub,
        "static": site().static,
        "here_path": here(),
    }
