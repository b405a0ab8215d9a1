"""Who may see the mails and change what becomes of them: staff whose sign-in has not ended."""

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import Request
from mercadito_events.service.identity import Identity, KeySet, Unauthenticated
from sqlalchemy import Engine

from notify import revocations
from notify.api.problems import Forbidden
from notify.api.signed_in import COOKIE, READING


def staff_only(engine: Engine, keys: KeySet) -> Callable[[Request], Identity]:
    """Return what routes depend on; it returns who asks.

    A cookie goes along with whatever any site makes a browser send: it may change something only from our own pages.
    """

    def staff(request: Request) -> Identity:
        identity, by_cookie = _identity(request, keys)
        with engine.connect() as connection:
            if revocations.is_revoked(connection, identity):
                raise Unauthenticated("signed out")
        if identity.role not in ("staff", "admin"):
            raise Forbidden("only staff may see what was mailed")
        if not identity.may(request.method):
            raise Forbidden("this token was made for reading only")
        if by_cookie and request.method not in READING and not is_same_origin(request):
            raise Forbidden("a sign-in by cookie may change something only from our own pages")
        return identity

    return staff


def _identity(request: Request, keys: KeySet) -> tuple[Identity, bool]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return keys.verify(token.strip(), {"api"}), False
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise Unauthenticated("neither a bearer token nor an identity cookie was sent")
    return keys.verify(cookie, {"web"}), True


def is_same_origin(request: Request) -> bool:
    """Say whether a page of this site asks: a cookie goes along with whatever any site makes a browser send."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("Host")
