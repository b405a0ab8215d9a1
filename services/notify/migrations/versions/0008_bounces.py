"""Mails that came back, and the webhook's posts that were taken."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE bounces (
        mail_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        what text NOT NULL CONSTRAINT bounces_what CHECK (what IN ('bounced', 'delayed', 'complained')),
        status text NOT NULL,
        detail text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (mail_id, what)
    )
    """,
    "CREATE TABLE bounce_posts (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
    "CREATE INDEX bounce_posts_at ON bounce_posts (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE bounce_posts")
    op.execute("DROP TABLE bounces")
