"""Rows whose key stands with other prices or comments: a new version of what they correct, its past kept."""

import uuid
from collections.abc import Collection

from sqlalchemy import Connection, text

from usda_ingest.storing.copying import copy_in
from usda_ingest.storing.described import COLUMNS
from usda_ingest.storing.standing import KEY_CHARS
from usda_ingest.storing.tally import Tally

_VALUES = "low, high, mostly_low, mostly_high, single_price, comment, notes"
_COPY = f"COPY staged_quotes (line, {COLUMNS}) FROM STDIN"
# The row with the same comment is the one that is meant (two prices of one key differ by it); the rest goes in order.
_PAIR = text("""
    WITH free AS MATERIALIZED (
        SELECT q.quote_id, q.row_key, q.comment, q.ordinal
        FROM unnest(CAST(:row_keys AS uuid[]), CAST(:value_keys AS uuid[])) AS named (row_key, value_key)
        JOIN quotes q USING (row_key, value_key)
    ), same_comment AS (
        SELECT s.line, f.quote_id
        FROM (SELECT line, row_key, comment,
                     row_number() OVER (PARTITION BY row_key, comment ORDER BY line) AS place FROM staged_quotes) s
        JOIN (SELECT quote_id, row_key, comment,
                     row_number() OVER (PARTITION BY row_key, comment ORDER BY ordinal) AS place FROM free) f
        USING (row_key, comment, place)
    ), in_order AS (
        SELECT s.line, f.quote_id
        FROM (SELECT line, row_key, row_number() OVER (PARTITION BY row_key ORDER BY line) AS place
              FROM staged_quotes WHERE line NOT IN (SELECT line FROM same_comment)) s
        JOIN (SELECT quote_id, row_key, row_number() OVER (PARTITION BY row_key ORDER BY ordinal) AS place
              FROM free WHERE quote_id NOT IN (SELECT quote_id FROM same_comment)) f
        USING (row_key, place)
    )
    UPDATE staged_quotes SET replaces = pairs.quote_id
    FROM (SELECT * FROM same_comment UNION ALL SELECT * FROM in_order) pairs
    WHERE staged_quotes.line = pairs.line
""")
_KEEP_VERSIONS = text(f"""
    INSERT INTO quote_versions (quote_id, version, value_key, {_VALUES}, file_id, stored_at, replaced_at)
    SELECT q.quote_id, q.version, q.value_key, {", ".join(f"q.{name}" for name in _VALUES.split(", "))},
           q.file_id, q.stored_at, now()
    FROM staged_quotes s JOIN quotes q ON q.quote_id = s.replaces
""")  # noqa: S608 - constants only
_CHANGE = text(f"""
    UPDATE quotes q
    SET value_key = s.value_key, ({_VALUES}) = ({", ".join(f"s.{name}" for name in _VALUES.split(", "))}),
        file_id = :file_id, stored_at = now(), version = q.version + 1
    FROM staged_quotes s WHERE q.quote_id = s.replaces
""")  # noqa: S608 - constants only
_ADD = text(f"""
    INSERT INTO quotes ({COLUMNS}, ordinal, file_id, stored_at)
    SELECT {COLUMNS},
        row_number() OVER (PARTITION BY s.row_key ORDER BY s.line)
            + (SELECT max(q.ordinal) FROM quotes q WHERE q.row_key = s.row_key),
        :file_id, now()
    FROM staged_quotes s WHERE s.replaces IS NULL
    ORDER BY s.line
""")  # noqa: S608 - constants only
_COUNTS = text("""
    SELECT report_id, market, count(replaces) AS changed, count(*) - count(replaces) AS added
    FROM staged_quotes GROUP BY report_id, market
""")


def stage(connection: Connection, lines: str) -> None:
    """Lay rows aside until the whole file was read: only then is known which of the standing rows are free."""
    copy_in(connection, _COPY, lines)


def apply(connection: Connection, free: Collection[str], file_id: uuid.UUID, tally: Tally) -> None:
    """Store what was laid aside, each row as the new version of a standing one, or as a further one beside it.

    Args:
        connection: the file's transaction.
        free: identities of the standing rows of those keys that the file does not repeat.
        file_id: the file.
        tally: gets what became of the rows.

    """
    keys = {
        "row_keys": [identity[:KEY_CHARS] for identity in free],
        "value_keys": [identity[KEY_CHARS:] for identity in free],
    }
    connection.execute(_PAIR, keys)
    connection.execute(_KEEP_VERSIONS)
    connection.execute(_CHANGE, {"file_id": file_id})
    connection.execute(_ADD, {"file_id": file_id})
    for report_id, market, changed, added in connection.execute(_COUNTS):
        report = tally.report(report_id, market)
        report.rows_changed += changed
        report.rows_new += added
