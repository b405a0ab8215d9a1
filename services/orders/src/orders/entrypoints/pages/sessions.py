"""The door: signing in and out, and the language one reads in."""

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from orders.domain import errors
from orders.domain.account_errors import OtpRequired
from orders.entrypoints import cookies
from orders.entrypoints.devices import client
from orders.entrypoints.identity import container
from orders.entrypoints.pages import second_step
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import MAX_EMAIL_SHOWN, Door, done_words, draw, kept_form
from orders.entrypoints.pages.entering import go_on, remember_language, waiting
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.reader import caller, local_path
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.translations import LOCALES

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
    return draw(Door(local_path(request.args.get("next")), done=done_words(request.args.get("done"))))


@blueprint.post("/sign-in")
def sign_in() -> AnyResponse:
    """Open a session and go on to where one wanted to; or the form again, e-mail kept, saying why not."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        site().forms.require()
        session = container().accounts.sign_in(email, password, client())
    except ForgedForm:
        return _again(_("Please send it once more."), _("This page had been open for a while."), status=403)
    except errors.TooManyAttempts as refused:
        hint = _("Wait %(minutes)s minutes, then try again.") % {"minutes": waiting(refused.retry_after_s)}
        response = _again(_("Too many attempts."), hint, status=429)
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    except errors.WrongCredentials:
        hint = _("Look for capital letters and extra spaces, then try again.")
        return _again(_("E-mail and password do not go together."), hint, status=401)
    except OtpRequired as asked:
        return second_step.ask(asked, request.form)
    return go_on(session, request.form)


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
        remember_language(gone, wanted)
    return gone


def _again(refusal: str, hint: str, *, status: int) -> Response:
    door = Door(
        next_path=local_path(request.form.get("next")),
        email=field_text(request.form, "email", MAX_EMAIL_SHOWN),
        refusal=refusal,
        hint=hint,
        kept=dict(kept_form(request.form).items()),
    )
    return draw(door, status=status)
