"""Outbox and inbox as migration steps. A version is never edited once released: a change is ``…_v2``."""

from alembic.operations import Operations

_OUTBOX_V1 = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL UNIQUE,
        type text NOT NULL,
        subject text,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz,
        published_at timestamptz,
        stream_seq bigint
    )
    """,
    "COMMENT ON COLUMN outbox.type IS 'also the NATS subject'",
    "COMMENT ON COLUMN outbox.subject IS 'ce-subject: what the event is about'",
    "COMMENT ON COLUMN outbox.body IS 'empty once expires_at has passed'",
    "COMMENT ON COLUMN outbox.stream_seq IS 'null: expired before it could be published'",
    "CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL",
    "CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL",
    "CREATE INDEX outbox_expiring ON outbox (expires_at) WHERE expires_at IS NOT NULL",
)

_INBOX_V1 = (
    """
    CREATE TABLE inbox (
        durable text NOT NULL,
        event_id uuid NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (durable, event_id)
    )
    """,
    "CREATE INDEX inbox_handled ON inbox (handled_at)",
)


def create_outbox_v1(op: Operations) -> None:
    """Create the outbox; pass Alembic's ``op``."""
    for statement in _OUTBOX_V1:
        op.execute(statement)


def create_inbox_v1(op: Operations) -> None:
    """Create the inbox; pass Alembic's ``op``."""
    for statement in _INBOX_V1:
        op.execute(statement)
