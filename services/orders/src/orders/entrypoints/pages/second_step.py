"""Signing in with a second factor: after the right password a second page asks for the code.

Between the two there is no session, only a signed note of who it is and of the password that was right; it is good for
ten minutes, dies with a change of the password, and opens nothing without a code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from orders.domain import errors
from orders.domain.account_errors import OtpRequired, WrongCode
from orders.entrypoints.devices import client
from orders.entrypoints.identity import container
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.door import MAX_EMAIL_SHOWN, Door, draw, kept_form
from orders.entrypoints.pages.entering import go_on, waiting
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import local_path
from orders.entrypoints.pages.site import site

GOOD_FOR_S = 600
MAX_NOTE_CHARACTERS = 500
MAX_CODE_CHARACTERS = 40

blueprint = Blueprint("second_step", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What the second page carries from the first one, and what it says."""

    note: str
    next_path: str
    email: str
    kept: Mapping[str, str]
    refusal: str | None = None
    hint: str | None = None


def ask(asked: OtpRequired, form: MultiDict[str, str]) -> Response:
    """Ask for the code; everything that the first form carried goes along."""
    return _draw(_signer().dumps([asked.person_id, asked.stamp]), form)


@blueprint.get("/sign-in/code")
def begin_again() -> AnyResponse:
    """Send whoever reloads or bookmarks the second page to the first."""
    return redirect("/sign-in", 303)


@blueprint.post("/sign-in/code")
def finish() -> AnyResponse:
    """Open the session; or the page again, saying why not."""
    note = request.form.get("note", "")[:MAX_NOTE_CHARACTERS]
    try:
        site().forms.require()
        person_id, stamp = _signer().loads(note, max_age=GOOD_FOR_S)
        code = request.form.get("code", "")[:MAX_CODE_CHARACTERS]
        session = container().accounts.sign_in_with_code(person_id, stamp, code, client())
    except ForgedForm:
        hint = _("This page had been open for a while.")
        return _draw(note, request.form, refusal=_("Please send it once more."), hint=hint, status=403)
    except (BadSignature, errors.WrongCredentials):
        return _from_the_start()
    except errors.TooManyAttempts as refused:
        hint = _("Wait %(minutes)s minutes, then try again.") % {"minutes": waiting(refused.retry_after_s)}
        response = _draw(note, request.form, refusal=_("Too many attempts."), hint=hint, status=429)
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    except WrongCode:
        hint = _("Codes change every 30 seconds, and each works once. Type the one that your app shows now.")
        return _draw(note, request.form, refusal=_("That code does not work."), hint=hint, status=401)
    return go_on(session, request.form)


def _from_the_start() -> Response:
    door = Door(
        next_path=local_path(request.form.get("next")),
        email=request.form.get("email", "")[:MAX_EMAIL_SHOWN],
        greeting=_("That took a while. Please sign in once more."),
        kept=dict(kept_form(request.form).items()),
    )
    return draw(door, status=401)


def _draw(
    note: str, form: MultiDict[str, str], *, refusal: str | None = None, hint: str | None = None, status: int = 200
) -> Response:
    step = Step(
        note=note,
        next_path=local_path(form.get("next")),
        email=form.get("email", "")[:MAX_EMAIL_SHOWN],
        kept=dict(kept_form(form).items()),
        refusal=refusal,
        hint=hint,
    )
    return Response(render_template("pages/second_step.html", step=step, here="sign-in"), status, mimetype="text/html")


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="mercadito second step")
