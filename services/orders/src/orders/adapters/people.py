"""People, their sessions and tokens, and who failed to sign in."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, text

from orders.application.ports import ContactRecord, Credentials, StoreRecord
from orders.application.sessions import Caller
from orders.domain.people import Actor, Role

# A session is marked as used at most this often: a write per request would cost more than the precision is worth.
USED_EVERY_S = 300
_STORE_IDS = (
    "ARRAY(SELECT CAST(sp.store_id AS text) FROM store_people sp JOIN stores s ON s.id = sp.store_id AND s.active"
    " WHERE sp.person_id = p.id ORDER BY s.name, s.id)"
)
_CALLER = f"p.id AS person_id, p.name, p.email, p.locale, p.role, {_STORE_IDS} AS store_ids"
_CREDENTIALS = text("SELECT id, password_hash, active FROM people WHERE email = :email")
_SET_PASSWORD = text("UPDATE people SET password_hash = :fresh WHERE id = CAST(:id AS uuid) AND password_hash = :known")
_PASSWORD = text("SELECT password_hash FROM people WHERE id = CAST(:id AS uuid)")
_FAILURES = text(
    "SELECT count(*) FILTER (WHERE account_hash = :account) AS of_account, count(*) AS of_address"
    " FROM sign_in_failures WHERE address = :address AND at > clock_timestamp() - make_interval(secs => :since_s)"
)
_ADD_FAILURE = text("INSERT INTO sign_in_failures (account_hash, address) VALUES (:account, :address)")
_ADD_SESSION = text(
    "INSERT INTO sessions (id, person_id, secret_hash, client, expires_at) VALUES (CAST(:id AS uuid),"
    " CAST(:person_id AS uuid), :secret_hash, :client, clock_timestamp() + make_interval(secs => :lifetime_s))"
    " RETURNING expires_at"
)
_BY_SESSION = text(
    f"SELECT x.id AS session_id, {_CALLER}, x.used_at < clock_timestamp() - make_interval(secs => :used_every_s)"
    " AS due FROM sessions x JOIN people p ON p.id = x.person_id AND p.active WHERE x.secret_hash = :secret_hash"
    " AND x.expires_at > clock_timestamp() AND x.used_at > clock_timestamp() - make_interval(secs => :idle_s)"
)
_KEEP_SESSION = text(
    "SELECT 1 FROM sessions x JOIN people p ON p.id = x.person_id AND p.active WHERE x.id = CAST(:id AS uuid)"
    " AND x.expires_at > clock_timestamp() FOR KEY SHARE OF x"
)
_SESSION_USED = text("UPDATE sessions SET used_at = clock_timestamp() WHERE id = :id")
_BY_TOKEN = text(
    f"SELECT t.id AS token_id, t.scopes, {_CALLER},"
    " coalesce(t.used_at < clock_timestamp() - make_interval(secs => :used_every_s), true) AS due"
    " FROM api_tokens t JOIN people p ON p.id = t.person_id AND p.active"
    " WHERE t.id = CAST(:id AS uuid) AND t.expires_at > clock_timestamp()"
)
_TOKEN_USED = text("UPDATE api_tokens SET used_at = clock_timestamp() WHERE id = :id")
_REMOVE_SESSION = text("DELETE FROM sessions WHERE id = CAST(:id AS uuid)")
_LOCK_PERSON = text("SELECT 1 FROM people WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_LIVE_TOKENS = text(
    "SELECT count(*) FROM api_tokens WHERE person_id = CAST(:id AS uuid) AND expires_at > clock_timestamp()"
)
_ADD_TOKEN = text(
    "INSERT INTO api_tokens (id, person_id, name, scopes, expires_at) VALUES (CAST(:id AS uuid),"
    " CAST(:person_id AS uuid), :name, CAST(:scopes AS text[]),"
    " clock_timestamp() + make_interval(secs => :lifetime_s)) RETURNING expires_at"
)
_REMOVE_TOKEN = text("DELETE FROM api_tokens WHERE id = CAST(:id AS uuid) RETURNING expires_at")
_CONTACTS = text(f"SELECT {_CALLER}, p.active, p.version FROM people p ORDER BY p.id")
_SET_LOCALE = text(
    "UPDATE people p SET locale = :locale, version = version + 1 WHERE id = CAST(:id AS uuid) AND locale <> :locale"
    f" RETURNING {_CALLER}, p.active, p.version"
)
_STORES = text(
    "SELECT s.id, s.name, s.active, s.wants_reminder, ARRAY(SELECT CAST(sp.person_id AS text) FROM store_people sp"
    " WHERE sp.store_id = s.id ORDER BY 1) AS people FROM stores s ORDER BY s.id"
)


class SqlPeople:
    """`People` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def credentials(self, email: str) -> Credentials | None:
        """Return what is needed to check a password."""
        row = self._connection.execute(_CREDENTIALS, {"email": email}).one_or_none()
        return None if row is None else Credentials(str(row.id), row.password_hash, row.active)

    def set_password_hash(self, person_id: str, known: str, fresh: str) -> str | None:
        """Replace a hash made with weaker parameters; see the port."""
        values = {"id": person_id, "known": known, "fresh": fresh}
        if self._connection.execute(_SET_PASSWORD, values).rowcount:
            return fresh
        standing: str | None = self._connection.scalar(_PASSWORD, values)
        return standing

    def failures(self, account: str, address: str, since_s: int) -> tuple[int, int]:
        """Count recent failures; see the port."""
        values = {"account": _account_hash(account), "address": address, "since_s": since_s}
        row = self._connection.execute(_FAILURES, values).one()
        return row.of_account, row.of_address

    def add_failure(self, account: str, address: str) -> None:
        """Note a failed sign-in."""
        self._connection.execute(_ADD_FAILURE, {"account": _account_hash(account), "address": address})

    def add_session(
        self, session_id: str, person_id: str, secret_hash: bytes, lifetime_s: int, client: str
    ) -> datetime:
        """Store a session; see the port."""
        values = {
            "id": session_id,
            "person_id": person_id,
            "secret_hash": secret_hash,
            "lifetime_s": lifetime_s,
            "client": client,
        }
        return cast("datetime", self._connection.scalar(_ADD_SESSION, values))

    def by_session(self, secret_hash: bytes, idle_s: int) -> Caller | None:
        """Return the caller of a live session; see the port."""
        values = {"secret_hash": secret_hash, "idle_s": idle_s, "used_every_s": USED_EVERY_S}
        row = self._connection.execute(_BY_SESSION, values).one_or_none()
        if row is None:
            return None
        if row.due:
            self._connection.execute(_SESSION_USED, {"id": row.session_id})
        return _caller(row, session_id=str(row.session_id))

    def keeps_session(self, session_id: str) -> bool:
        """Tell whether a session lives, and keep it; see the port."""
        return self._connection.scalar(_KEEP_SESSION, {"id": session_id}) is not None

    def by_token(self, token_id: str) -> Caller | None:
        """Return the caller of a live API token; note now and then that it was used."""
        row = self._connection.execute(_BY_TOKEN, {"id": token_id, "used_every_s": USED_EVERY_S}).one_or_none()
        if row is None:
            return None
        if row.due:
            self._connection.execute(_TOKEN_USED, {"id": row.token_id})
        return _token_caller(row)

    def remove_session(self, session_id: str) -> bool:
        """Delete the session; tell whether it was there."""
        return bool(self._connection.execute(_REMOVE_SESSION, {"id": session_id}).rowcount)

    def live_tokens(self, person_id: str) -> int:
        """Lock the person's row and count; see the port."""
        self._connection.execute(_LOCK_PERSON, {"id": person_id})
        return cast("int", self._connection.execute(_LIVE_TOKENS, {"id": person_id}).scalar_one())

    def add_token(
        self, token_id: str, person_id: str, lifetime_s: int, name: str, scopes: Sequence[str]
    ) -> tuple[Caller, datetime]:
        """Store a token; return its caller and when it ends."""
        values = {
            "id": token_id,
            "person_id": person_id,
            "lifetime_s": lifetime_s,
            "name": name,
            "scopes": list(scopes),
        }
        expires_at = cast("datetime", self._connection.scalar(_ADD_TOKEN, values))
        return _token_caller(self._connection.execute(_BY_TOKEN, {"id": token_id, "used_every_s": 0}).one()), expires_at

    def remove_token(self, token_id: str) -> datetime | None:
        """Delete the token; return when it would have ended."""
        return cast("datetime | None", self._connection.scalar(_REMOVE_TOKEN, {"id": token_id}))

    def contacts(self) -> Sequence[ContactRecord]:
        """Return everyone, as notify needs to know them."""
        return [_contact(row) for row in self._connection.execute(_CONTACTS)]

    def set_locale(self, person_id: str, locale: str) -> ContactRecord | None:
        """Keep the language a person reads in; see the port."""
        row = self._connection.execute(_SET_LOCALE, {"id": person_id, "locale": locale}).one_or_none()
        return None if row is None else _contact(row)

    def stores(self) -> Sequence[StoreRecord]:
        """Return every store and its people."""
        return [
            StoreRecord(str(row.id), row.name, row.active, row.wants_reminder, tuple(row.people))
            for row in self._connection.execute(_STORES)
        ]


def _contact(row: Row[Any]) -> ContactRecord:
    return ContactRecord(
        person_id=str(row.person_id),
        email=row.email,
        name=row.name,
        locale=row.locale,
        role=Role(row.role),
        store_ids=tuple(row.store_ids),
        active=row.active,
        version=row.version,
    )


def _account_hash(account: str) -> bytes:
    return hashlib.sha256(account.encode()).digest()


def _caller(row: Row[Any], *, session_id: str | None = None) -> Caller:
    actor = Actor(str(row.person_id), Role(row.role), frozenset(row.store_ids))
    return Caller(actor, row.name, row.email, row.locale, session_id, None)


def _token_caller(row: Row[Any]) -> Caller:
    return replace(_caller(row), token_id=str(row.token_id), scopes=frozenset(row.scopes))
