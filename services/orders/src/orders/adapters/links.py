"""One-time links: invitations and password resets."""

from datetime import datetime
from typing import cast

from sqlalchemy import Connection, text

# A newer mail makes the older one useless: two live links to the same door would be one too many.
_END_EARLIER = text(
    "UPDATE one_time_links SET used_at = clock_timestamp() WHERE person_id = CAST(:person_id AS uuid)"
    " AND purpose = :purpose AND used_at IS NULL"
)
_ADD = text(
    "INSERT INTO one_time_links (id, person_id, purpose, secret_hash, expires_at) VALUES (CAST(:id AS uuid),"
    " CAST(:person_id AS uuid), :purpose, :secret_hash, clock_timestamp() + make_interval(secs => :lifetime_s))"
    " RETURNING expires_at"
)
_RECENT = text(
    "SELECT count(*) FROM one_time_links WHERE person_id = CAST(:person_id AS uuid) AND purpose = :purpose"
    " AND created_at > clock_timestamp() - make_interval(secs => :since_s)"
)
_LIVE = "secret_hash = :secret_hash AND purpose = :purpose AND used_at IS NULL AND expires_at > clock_timestamp()"
_OWNER = text(f"SELECT person_id FROM one_time_links WHERE {_LIVE}")
_USE = text(f"UPDATE one_time_links SET used_at = clock_timestamp() WHERE {_LIVE} RETURNING person_id")


class SqlOneTimeLinks:
    """`OneTimeLinks` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, link_id: str, person_id: str, purpose: str, secret_hash: bytes, lifetime_s: int) -> datetime:
        """Store a link; see the port."""
        values = {
            "id": link_id,
            "person_id": person_id,
            "purpose": purpose,
            "secret_hash": secret_hash,
            "lifetime_s": lifetime_s,
        }
        self._connection.execute(_END_EARLIER, values)
        return cast("datetime", self._connection.scalar(_ADD, values))

    def recent(self, person_id: str, purpose: str, since_s: int) -> int:
        """Count the links issued lately."""
        values = {"person_id": person_id, "purpose": purpose, "since_s": since_s}
        return cast("int", self._connection.execute(_RECENT, values).scalar_one())

    def owner(self, secret_hash: bytes, purpose: str) -> str | None:
        """Return whose live link it is."""
        return self._person(_OWNER, secret_hash, purpose)

    def use(self, secret_hash: bytes, purpose: str) -> str | None:
        """Use a link up; the row lock makes one of two clicks lose."""
        return self._person(_USE, secret_hash, purpose)

    def _person(self, statement: object, secret_hash: bytes, purpose: str) -> str | None:
        found = self._connection.scalar(statement, {"secret_hash": secret_hash, "purpose": purpose})  # type: ignore[call-overload]
        return None if found is None else str(found)
