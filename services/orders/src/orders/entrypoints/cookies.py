"""The two cookies: the session (opaque, for orders) and the identity (a 10-minute JWT, for the other services)."""

from datetime import UTC, datetime

from werkzeug.wrappers import Response

from orders.application.accounts import SESSION_LIFETIME_S
from orders.application.sessions import Session, SignedToken
from orders.entrypoints.identity import IDENTITY_COOKIE, SESSION_COOKIE, container


def set_session(response: Response, session: Session) -> None:
    """Hand out a new session; the browser forgets whatever it had."""
    _set(response, SESSION_COOKIE, session.secret, SESSION_LIFETIME_S)


def set_identity(response: Response, identity: SignedToken) -> None:
    """Hand out a fresh identity."""
    lifetime_s = int((identity.expires_at - datetime.now(UTC)).total_seconds())
    _set(response, IDENTITY_COOKIE, identity.token, max(lifetime_s, 1))


def clear(response: Response) -> None:
    """Take both cookies back."""
    for name in (SESSION_COOKIE, IDENTITY_COOKIE):
        response.delete_cookie(name, path="/", httponly=True, samesite="Lax", secure=_secure())


def _set(response: Response, name: str, value: str, lifetime_s: int) -> None:
    response.set_cookie(name, value, max_age=lifetime_s, path="/", httponly=True, samesite="Lax", secure=_secure())


def _secure() -> bool:
    return container().settings.environment == "production"
