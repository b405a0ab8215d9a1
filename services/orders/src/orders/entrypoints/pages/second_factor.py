"""Switching the second factor on, with the QR code for an authenticator app, and off."""

import segno
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.second_factors import Enrolment
from orders.domain.account_errors import NotEnrolled, WrongCode, WrongPassword
from orders.domain.errors import TooManyAttempts
from orders.entrypoints.devices import client
from orders.entrypoints.identity import container
from orders.entrypoints.pages.account import Said, draw, own, too_many
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private
from orders.entrypoints.pages.second_step import MAX_CODE_CHARACTERS
from orders.entrypoints.pages.site import site

GROUP_CHARACTERS = 4

blueprint = Blueprint("second_factor", __name__)


@blueprint.post("/account/second-factor")
@private
def begin() -> AnyResponse:
    """Make a secret and show it."""
    person = own()
    site().forms.require()
    container().own.second_factor.begin(person)
    return redirect("/account/second-factor", 303)


@blueprint.get("/account/second-factor")
@private
def enrolment() -> AnyResponse:
    """Show the secret that waits for its first code; when none does, the account page says where things stand."""
    found = container().own.second_factor.enrolment(own())
    return redirect("/account", 303) if found is None else _draw(found)


@blueprint.post("/account/second-factor/confirm")
@private
def confirm() -> AnyResponse:
    """Switch it on, and show the recovery codes this once."""
    person = own()
    site().forms.require()
    try:
        codes = container().own.second_factor.confirm(
            person, request.form.get("code", "")[:MAX_CODE_CHARACTERS], client()
        )
    except NotEnrolled:
        return redirect("/account", 303)
    except (WrongCode, TooManyAttempts) as refused:
        found = container().own.second_factor.enrolment(person)
        if found is None:
            return redirect("/account", 303)
        is_wrong = isinstance(refused, WrongCode)
        return _draw(found, wrong=_code_words(refused), status=422 if is_wrong else 429)
    return Response(render_template("pages/recovery_codes.html", codes=codes, here="account"), mimetype="text/html")


@blueprint.post("/account/second-factor/off")
@private
def switch_off() -> AnyResponse:
    """Switch it off; password and code are asked for."""
    person = own()
    site().forms.require()
    password, code = request.form.get("password", ""), request.form.get("code", "")[:MAX_CODE_CHARACTERS]
    refusal = _("Two-step sign-in is still on.")
    try:
        container().own.second_factor.switch_off(person, password, code, client())
    except WrongPassword:
        return draw(Said(refusal, {"password": _("This is not your current password.")}, status=422))
    except WrongCode as refused:
        return draw(Said(refusal, {"code": _code_words(refused)}, status=422))
    except TooManyAttempts as refused:
        return draw(Said(too_many(refused), status=429))
    except NotEnrolled:
        return redirect("/account", 303)
    return redirect("/account?done=factor-off", 303)


def _code_words(refused: WrongCode | TooManyAttempts) -> str:
    if isinstance(refused, TooManyAttempts):
        return too_many(refused)
    return _("That code does not work. Type the one that your app shows now; each works once.")


def _draw(found: Enrolment, *, wrong: str | None = None, status: int = 200) -> Response:
    secret = found.secret
    groups = [secret[start : start + GROUP_CHARACTERS] for start in range(0, len(secret), GROUP_CHARACTERS)]
    page = render_template(
        "pages/second_factor.html",
        drawing=_drawn(found.address),
        found=found,
        groups=groups,
        wrong=wrong,
        here="account",
    )
    return Response(page, status, mimetype="text/html")


def _drawn(address: str) -> tuple[int, str]:
    """Return the width of a QR code and the path that draws its dark modules, with the quiet zone that readers need."""
    code = segno.make_qr(address, error="m")
    quiet = code.default_border_size
    dark = (
        f"M{x + quiet} {y + quiet}h1v1h-1z"
        for y, row in enumerate(code.matrix)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return len(code.matrix) + 2 * quiet, "".join(dark)
