"""Who reads the page, in which language: decided once a request, shared with the templates."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlencode

from flask import g, redirect, request
from werkzeug.wrappers import Response

from orders.application.sessions import Caller
from orders.domain.errors import Unauthenticated
from orders.entrypoints.identity import SAFE_METHODS, caller_or_none, require_scope
from orders.entrypoints.pages.formats import Formats
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.translations import LOCALES, SOURCE_LOCALE

LANGUAGE_COOKIE = "mercadito_language"
LANGUAGE_COOKIE_S = 365 * 24 * 3600
MAX_NEXT_CHARACTERS = 2_000

P = ParamSpec("P")


def caller() -> Caller | None:
    """Return who is signed in here, or None; asked of the database once a request."""
    if "reader" not in g:
        g.reader = caller_or_none()
    return g.reader if isinstance(g.reader, Caller) else None


def guard_scope() -> None:
    """Refuse a page's form to a token that was made for reading; the API has a guard of its own."""
    is_form = request.method not in SAFE_METHODS and not request.path.startswith("/api/")
    if is_form and request.headers.get("Authorization"):
        found = caller()
        if found is not None:
            require_scope(found)


def enter(person: Caller, session_secret: str) -> None:
    """Draw the rest of this request for somebody who has just signed in."""
    g.reader = person
    g.session_secret = session_secret
    g.pop("locale", None)


def signed_in() -> Caller:
    """Return who is signed in; raise Unauthenticated (answered with the sign-in page) when nobody is."""
    person = caller()
    if person is None:
        raise Unauthenticated("sign in first")
    return person


def locale() -> str:
    """Return the reader's language: the person's, else the one chosen here before, else what the browser asks for."""
    if "locale" not in g:
        g.locale = _choose_locale()
    return str(g.locale)


def formats() -> Formats:
    return Formats(locale(), site().hub.time_zone)


def gettext(message: str) -> str:
    """Translate; variables are filled in by the caller (`%` with names), as Jinja's newstyle does for templates."""
    return str(site().words[locale()].gettext(message))


def ngettext(singular: str, plural: str, number: int) -> str:
    """Translate the form that fits the number."""
    return str(site().words[locale()].ngettext(singular, plural, number))


def private(view: Callable[P, Response]) -> Callable[P, Response]:
    """Send whoever is not signed in to the sign-in page and back; let nobody keep a copy of the page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if caller() is None and request.method == "GET":
            return redirect(f"/sign-in?{urlencode({'next': here()})}", 303)
        signed_in()
        return view(*args, **kwargs)

    return guarded


def here() -> str:
    """Return this page's address within the site, for coming back to it; of one too long to be carried, its path."""
    if request.method != "GET":
        return "/"
    whole = request.full_path.rstrip("?")
    return next((text for text in (whole, request.path) if len(text) <= MAX_NEXT_CHARACTERS), "/")


def local_path(wanted: str | None) -> str:
    """Return an address to go on to: only a path of this site, else the front page."""
    text = (wanted or "")[:MAX_NEXT_CHARACTERS]
    is_path = text.startswith("/") and not text.startswith("//")
    return text if is_path and text.isprintable() and "\\" not in text else "/"


def _choose_locale() -> str:
    person = caller()
    for wanted in (person.locale if person else None, request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in LOCALES:
            return str(wanted)
    return request.accept_languages.best_match(LOCALES, SOURCE_LOCALE) or SOURCE_LOCALE
