"""A password forgotten, and the pages that a mailed link opens: choosing one after that, or after an invitation.

The secret stands in the address, so these pages send no referrer, and no log has it: see `orders.entrypoints.http` and
`gateway/conf/log.conf`. Looking does not use a link up (mail programs look first); choosing does.
"""

import time
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.account_records import Account
from orders.application.one_time_links import Purpose
from orders.domain.account_errors import LinkOver
from orders.domain.errors import TooManyAttempts
from orders.domain.passwords import WeakPassword
from orders.entrypoints.devices import client
from orders.entrypoints.identity import container
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import MAX_EMAIL_SHOWN
from orders.entrypoints.pages.entering import waiting
from orders.entrypoints.pages.password_words import password_hint, weakness_words
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.site import site

# Longer than mailing a link takes: whether there was anybody to mail it to can't be told from the time.
ANSWER_AFTER_S = 0.25

blueprint = Blueprint("password_links", __name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """What the page for a forgotten password shows."""

    email: str = ""
    sent: bool = False
    refusal: str | None = None
    hint: str | None = None


@blueprint.get("/forgot")
def forgot() -> AnyResponse:
    """Ask for the e-mail, or say that a mail is on its way."""
    return _draw_asking(Asking(sent=request.args.get("done") == "sent"))


@blueprint.post("/forgot")
def ask() -> AnyResponse:
    """Have a link mailed; the answer and its time are the same whether or not there is such a person."""
    began = time.monotonic()
    email = request.form.get("email", "")
    shown = email[:MAX_EMAIL_SHOWN]
    try:
        site().forms.require()
        container().own.passwords.ask(email, client())
    except ForgedForm:
        again = Asking(shown, refusal=_("Please send it once more."), hint=_("This page had been open for a while."))
        return _draw_asking(again, status=403)
    except TooManyAttempts as refused:
        hint = _("Wait %(minutes)s minutes, then try again.") % {"minutes": waiting(refused.retry_after_s)}
        response = _draw_asking(Asking(shown, refusal=_("Too many attempts."), hint=hint), status=429)
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    time.sleep(max(0.0, began + ANSWER_AFTER_S - time.monotonic()))
    return redirect("/forgot?done=sent", 303)


@blueprint.get("/reset/<secret>")
def reset_form(secret: str) -> AnyResponse:
    """Let the owner of a forgotten password choose another."""
    return _form(secret, Purpose.PASSWORD_RESET)


@blueprint.post("/reset/<secret>")
def reset(secret: str) -> AnyResponse:
    """Set the password; the link is used up."""
    return _choose(secret, Purpose.PASSWORD_RESET)


@blueprint.get("/welcome/<secret>")
def welcome_form(secret: str) -> AnyResponse:
    """Let somebody who was invited choose the first password."""
    return _form(secret, Purpose.INVITATION)


@blueprint.post("/welcome/<secret>")
def welcome(secret: str) -> AnyResponse:
    """Set the password; the link is used up."""
    return _choose(secret, Purpose.INVITATION)


def _form(secret: str, purpose: Purpose) -> Response:
    try:
        account = container().own.passwords.opened_by(secret, purpose)
    except LinkOver:
        return _over(purpose)
    return _draw_choice(account, purpose)


def _choose(secret: str, purpose: Purpose) -> AnyResponse:
    try:
        account = container().own.passwords.opened_by(secret, purpose)
        site().forms.require()
        container().own.passwords.choose(secret, purpose, request.form.get("password", ""))
    except LinkOver:
        return _over(purpose)
    except ForgedForm:
        return _draw_choice(account, purpose, wrong=_("Please send it once more."), status=403)
    except WeakPassword as refused:
        return _draw_choice(account, purpose, wrong=weakness_words(refused.weakness), status=422)
    return _unseen(redirect("/sign-in?done=password", 303))


def _draw_asking(asking: Asking, *, status: int = 200) -> Response:
    return Response(render_template("pages/forgot.html", asking=asking, here="sign-in"), status, mimetype="text/html")


def _draw_choice(account: Account, purpose: Purpose, *, wrong: str | None = None, status: int = 200) -> Response:
    page = render_template(
        "pages/choose_password.html",
        account=account,
        action=request.path,
        is_first=purpose is Purpose.INVITATION,
        wrong=wrong,
        hint=password_hint(),
        here="sign-in",
    )
    return _unseen(Response(page, status, mimetype="text/html"))


def _over(purpose: Purpose) -> Response:
    page = render_template("pages/link_over.html", is_first=purpose is Purpose.INVITATION, here="sign-in")
    return _unseen(Response(page, 404, mimetype="text/html"))


def _unseen(response: AnyResponse) -> Response:
    """Let nobody learn the page's address, nor keep a copy of the page."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]  # redirects are of the same class, made by Flask
