"""Where one-time links lie until they are mailed, so that they are found and forgotten afterwards."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX intents_links ON intents (id) WHERE data ? 'link'")


def downgrade() -> None:
    op.execute("DROP INDEX intents_links")
