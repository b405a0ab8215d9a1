"""Who may start a crawl: staff with a good token that was not signed out; a cookie counts only from our own pages."""

from urllib.parse import urlsplit

from fastapi import Request
from mercadito_events.envelope import Event
from mercadito_events.inbox import Permanent
from mercadito_events.service.identity import Identity, KeySet, Revocations, Unauthenticated
from sqlalchemy import Connection, Engine, text

from usda_ingest.api.problems import Problem

COOKIE = "mercadito_id"
STAFF = ("staff", "admin")
_REMEMBER = text("""
    INSERT INTO sign_outs (event_id, person_id, session_id, token_id, at, until)
    VALUES (CAST(:event_id AS uuid), :person_id, :session_id, :token_id, :at, CAST(:until AS timestamptz))
    ON CONFLICT DO NOTHING
""")
_FORGET = text("DELETE FROM sign_outs WHERE until < clock_timestamp() - interval '5 minutes'")
_OF_PERSON = text("SELECT person_id, session_id, token_id, at, until FROM sign_outs WHERE person_id = :person_id")


def remember_sign_out(connection: Connection, event: Event) -> None:
    """Handle ``orders.person.signed_out.v1``: keep it until the tokens it covers would have expired anyway."""
    data = event.data
    values = {name: data.get(name) for name in ("person_id", "session_id", "token_id", "until")}
    wanted = ("person_id", "until")
    if not all(isinstance(values[name], str) for name in wanted) or not all(
        isinstance(value, str | None) for value in values.values()
    ):
        raise Permanent("not a sign-out: person_id and until are texts, session_id and token_id too or null")
    Revocations().add_event(event)  # refuses what is no time, before the database would
    connection.execute(_FORGET)
    connection.execute(_REMEMBER, {**values, "event_id": event.id, "at": event.time})


def require_staff(request: Request, engine: Engine, keys: KeySet) -> Identity:
    """Return who asks.

    Raises:
        Problem: 401 without a good token, 403 for buyers and for cookies sent by other sites.

    """
    header = request.headers.get("Authorization", "")
    if header:
        identity = _verified(keys, header.partition(" ")[2].strip() if header[:7].lower() == "bearer " else "", "api")
    else:
        identity = _verified(keys, request.cookies.get(COOKIE, ""), "web")
        if not _is_same_origin(request):
            raise Problem(403, "forbidden", "A sign-in by cookie may change something only from our own pages.")
    if not _revocations(engine, identity).allows(identity):
        raise _unauthenticated("The sign-in has ended.")
    if identity.role not in STAFF:
        raise Problem(403, "forbidden", "Only staff may start a crawl.")
    if not identity.may(request.method):
        raise Problem(403, "forbidden", "This token was made for reading only.")
    return identity


def _verified(keys: KeySet, token: str, audience: str) -> Identity:
    if not token:
        raise _unauthenticated("Sign in, or send Authorization: Bearer with an API token.")
    try:
        return keys.verify(token, [audience])
    except Unauthenticated as problem:
        raise _unauthenticated(str(problem)) from None


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _is_same_origin(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("Host")


def _revocations(engine: Engine, identity: Identity) -> Revocations:
    """Ask the table, not a memory: the event may have been handled by another process of this service."""
    known = Revocations()
    with engine.connect() as connection:
        for row in connection.execute(_OF_PERSON, {"person_id": identity.person_id}):
            known.add(row.person_id, row.session_id, row.token_id, row.until, at=row.at)
    return known
