"""A form that was sent after the session had ended: it waits, signed, in the sign-in page, and is shown after it.

It is never sent on by itself: whoever signs in sees what was typed and presses once more. Nothing is stored. Carried
is only what came from a page of ours, no file and nothing secret; what is too much is not carried. The order form has a
way of its own (`door.ask_again`): it goes back into its boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, current_app, render_template, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

from orders.entrypoints.pages.csrf import FIELD, ForgedForm
from orders.entrypoints.pages.door import Door, draw
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import local_path
from orders.entrypoints.pages.site import site

CARRIED = "carried"
GOOD_FOR_S = 3_600
MAX_FIELDS = 500
MAX_CHARACTERS = 50_000
MAX_SHOWN = 30
MAX_SHOWN_CHARACTERS = 300
# Pages about signing in and one's own secrets: whatever was typed there is typed anew.
_NEVER = ("/account", "/sign-in", "/sign-out", "/language", "/reset/", "/welcome/", "/forgot", "/api/")
_SECRET = ("password", "secret", "code", "otp")
_TICKED = ("yes", "no", "on", "true", "false")
_UNSEEN = (FIELD, "version", "next", "back", "days")


@dataclass(frozen=True, slots=True)
class Carried:
    """Where the form was going, the page it was on, and its fields in their order."""

    to: str
    page: str
    fields: Sequence[tuple[str, str]]

    def shown(self) -> list[str]:
        """Return what a person can have typed or chosen, as far as it tells them something."""
        found = [value.strip() for name, value in self.fields if name not in _UNSEEN and not name.endswith("_id")]
        told = [text for text in found if text and text.lower() not in _TICKED and not _is_id(text)]
        return [text[:MAX_SHOWN_CHARACTERS] for text in told[:MAX_SHOWN]]


def ask_to_sign_in() -> Response | None:
    """Draw the sign-in page with the form that is being posted inside; None when it is not one to be carried."""
    carried = _of_request()
    if carried is None:
        return None
    text = _signer().dumps([carried.to, carried.page, [list(pair) for pair in carried.fields]])
    greeting = _("Your session has ended. Sign in again: what you typed is kept.")
    return draw(Door(carried.page, greeting=greeting, kept={CARRIED: str(text)}), status=401)


def resume(kept: Mapping[str, str]) -> Response | None:
    """Show what was carried through the sign-in, to be sent by a press; None when there is nothing, or it is old."""
    try:
        to, page, fields = _signer().loads(kept.get(CARRIED, ""), max_age=GOOD_FOR_S)
    except BadSignature:
        return None
    carried = Carried(to, page, [(name, value) for name, value in fields])
    return Response(render_template("pages/carried.html", carried=carried, here=None), mimetype="text/html")


def _of_request() -> Carried | None:
    fields = list(request.form.items(multi=True)) if request.method == "POST" else []
    is_ours = not request.path.startswith(_NEVER) and not any(_is_secret(name) for name, _ in fields)
    is_much = len(fields) > MAX_FIELDS or sum(len(name) + len(value) for name, value in fields) > MAX_CHARACTERS
    if not fields or not is_ours or is_much or request.files or not _is_from_here():
        return None
    kept = [(name, value) for name, value in fields if name != FIELD]
    return Carried(local_path(request.full_path.rstrip("?")), _page(), kept)


def _is_from_here() -> bool:
    """Tell whether a page of ours sent it: the browser says so, or its token fits the session that has ended."""
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    try:
        site().forms.require()
    except ForgedForm:
        return False
    return True


def _page() -> str:
    """Return the page that the form was on, as far as the browser tells; else the front page."""
    told = urlsplit(request.headers.get("Referer", ""))
    return local_path(told.path + (f"?{told.query}" if told.query else "")) if told.netloc == request.host else "/"


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in _SECRET)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="mercadito carried form")


def without(form: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return what was kept besides: the order form has boxes of its own."""
    return MultiDict((name, value) for name, value in form.items(multi=True) if name != CARRIED)
