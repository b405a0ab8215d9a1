"""Stores by name, and whether they want to be reminded of a cutoff."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE stores (
            store_id text PRIMARY KEY,
            name text NOT NULL,
            active boolean NOT NULL,
            wants_reminder boolean NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE stores")
