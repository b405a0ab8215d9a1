"""The door: signing in and out, and the language one reads in."""

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.commands import Client
from orders.domain import errors
from orders.entrypoints import cookies
from orders.entrypoints.http import client_address
from orders.entrypoints.identity import container
from orders.entrypoints.pages import ordering
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import MAX_EMAIL_SHOWN, Door, draw, kept_form
from orders.entrypoints.pages.reader import LANGUAGE_COOKIE, LANGUAGE_COOKIE_S, caller, enter, local_path
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.translations import LOCALES
from orders.entrypoints.pages.typed import typed

SECONDS_A_MINUTE = 60

blueprint = Blueprint("sessions", __name__)


@blueprint.get("/")
def front() -> AnyResponse:
    """Send everyone to where their work is."""
    person = caller()
    if person is None:
        return redirect("/sign-in", 303)
    return redirect("/staff" if person.actor.is_staff else "/order", 303)


@blueprint.get("/sign-in")
def sign_in_form() -> AnyResponse:
    """Show the form; who is signed in already goes on."""
    if caller() is not None:
        return redirect(local_path(request.args.get("next")), 303)
    return draw(Door(local_path(request.args.get("next"))))


@blueprint.post("/sign-in")
def sign_in() -> AnyResponse:
    """Open a session and go on to where one wanted to; or the form again, e-mail kept, saying why not."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        site().forms.require()
        session = container().accounts.sign_in(email, password, Client(client_address()))
        person = container().accounts.identify_session(session.secret)
    except ForgedForm:
        return _again(_("Please send it once more."), _("This page had been open for a while."), status=403)
    except errors.TooManyAttempts as refused:
        minutes = -(-refused.retry_after_s // SECONDS_A_MINUTE)
        hint = _("Wait %(minutes)s minutes, then try again.") % {"minutes": minutes}
        response = _again(_("Too many attempts."), hint, status=429)
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    except errors.WrongCredentials:
        hint = _("Look for capital letters and extra spaces, then try again.")
        return _again(_("E-mail and password do not go together."), hint, status=401)
    enter(person, session.secret)
    gone = ordering.resume(kept_form(request.form)) or Response(
        status=303, headers={"Location": local_path(request.form.get("next"))}
    )
    cookies.set_session(gone, session)
    cookies.set_identity(gone, container().accounts.identity_token(person))
    # The sign-in page and the pages of failures speak it too, next time.
    _remember_language(gone, person.locale)
    return gone


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """End the session, here and in the other services; a second click finds nothing to end and is fine."""
    site().forms.require()
    person = caller()
    if person is not None:
        container().accounts.sign_out(person)
    gone = Response(status=303, headers={"Location": "/sign-in"})
    cookies.clear(gone)
    return gone


@blueprint.post("/language")
def language() -> AnyResponse:
    """Change the language, for the person where one is signed in, and for this browser."""
    site().forms.require()
    wanted = request.form.get("locale", "")
    gone = Response(status=303, headers={"Location": local_path(request.form.get("next"))})
    if wanted in LOCALES:
        person = caller()
        if person is not None:
            container().accounts.set_locale(person, wanted, site().hub.time_zone.key)
        _remember_language(gone, wanted)
    return gone


def _remember_language(response: Response, wanted: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE, wanted, max_age=LANGUAGE_COOKIE_S, httponly=True, samesite="Lax", secure=site().secure_cookies
    )


def _again(refusal: str, hint: str, *, status: int) -> Response:
    door = Door(
        next_path=local_path(request.form.get("next")),
        email=typed(request.form, "email", MAX_EMAIL_SHOWN),
        refusal=refusal,
        hint=hint,
        kept=dict(kept_form(request.form).items()),
    )
    return draw(door, status=status)
