"""Intents for which nobody became known are counted every minute, and are few."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without anybody waiting for it; what an earlier try left is dropped first."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS intents_expired")
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_expired ON intents (id) WHERE state = 'expired'")
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    op.execute("DROP INDEX intents_expired")
