"""Tokens that only a page of ours can have put into a form, bound to the browser's session.

A token is an HMAC over the session cookie; before sign-in, over a random cookie that lives as long as the browser is
open. Nothing is stored: whoever can't read the cookie can't know the token, and it dies with its session.
"""

import hashlib
import hmac
import secrets

from flask import Flask, Response, g, request

from orders.entrypoints.identity import SESSION_COOKIE

FORM_COOKIE = "mercadito_visit"
FIELD = "csrf_token"
RANDOM_BYTES = 24


class ForgedForm(Exception):
    """The form was not sent from a page of ours, or from one of another session."""


class FormTokens:
    """Makes and checks the tokens of one app."""

    def __init__(self, secret: str, *, secure_cookies: bool) -> None:
        self._key = hashlib.sha256(b"mercadito-form-token:" + secret.encode()).digest()
        self._secure = secure_cookies

    def token(self) -> str:
        """Return the token for the forms of the page being drawn."""
        opened_now = g.get("session_secret")
        return self._sign(opened_now or request.cookies.get(SESSION_COOKIE) or self._form_secret())

    def require(self) -> None:
        """Refuse the form being posted unless its token fits the browser's session, or its place before sign-in."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise ForgedForm
        given = request.form.get(FIELD, "")
        owners = (request.cookies.get(SESSION_COOKIE), request.cookies.get(FORM_COOKIE))
        if not any(hmac.compare_digest(given.encode(), self._sign(owner).encode()) for owner in owners if owner):
            raise ForgedForm

    def remember(self, response: Response) -> Response:
        """Set the cookie of a visitor without a session whose page has a form."""
        made = g.get("form_secret")
        if made and made != request.cookies.get(FORM_COOKIE):
            response.set_cookie(FORM_COOKIE, made, httponly=True, samesite="Lax", secure=self._secure)
        return response

    def install(self, app: Flask) -> None:
        """Let the app's templates say `csrf_token()`."""
        app.jinja_env.globals["csrf_token"] = self.token
        app.after_request(self.remember)

    def _form_secret(self) -> str:
        if "form_secret" not in g:
            g.form_secret = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(RANDOM_BYTES)
        return str(g.form_secret)

    def _sign(self, owner: str) -> str:
        return hmac.new(self._key, owner.encode(), hashlib.sha256).hexdigest()
