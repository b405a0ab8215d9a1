"""What staff see and do: attempts, resends, the queue's switch, dead letters."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE attempts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mail_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        at timestamptz NOT NULL DEFAULT now(),
        took_ms integer,
        relay text,
        phase text NOT NULL,
        code smallint,
        answer text,
        state text NOT NULL,
        counted boolean NOT NULL
    )
    """,
    "CREATE INDEX attempts_mail ON attempts (mail_id, id)",
    """
    CREATE TABLE resends (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mail_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        at timestamptz NOT NULL DEFAULT now(),
        person_id text NOT NULL,
        from_state text NOT NULL
    )
    """,
    "CREATE INDEX resends_mail ON resends (mail_id, id)",
    """
    CREATE TABLE queue_switches (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        held boolean NOT NULL,
        reason text,
        person_id text NOT NULL
    )
    """,
    """
    CREATE TABLE dead_letters (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        durable text NOT NULL,
        stream text NOT NULL,
        stream_seq bigint NOT NULL,
        subject text NOT NULL,
        headers jsonb NOT NULL,
        body bytea,
        error text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        tries smallint NOT NULL DEFAULT 0,
        replayed_at timestamptz,
        replayed_by text,
        CONSTRAINT dead_letters_place UNIQUE (durable, stream, stream_seq)
    )
    """,
    # Those that did not arrive, whichever final states there come to be; few, and looked for often.
    """
    CREATE INDEX messages_undelivered ON messages (id)
    WHERE state NOT IN ('queued', 'sending', 'deferred', 'sent')
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX messages_undelivered")
    for table in ("dead_letters", "queue_switches", "resends", "attempts"):
        op.execute(f"DROP TABLE {table}")
