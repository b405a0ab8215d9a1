"""One's own account: name and language, the password, where one is signed in, the tokens of programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.accounts import MAX_TOKEN_NAME_CHARACTERS, TokenWish
from orders.application.sessions import ALL_SCOPES, READ, WRITE, Caller, MadeToken
from orders.domain.account_errors import WrongPassword
from orders.domain.errors import Forbidden, Invalid, NotFound, TooManyAttempts, TooManyTokens
from orders.domain.passwords import WeakPassword
from orders.entrypoints import cookies
from orders.entrypoints.devices import client
from orders.entrypoints.identity import container
from orders.entrypoints.pages.entering import waiting
from orders.entrypoints.pages.password_words import password_hint, weakness_words
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.site import site

SHOWN_AT_ONCE = 20

blueprint = Blueprint("account", __name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says about a form that was refused: a notice, sentences beside fields, what was typed."""

    refusal: str | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    token_name: str = ""
    chosen_scope: str = WRITE
    status: int = 200


def own() -> Caller:
    """Return who is signed in by a session: a token of a program has no business on these pages."""
    person = signed_in()
    if person.session_id is None:
        raise Forbidden("these pages are for somebody who is signed in by a browser")
    return person


@blueprint.get("/account")
@private
def account() -> Response:
    """Show the account."""
    return draw(Said())


@blueprint.get("/account/mails")
@private
def mails() -> AnyResponse:
    """Send on to the page of notify on which mails are chosen, with a fresh identity: the last one may be over."""
    gone = redirect("/mail/preferences?came", 303)
    cookies.set_identity(gone, container().accounts.identity_token(own()))
    return gone


@blueprint.post("/account/password")
@private
def change_password() -> AnyResponse:
    """Change the password; all other sessions end."""
    person = own()
    site().forms.require()
    current, new = request.form.get("current_password", ""), request.form.get("new_password", "")
    try:
        container().own.passwords.change(person, current, new, client())
    except WeakPassword as refused:
        return _password_refused({"new_password": weakness_words(refused.weakness)})
    except WrongPassword:
        return _password_refused({"current_password": _("This is not your current password.")})
    except TooManyAttempts as refused:
        return draw(Said(refusal=too_many(refused), status=429))
    return _done("password")


@blueprint.post("/account/sessions/end-others")
@private
def end_other_sessions() -> AnyResponse:
    """Sign out everywhere else."""
    person = own()
    site().forms.require()
    container().own.access.end_other_sessions(person)
    return _done("sessions")


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@private
def end_session(session_id: UUID) -> AnyResponse:
    """End one session; one that is over already is as well as ended."""
    person = own()
    site().forms.require()
    try:
        container().own.access.end_session(person, str(session_id))
    except NotFound:
        return _done("session")
    return _done("session")


@blueprint.post("/account/tokens")
@private
def make_token() -> Response:
    """Make a token and show it this once."""
    person = own()
    site().forms.require()
    name, scope = request.form.get("name", "").strip(), request.form.get("scope", "")
    try:
        wish = _wish(name, scope)
        made = container().accounts.add_token(person, wish)
    except Invalid:
        text = _("Give it a name of at most %(number)s characters, to know it by later.")
        wrong = {"name": text % {"number": MAX_TOKEN_NAME_CHARACTERS}}
        return draw(Said(_("The token was not made."), wrong, name[:MAX_TOKEN_NAME_CHARACTERS], scope, status=422))
    except TooManyTokens as refused:
        text = _("You have %(number)s tokens, which is as many as there may be. Revoke one first.")
        return draw(Said(text % {"number": refused.limit}, token_name=name, chosen_scope=scope, status=429))
    return _show_token(made, wish)


@blueprint.post("/account/tokens/<uuid:token_id>/end")
@private
def end_token(token_id: UUID) -> AnyResponse:
    """Revoke one token; one that is gone already is as well as revoked."""
    person = own()
    site().forms.require()
    try:
        container().own.access.end_token(person, str(token_id))
    except NotFound:
        return _done("token")
    return _done("token")


def _wish(name: str, scope: str) -> TokenWish:
    if not name:
        raise Invalid
    return TokenWish(name, frozenset({READ}) if scope == READ else ALL_SCOPES)


def draw(said: Said) -> Response:
    """Draw the page, with what has to be said."""
    person = own()
    page = render_template(
        "pages/account.html",
        said=said,
        done=_done_words(request.args.get("done")),
        password_hint=password_hint(),
        factor=container().own.second_factor.state(person),
        sessions=container().own.access.sessions(person, limit=SHOWN_AT_ONCE, cursor=request.args.get("sessions")),
        tokens=container().own.access.tokens(person, limit=SHOWN_AT_ONCE, cursor=request.args.get("tokens")),
        here="account",
    )
    return Response(page, said.status, mimetype="text/html")


def too_many(refused: TooManyAttempts) -> str:
    """Say for how long to wait."""
    text = _("Too many attempts. Wait %(minutes)s minutes, then try again.")
    return text % {"minutes": waiting(refused.retry_after_s)}


def _password_refused(wrong: Mapping[str, str]) -> Response:
    return draw(Said(_("Your password was not changed."), wrong, status=422))


def _show_token(made: MadeToken, wish: TokenWish) -> Response:
    page = render_template("pages/new_token.html", made=made, wish=wish, here="account")
    return Response(page, 201, mimetype="text/html")


def _done(what: str) -> AnyResponse:
    return redirect(f"/account?done={what}", 303)


def _done_words(done: str | None) -> str | None:
    return {
        "password": _("Your password is changed, and you are signed out everywhere else."),
        "session": _("That session has ended."),
        "sessions": _("You are signed out everywhere else."),
        "token": _("The token is revoked. Programs that used it can do nothing more."),
        "factor-off": _("Two-step sign-in is off. Your password alone signs you in."),
    }.get(done or "")
