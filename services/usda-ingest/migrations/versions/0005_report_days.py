"""What reports say of their days in words."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; expand only."""
    op.execute("""
        CREATE TABLE report_days (
            report_id text NOT NULL,
            reported_on date NOT NULL,
            title text NOT NULL,
            narrative text NOT NULL,
            published text NOT NULL,
            market text NOT NULL,
            file_id uuid NOT NULL REFERENCES report_files,
            PRIMARY KEY (report_id, reported_on)
        )
    """)
    op.execute("COMMENT ON COLUMN report_days.published IS 'as written; the reports state no time zone'")
