"""When a store's state was told: an event that is handled again late puts no old state back."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE stores ADD COLUMN told_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE stores DROP COLUMN told_at")
