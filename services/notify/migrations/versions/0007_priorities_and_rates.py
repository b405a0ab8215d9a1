"""What goes first, how fast, and by which relay. The version before leaves the new columns at their defaults."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE messages
        ADD COLUMN priority smallint NOT NULL DEFAULT 10,
        ADD COLUMN recipient_domain text,
        ADD COLUMN given_to text
    """,
    # The bytes of a mail live for a moment: packing them costs more than it saves.
    "ALTER TABLE messages ALTER COLUMN raw SET STORAGE EXTERNAL",
    "CREATE INDEX messages_next ON messages (priority, due_at, id) WHERE state IN ('queued', 'deferred')",
    """
    CREATE TABLE send_rates (
        name text PRIMARY KEY,
        tokens double precision NOT NULL,
        filled_at timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE send_rates")
    op.execute("DROP INDEX messages_next")
    op.execute("ALTER TABLE messages ALTER COLUMN raw SET STORAGE EXTENDED")
    op.execute("ALTER TABLE messages DROP COLUMN given_to, DROP COLUMN recipient_domain, DROP COLUMN priority")
