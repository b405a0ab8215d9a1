"""Idempotency keys: a row that is written first and committed with the effect."""

import json

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from orders.application.commands import Answer, RequestKey
from orders.domain.errors import KeyInFlight, KeyReused

_LOCK_NOT_AVAILABLE = "55P03"
_CLAIM = text(
    "INSERT INTO idempotency_keys (person_id, key, request_hash) VALUES (CAST(:person_id AS uuid), :key, :hash)"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
_KEPT = text(
    "SELECT request_hash, status, headers, body FROM idempotency_keys"
    " WHERE person_id = CAST(:person_id AS uuid) AND key = :key"
)
_KEEP = text(
    "UPDATE idempotency_keys SET status = :status, headers = CAST(:headers AS jsonb), body = :body"
    " WHERE person_id = CAST(:person_id AS uuid) AND key = :key"
)


class SqlKeys:
    """`Keys` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, key: RequestKey) -> Answer | None:
        """Claim the key; see the port.

        The INSERT waits for the transaction that holds the key, for as long as the session's lock timeout (3 s): when
        that one rolls back, the key is ours; when it commits, its answer is.
        """
        values = {"person_id": key.person_id, "key": key.key, "hash": key.request_hash}
        try:
            if self._connection.scalar(_CLAIM, values):
                return None
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) == _LOCK_NOT_AVAILABLE:
                raise KeyInFlight("a request with this key is still at work") from error
            raise
        kept = self._connection.execute(_KEPT, values).one_or_none()
        if kept is None:  # pruned between the two statements: at work as far as this request can tell
            raise KeyInFlight("a request with this key is still at work")
        if kept.request_hash != key.request_hash:
            raise KeyReused("this key was used for another request")
        return Answer(kept.status, kept.body, tuple((name, value) for name, value in kept.headers))

    def keep(self, key: RequestKey, answer: Answer) -> None:
        """Keep the answer beside the key."""
        self._connection.execute(
            _KEEP,
            {
                "person_id": key.person_id,
                "key": key.key,
                "status": answer.status,
                "headers": json.dumps(answer.headers),
                "body": answer.body,
            },
        )
