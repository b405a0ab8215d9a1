"""Kinds turned off, own quiet hours, and messages that were held back."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATES = "'queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'expired'"
STATEMENTS = (
    """
    CREATE TABLE preferences (
        person_id text NOT NULL,
        kind text NOT NULL,
        wanted boolean NOT NULL,
        how text NOT NULL CONSTRAINT preferences_how CHECK (how IN ('page', 'one_click')),
        changed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (person_id, kind)
    )
    """,
    """
    CREATE TABLE quiet_hours (
        person_id text PRIMARY KEY,
        starts time,
        ends time,
        changed_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT quiet_hours_times
            CHECK ((starts IS NULL AND ends IS NULL) OR (starts IS NOT NULL AND ends IS NOT NULL AND starts <> ends))
    )
    """,
    "ALTER TABLE messages DROP CONSTRAINT messages_state",
    f"ALTER TABLE messages ADD CONSTRAINT messages_state CHECK (state IN ({_STATES}, 'suppressed'))",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE messages DROP CONSTRAINT messages_state")
    op.execute("UPDATE messages SET state = 'failed' WHERE state = 'suppressed'")
    op.execute(f"ALTER TABLE messages ADD CONSTRAINT messages_state CHECK (state IN ({_STATES}))")
    op.execute("DROP TABLE quiet_hours")
    op.execute("DROP TABLE preferences")
