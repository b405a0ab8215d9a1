"""Who is signed in by the identity cookie of orders, on the pages that this service draws itself."""

from typing import Final

from fastapi import Request
from mercadito_events.service.identity import Identity, KeySet, Unauthenticated
from sqlalchemy import Engine

from notify import revocations

COOKIE: Final = "mercadito_id"
READING: Final = ["GET", "HEAD"]


def signed_in(engine: Engine, keys: KeySet, request: Request) -> Identity | None:
    """Return who asks; None without a cookie that is good, or when its sign-in has ended."""
    try:
        identity = keys.verify(request.cookies.get(COOKIE, ""), {"web"})
    except Unauthenticated:
        return None
    with engine.connect() as connection:
        return None if revocations.is_revoked(connection, identity) else identity
