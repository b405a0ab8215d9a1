"""The sign-in form, also when a session ended while somebody was typing: what was typed waits inside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Response, render_template
from werkzeug.datastructures import MultiDict

from orders.entrypoints.pages.csrf import FIELD
from orders.entrypoints.pages.order_form import (
    LIMIT_PREFIX,
    MAX_NOTE_KEPT,
    MAX_TYPED_LINES,
    PRICE_PREFIX,
    QUANTITY_PREFIX,
)
from orders.entrypoints.pages.reader import gettext as _

KEPT_PREFIX = "kept-"
MAX_KEPT_FIELDS = 3 * MAX_TYPED_LINES
MAX_EMAIL_SHOWN = 254


@dataclass(frozen=True, slots=True)
class Door:
    """What the sign-in page shows beside its two fields."""

    next_path: str
    email: str = ""
    refusal: str | None = None
    hint: str | None = None
    greeting: str | None = None
    done: str | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


def draw(door: Door, *, status: int = 200) -> Response:
    """Draw the sign-in page."""
    return Response(render_template("pages/sign_in.html", door=door, here="sign-in"), status, mimetype="text/html")


def done_words(done: str | None) -> str | None:
    """Return what is said to somebody who comes from choosing a password."""
    return _("Your password is set. Sign in with it.") if done == "password" else None


def ask_again(form: MultiDict[str, str]) -> Response:
    """Ask for the sign-in in the middle of an order; the page after it has everything typed in its boxes."""
    greeting = _("Your session has ended. Sign in again: what you typed is kept.")
    return draw(Door("/order", greeting=greeting, kept=typed_fields(form)), status=401)


def typed_fields(form: MultiDict[str, str]) -> dict[str, str]:
    """Pick what is worth keeping of an order form: everything that is not empty."""
    typed = (name for name, value in form.items() if value and name.startswith(QUANTITY_PREFIX))
    chosen = {name.removeprefix(QUANTITY_PREFIX) for name in typed}
    found = {
        name: value[:MAX_NOTE_KEPT]
        for name, value in form.items()
        if value and name != FIELD and ((offer := _goes_with(name)) is None or offer in chosen)
    }
    return dict(list(found.items())[:MAX_KEPT_FIELDS])


def _goes_with(name: str) -> str | None:
    """Return the offer whose quantity alone gives a price or a limit its meaning."""
    for prefix in (PRICE_PREFIX, LIMIT_PREFIX):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return None


def kept_form(form: MultiDict[str, str]) -> MultiDict[str, str]:
    """Take the order form out of a posted sign-in form; empty when there was none."""
    kept = ((name, value) for name, value in form.items() if name.startswith(KEPT_PREFIX))
    return MultiDict((name.removeprefix(KEPT_PREFIX), value) for name, value in kept)
