"""Since when a relay cannot be used."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE relays ADD COLUMN faulty_since timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE relays DROP COLUMN faulty_since")
