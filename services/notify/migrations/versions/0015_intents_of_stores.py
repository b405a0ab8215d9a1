"""Intents of a store that still are of use are found when somebody of it becomes known late."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without anybody waiting for it; what an earlier try left is dropped first."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS intents_of_stores")
        op.execute("""
            CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_of_stores ON intents (store_id, expires_at)
            WHERE state = 'expanded' AND store_id IS NOT NULL
        """)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    op.execute("DROP INDEX intents_of_stores")
