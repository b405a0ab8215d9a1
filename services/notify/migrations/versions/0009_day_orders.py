"""Which stores have ordered for which market day: their reminders are withdrawn."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE day_orders (
        order_id text PRIMARY KEY,
        cycle_id text NOT NULL,
        store_id text NOT NULL,
        cancelled boolean NOT NULL,
        at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX day_orders_day ON day_orders (cycle_id, store_id) WHERE NOT cancelled",
    "CREATE INDEX day_orders_at ON day_orders (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE day_orders")
