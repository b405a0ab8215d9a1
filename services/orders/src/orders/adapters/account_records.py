"""`AccountRecords` on PostgreSQL."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, TextClause, text

from orders.application.account_records import Account, LiveToken, OpenSession
from orders.domain.people import Role

_ACCOUNT = "SELECT id, email, name, role, password_hash, active FROM people"
_FIND = text(f"{_ACCOUNT} WHERE id = CAST(:id AS uuid)")
_LOCK = text(f"{_ACCOUNT} WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_BY_EMAIL = text(f"{_ACCOUNT} WHERE email = :email")
# FOR SHARE waits for a change of the password that is under way, and makes a later one wait for this transaction.
_STILL_OPENS = text("SELECT 1 FROM people WHERE id = CAST(:id AS uuid) AND password_hash = :hash AND active FOR SHARE")
_SET_PASSWORD = text("UPDATE people SET password_hash = :hash WHERE id = CAST(:id AS uuid)")
_END_LINKS = text(
    "UPDATE one_time_links SET used_at = clock_timestamp() WHERE person_id = CAST(:id AS uuid) AND used_at IS NULL"
)
_BEFORE = "(CAST(:at AS timestamptz) IS NULL OR (created_at, id) < (CAST(:at AS timestamptz), CAST(:before AS uuid)))"
_SESSIONS = text(
    "SELECT id, client, created_at, used_at, expires_at FROM sessions WHERE person_id = CAST(:id AS uuid)"
    " AND expires_at > clock_timestamp() AND used_at > clock_timestamp() - make_interval(secs => :idle_s)"
    f" AND {_BEFORE} ORDER BY created_at DESC, id DESC LIMIT :limit"
)
_TOKENS = text(
    "SELECT id, name, scopes, created_at, used_at, expires_at FROM api_tokens WHERE person_id = CAST(:id AS uuid)"
    f" AND expires_at > clock_timestamp() AND {_BEFORE} ORDER BY created_at DESC, id DESC LIMIT :limit"
)
_REMOVE_SESSION = text("DELETE FROM sessions WHERE id = CAST(:session_id AS uuid) AND person_id = CAST(:id AS uuid)")
_REMOVE_SESSIONS = text(
    "DELETE FROM sessions WHERE person_id = CAST(:id AS uuid)"
    " AND (CAST(:but AS uuid) IS NULL OR id <> CAST(:but AS uuid))"
    " RETURNING id, used_at > clock_timestamp() - make_interval(secs => :warm_s) AS warm"
)
_REMOVE_TOKEN = text(
    "DELETE FROM api_tokens WHERE id = CAST(:token_id AS uuid) AND person_id = CAST(:id AS uuid) RETURNING expires_at"
)
_REMOVE_TOKENS = text("DELETE FROM api_tokens WHERE person_id = CAST(:id AS uuid) RETURNING id")
# Kept beside the failed sign-ins, which are counted and pruned the same way; the prefix keeps the two apart.
_ASKING = hashlib.sha256(b"asked for a link").digest()
_ASKINGS = text(
    "SELECT count(*) FROM sign_in_failures WHERE address = 'link ' || :address"
    " AND at > clock_timestamp() - make_interval(secs => :since_s)"
)
_NOTE_ASKING = text("INSERT INTO sign_in_failures (account_hash, address) VALUES (:hash, 'link ' || :address)")
_ADD_INVITED = text(
    "INSERT INTO people (id, email, name, locale, role) VALUES (CAST(:id AS uuid), :email, :name, :locale, :role)"
    " ON CONFLICT (email) DO NOTHING"
)


class SqlAccountRecords:
    """Reads and writes one person's account."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, person_id: str) -> Account | None:
        """Return the account."""
        return self._account(_FIND, {"id": person_id})

    def lock(self, person_id: str) -> Account | None:
        """Return the account and hold its row."""
        return self._account(_LOCK, {"id": person_id})

    def by_email(self, email: str) -> Account | None:
        """Return the account with this e-mail."""
        return self._account(_BY_EMAIL, {"email": email})

    def still_opens(self, person_id: str, password_hash: str) -> bool:
        """Tell whether the hash still holds; see the port."""
        return self._connection.scalar(_STILL_OPENS, {"id": person_id, "hash": password_hash}) is not None

    def set_password(self, person_id: str, password_hash: str) -> None:
        """Replace the password."""
        self._connection.execute(_SET_PASSWORD, {"id": person_id, "hash": password_hash})

    def end_links(self, person_id: str) -> None:
        """End the person's links."""
        self._connection.execute(_END_LINKS, {"id": person_id})

    def sessions(
        self, person_id: str, idle_s: int, limit: int, before: tuple[datetime, str] | None
    ) -> list[OpenSession]:
        """List live sessions; see the port."""
        found = self._connection.execute(_SESSIONS, {**_place(person_id, limit, before), "idle_s": idle_s})
        return [OpenSession(str(row.id), row.client, row.created_at, row.used_at, row.expires_at) for row in found]

    def tokens(self, person_id: str, limit: int, before: tuple[datetime, str] | None) -> list[LiveToken]:
        """List live tokens; see the port."""
        return [_token(row) for row in self._connection.execute(_TOKENS, _place(person_id, limit, before))]

    def remove_session(self, person_id: str, session_id: str) -> bool:
        """End one session."""
        return bool(self._connection.execute(_REMOVE_SESSION, {"id": person_id, "session_id": session_id}).rowcount)

    def remove_sessions(self, person_id: str, *, but: str | None, warm_s: int) -> tuple[int, Sequence[str]]:
        """End all sessions but one; see the port."""
        ended = self._connection.execute(_REMOVE_SESSIONS, {"id": person_id, "but": but, "warm_s": warm_s}).all()
        return len(ended), sorted(str(row.id) for row in ended if row.warm)

    def remove_token(self, person_id: str, token_id: str) -> datetime | None:
        """End one token."""
        values = {"id": person_id, "token_id": token_id}
        return cast("datetime | None", self._connection.scalar(_REMOVE_TOKEN, values))

    def remove_tokens(self, person_id: str) -> Sequence[str]:
        """End all tokens; return their ids."""
        return sorted(map(str, self._connection.scalars(_REMOVE_TOKENS, {"id": person_id})))

    def askings(self, address: str, since_s: int) -> int:
        """Count askings for a link."""
        values = {"address": address, "since_s": since_s}
        return cast("int", self._connection.execute(_ASKINGS, values).scalar_one())

    def note_asking(self, address: str) -> None:
        """Note an asking for a link."""
        self._connection.execute(_NOTE_ASKING, {"hash": _ASKING, "address": address})

    def add_invited(self, person: Mapping[str, str]) -> bool:
        """Store an invited person."""
        return bool(self._connection.execute(_ADD_INVITED, dict(person)).rowcount)

    def _account(self, statement: TextClause, values: dict[str, Any]) -> Account | None:
        row = self._connection.execute(statement, values).one_or_none()
        if row is None:
            return None
        return Account(str(row.id), row.email, row.name, Role(row.role), row.password_hash, row.active)


def _place(person_id: str, limit: int, before: tuple[datetime, str] | None) -> dict[str, Any]:
    at, last = before or (None, None)
    return {"id": person_id, "limit": limit, "at": at, "before": last}


def _token(row: Row[Any]) -> LiveToken:
    return LiveToken(str(row.id), row.name, tuple(row.scopes), row.created_at, row.used_at, row.expires_at)
