"""Room for the series and day quotes of a file being stored; what each file held, and the order of storing."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Unlogged, filled and emptied within one transaction, as staged_quotes is: nobody ever sees a row of them.
_STATEMENTS = (
    """
    CREATE UNLOGGED TABLE staged_series (
        series_id uuid NOT NULL,
        market text NOT NULL,
        commodity text NOT NULL,
        category text NOT NULL,
        variety text NOT NULL,
        package text NOT NULL,
        size text NOT NULL,
        organic boolean NOT NULL,
        first_on date NOT NULL,
        last_on date NOT NULL
    )
    """,
    """
    CREATE UNLOGGED TABLE staged_day_quotes (
        series_id uuid NOT NULL,
        quoted_on date NOT NULL,
        report_id text NOT NULL,
        low numeric NOT NULL,
        high numeric NOT NULL,
        mostly_low numeric,
        mostly_high numeric
    )
    """,
    # A clock can be set back; what was stored last must be known for certain.
    "CREATE SEQUENCE report_files_stored",
    "ALTER TABLE report_files ADD COLUMN content_key text, ADD COLUMN stored_order bigint",
    "COMMENT ON COLUMN report_files.content_key IS 'the same for files with the same rows, however they are packed'",
    "CREATE INDEX report_files_content ON report_files (content_key) WHERE content_key IS NOT NULL",
)


def upgrade() -> None:
    """Add tables and columns; a version before this one does not know them, and leaves the columns null."""
    for statement in _STATEMENTS:
        op.execute(statement)
