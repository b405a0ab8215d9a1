"""Sign-outs that came before a token's own end; kept in the database, so that every process knows them."""

from mercadito_events.envelope import Event
from mercadito_events.service.identity import LEEWAY, Identity
from sqlalchemy import Connection, text

from notify.readings import SignedOut

_ADD = text("""
    INSERT INTO revocations (person_id, session_id, token_id, revoked_at, until)
    VALUES (:person_id, :session_id, :token_id, :revoked_at, :until)
""")
_REVOKED = text("""
    SELECT EXISTS (
        SELECT FROM revocations
        WHERE person_id = :person_id AND until + :leeway > now()
          AND (session_id = :session_id OR token_id = :token_id
               OR (session_id IS NULL AND token_id IS NULL AND revoked_at >= :issued_at)))
""")
_FORGET = text("DELETE FROM revocations WHERE until + :leeway <= now()")


def sign_out(connection: Connection, event: Event) -> None:
    """Refuse what the event names until it would have expired by itself."""
    said = SignedOut.of(event.data)
    connection.execute(_ADD, said.model_dump() | {"revoked_at": event.time})


def is_revoked(connection: Connection, identity: Identity) -> bool:
    """Say whether this identity was signed out; a sign-in after a general sign-out counts again."""
    values = {
        "person_id": identity.person_id,
        "session_id": identity.session_id,
        "token_id": identity.token_id,
        "issued_at": identity.issued_at,
        "leeway": LEEWAY,
    }
    return bool(connection.scalar(_REVOKED, values))


def forget_expired(connection: Connection) -> None:
    """Delete what no token can still be refused by."""
    connection.execute(_FORGET, {"leeway": LEEWAY})
