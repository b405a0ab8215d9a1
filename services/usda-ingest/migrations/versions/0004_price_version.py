"""The number by which kept answers and ETags of the price API are told apart."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE price_version (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        version bigint NOT NULL,
        changed_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN price_version.version IS 'grows with every transaction that changes what the API answers'",
    "INSERT INTO price_version (version, changed_at) VALUES (1, clock_timestamp())",
)


def upgrade() -> None:
    """Add the table with its one row."""
    for statement in _STATEMENTS:
        op.execute(statement)
