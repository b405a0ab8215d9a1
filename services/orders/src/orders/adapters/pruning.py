"""Removing what has served its time, a bounded piece per transaction."""

from sqlalchemy import Engine, text

from orders.adapters.availability import lent

BATCH_ROWS = 1_000
MAX_BATCHES = 100
_RULES = (
    # Keys are promised for 48 h; failures count for 15 minutes; mails are history after six months.
    ("idempotency_keys", "created_at < clock_timestamp() - interval '48 hours'"),
    ("sign_in_failures", "at < clock_timestamp() - interval '1 day'"),
    ("sessions", "expires_at < clock_timestamp() OR used_at < clock_timestamp() - interval '3 days'"),
    ("api_tokens", "expires_at < clock_timestamp()"),
    ("one_time_links", "expires_at < clock_timestamp() - interval '1 day'"),
    ("product_imports", "created_at < clock_timestamp() - interval '1 day'"),
    ("series_days", "quoted_on < current_date - 400"),
    ("mails", "at < clock_timestamp() - interval '180 days'"),
)


def prune(engine: Engine) -> dict[str, int]:
    """Delete up to 100,000 rows of each kind, 1,000 at a time; return how many went, by table."""
    return {table: _prune_table(engine, table, condition) for table, condition in _RULES}


def _prune_table(engine: Engine, table: str, condition: str) -> int:
    statement = text(
        f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH_ROWS})"
    )
    removed = 0
    for _ in range(MAX_BATCHES):
        with lent(engine) as connection, connection.begin():
            batch = connection.execute(statement).rowcount
        removed += batch
        if batch < BATCH_ROWS:
            break
    return removed
