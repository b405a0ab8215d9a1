"""A line of the crawl's record for each source, the window a crawl was asked for, reports that stay away."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE crawl_sources (
        crawl_id uuid NOT NULL REFERENCES crawls ON DELETE CASCADE,
        source text NOT NULL,
        state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'finished', 'failed')),
        reason text,
        planned integer NOT NULL DEFAULT 0,
        done integer NOT NULL DEFAULT 0,
        files integer NOT NULL DEFAULT 0,
        rows integer NOT NULL DEFAULT 0,
        problems integer NOT NULL DEFAULT 0,
        requests integer NOT NULL DEFAULT 0,
        retries integer NOT NULL DEFAULT 0,
        bytes bigint NOT NULL DEFAULT 0,
        started_at timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (crawl_id, source)
    )
    """,
    "COMMENT ON COLUMN crawl_sources.planned IS 'answers that are to be taken in, as far as they are known'",
    "COMMENT ON COLUMN crawl_sources.bytes IS 'as they came over the line, bodies only'",
    # When each source was last seen whole decides when it is due again.
    "CREATE INDEX crawl_sources_finished ON crawl_sources (source, finished_at DESC) WHERE state = 'finished'",
    "ALTER TABLE crawls ADD COLUMN window_from date, ADD COLUMN window_to date",
    """
    CREATE TABLE missing_reports (
        report_id text NOT NULL,
        last_on date NOT NULL,
        told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (report_id, last_on)
    )
    """,
    "COMMENT ON TABLE missing_reports IS 'told once: no report since last_on, its newest day'",
)


def upgrade() -> None:
    """Add tables and columns that the version before does not need to know."""
    for statement in _STATEMENTS:
        op.execute(statement)
