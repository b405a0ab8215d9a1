"""Who is asking: an API token in the header, else the session cookie."""

from urllib.parse import urlsplit

from flask import current_app, g, request

from orders.application.sessions import Caller
from orders.bootstrap import Container
from orders.domain.errors import Forbidden, Unauthenticated

SESSION_COOKIE = "mercadito_session"
IDENTITY_COOKIE = "mercadito_id"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def container() -> Container:
    """Return what this app works with."""
    found: Container = current_app.extensions["container"]
    return found


def caller() -> Caller:
    """Return who is asking, looked up once per request; raise Unauthenticated when it is nobody."""
    if "caller" not in g:
        g.caller = _identify()
    found: Caller = g.caller
    return found


def caller_or_none() -> Caller | None:
    """Return who is asking, or None."""
    try:
        return caller()
    except Unauthenticated:
        return None


def _identify() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return container().accounts.identify_token(token.strip())
    secret = request.cookies.get(SESSION_COOKIE)
    if not secret:
        raise Unauthenticated("sign in first")
    return container().accounts.identify_session(secret)


def require_scope(found: Caller) -> None:
    """Refuse a change by a token that was made for reading alone."""
    if request.method not in SAFE_METHODS and not found.may_write:
        raise Forbidden("this token was made for reading only")


def require_same_origin(found: Caller) -> None:
    """Refuse a change that a cookie would authorise from another site.

    A browser says where a request comes from in Sec-Fetch-Site, an older one in Origin; one that says neither can't be
    believed. A token in a header is never sent by a browser on its own, so it needs no such proof.
    """
    if request.method in SAFE_METHODS or not found.by_cookie:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        origin = request.headers.get("Origin", "")
        allowed = bool(origin) and urlsplit(origin).netloc == request.host
    if not allowed:
        raise Forbidden("a cookie may change something only from this site's own pages")
