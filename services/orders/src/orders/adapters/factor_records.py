"""`SecondFactorRecords` on PostgreSQL."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, TextClause, text

from orders.application.factor_records import Factor

_FIND = "SELECT secret, confirmed_at, last_step FROM second_factors WHERE person_id = CAST(:id AS uuid)"
_IS_ON = text("SELECT 1 FROM second_factors WHERE person_id = CAST(:id AS uuid) AND confirmed_at IS NOT NULL")
_BEGIN = text(
    "INSERT INTO second_factors (person_id, secret) VALUES (CAST(:id AS uuid), :sealed)"
    " ON CONFLICT (person_id) DO UPDATE SET secret = excluded.secret, created_at = clock_timestamp(), last_step = 0"
    " WHERE second_factors.confirmed_at IS NULL"
)
_CONFIRM = text(
    "UPDATE second_factors SET confirmed_at = clock_timestamp(), last_step = :step WHERE person_id = CAST(:id AS uuid)"
)
_ACCEPTED = text("UPDATE second_factors SET last_step = :step WHERE person_id = CAST(:id AS uuid)")
_REMOVE = text("DELETE FROM second_factors WHERE person_id = CAST(:id AS uuid) RETURNING confirmed_at")
_REMOVE_CODES = text("DELETE FROM recovery_codes WHERE person_id = CAST(:id AS uuid)")
_ADD_CODE = text("INSERT INTO recovery_codes (person_id, code_hash) VALUES (CAST(:id AS uuid), :hash)")
_USE_CODE = text(
    "UPDATE recovery_codes SET used_at = clock_timestamp()"
    " WHERE person_id = CAST(:id AS uuid) AND code_hash = :hash AND used_at IS NULL"
)
_CODES_LEFT = text("SELECT count(*) FROM recovery_codes WHERE person_id = CAST(:id AS uuid) AND used_at IS NULL")


class SqlSecondFactorRecords:
    """Reads and writes one person's second factor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, person_id: str) -> Factor | None:
        """Return the factor, on or not."""
        return self._factor(text(_FIND), person_id)

    def lock(self, person_id: str) -> Factor | None:
        """Return the factor and hold its row."""
        return self._factor(text(f"{_FIND} FOR UPDATE"), person_id)

    def is_on(self, person_id: str) -> bool:
        """Tell whether a code is asked for."""
        return self._connection.scalar(_IS_ON, {"id": person_id}) is not None

    def begin(self, person_id: str, sealed: bytes) -> bool:
        """Keep a secret that is not on yet; see the port."""
        return bool(self._connection.execute(_BEGIN, {"id": person_id, "sealed": sealed}).rowcount)

    def confirm(self, person_id: str, step: int) -> None:
        """Switch it on."""
        self._connection.execute(_CONFIRM, {"id": person_id, "step": step})

    def accepted(self, person_id: str, step: int) -> None:
        """Remember the step."""
        self._connection.execute(_ACCEPTED, {"id": person_id, "step": step})

    def remove(self, person_id: str) -> bool:
        """Forget everything; see the port."""
        self._connection.execute(_REMOVE_CODES, {"id": person_id})
        return self._connection.scalar(_REMOVE, {"id": person_id}) is not None

    def put_recovery_codes(self, person_id: str, hashes: Sequence[bytes]) -> None:
        """Keep these codes only."""
        self._connection.execute(_REMOVE_CODES, {"id": person_id})
        values: list[dict[str, Any]] = [{"id": person_id, "hash": code_hash} for code_hash in hashes]
        self._connection.execute(_ADD_CODE, values)

    def use_recovery_code(self, person_id: str, code_hash: bytes) -> bool:
        """Use a code up; tell whether there was one."""
        return bool(self._connection.execute(_USE_CODE, {"id": person_id, "hash": code_hash}).rowcount)

    def recovery_codes_left(self, person_id: str) -> int:
        """Count the codes that still work."""
        return cast("int", self._connection.execute(_CODES_LEFT, {"id": person_id}).scalar_one())

    def _factor(self, statement: TextClause, person_id: str) -> Factor | None:
        row = self._connection.execute(statement, {"id": person_id}).one_or_none()
        return None if row is None else Factor(bytes(row.secret), row.confirmed_at, row.last_step)
