"""Crawls, files with their accounting, quotes with their history, series and day quotes."""

from alembic import op
from mercadito_events.ddl import create_inbox_v1, create_outbox_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNTS = """
    rows_read integer NOT NULL DEFAULT 0,
    rows_new integer NOT NULL DEFAULT 0,
    rows_changed integer NOT NULL DEFAULT 0,
    rows_unchanged integer NOT NULL DEFAULT 0,
    exact_doubles integer NOT NULL DEFAULT 0,
    rows_quarantined integer NOT NULL DEFAULT 0,
    header_rows integer NOT NULL DEFAULT 0
"""

# What the database itself refuses to hold: an account of a file that does not add up.
_ADDS_UP = "CHECK (rows_new + rows_changed + rows_unchanged + exact_doubles + rows_quarantined = rows_read)"

# The columns of a quote, in the order in which rows are copied in.
_QUOTE = """
    row_key uuid NOT NULL,
    value_key uuid NOT NULL,
    series_id uuid NOT NULL,
    report_id text NOT NULL,
    market text NOT NULL,
    commodity text NOT NULL,
    category text NOT NULL,
    variety text NOT NULL,
    package text NOT NULL,
    series_package text NOT NULL,
    size text NOT NULL,
    organic boolean NOT NULL,
    origin text NOT NULL,
    quality text NOT NULL,
    headline boolean NOT NULL,
    unit text NOT NULL,
    weight_lb numeric(10, 2),
    weight_source text,
    quoted_on date NOT NULL,
    low numeric(11, 4),
    high numeric(11, 4),
    mostly_low numeric(11, 4),
    mostly_high numeric(11, 4),
    single_price boolean NOT NULL,
    comment text NOT NULL,
    notes text NOT NULL
"""

_TABLES = (
    f"""
    CREATE TABLE crawls (
        crawl_id uuid PRIMARY KEY,
        source text NOT NULL,
        cause text NOT NULL,
        state text NOT NULL CHECK (state IN ('requested', 'running', 'finished', 'failed')),
        requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        started_at timestamptz,
        finished_at timestamptz,
        reason text,
        pages integer NOT NULL DEFAULT 0,
        files integer NOT NULL DEFAULT 0,
        files_stored integer NOT NULL DEFAULT 0,
        files_unchanged integer NOT NULL DEFAULT 0,
        files_refused integer NOT NULL DEFAULT 0,
        files_without_prices integer NOT NULL DEFAULT 0,
        problems integer NOT NULL DEFAULT 0,
        download_ms integer NOT NULL DEFAULT 0,
        store_ms integer NOT NULL DEFAULT 0,
        {_COUNTS},
        {_ADDS_UP}
    )
    """,
    # At most one crawl at a time, even if a lock were lost.
    "CREATE UNIQUE INDEX crawls_running ON crawls ((true)) WHERE state = 'running'",
    "CREATE INDEX crawls_newest ON crawls (requested_at DESC, crawl_id DESC)",
    """
    CREATE TABLE crawl_problems (
        problem_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        crawl_id uuid NOT NULL REFERENCES crawls ON DELETE CASCADE,
        url text NOT NULL,
        line integer,
        reason text NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX crawl_problems_crawl ON crawl_problems (crawl_id, problem_id)",
    f"""
    CREATE TABLE report_files (
        file_id uuid PRIMARY KEY,
        url text NOT NULL,
        name text NOT NULL,
        sha256 text NOT NULL,
        bytes bigint NOT NULL,
        etag text,
        last_modified text,
        reader_version integer NOT NULL,
        current boolean NOT NULL,
        state text NOT NULL CHECK (state IN ('stored', 'refused', 'not a price report', 'not fetched')),
        reason text,
        line integer,
        format text,
        report_id text,
        market text,
        first_on date,
        last_on date,
        first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_crawl_id uuid NOT NULL,
        {_COUNTS},
        {_ADDS_UP},
        UNIQUE (url, sha256)
    )
    """,
    "COMMENT ON COLUMN report_files.sha256 IS 'empty: the file could not be fetched whole'",
    "CREATE UNIQUE INDEX report_files_current ON report_files (url) WHERE current",
    "CREATE INDEX report_files_newest ON report_files (stored_at DESC, file_id DESC)",
    """
    CREATE TABLE quarantined_rows (
        file_id uuid NOT NULL REFERENCES report_files ON DELETE CASCADE,
        line integer NOT NULL,
        reason text NOT NULL,
        raw text NOT NULL,
        PRIMARY KEY (file_id, line)
    )
    """,
    """
    CREATE TABLE series (
        series_id uuid PRIMARY KEY,
        market text NOT NULL,
        commodity text NOT NULL,
        commodity_key text NOT NULL,
        category text NOT NULL,
        variety text NOT NULL,
        package text NOT NULL,
        size text NOT NULL,
        organic boolean NOT NULL,
        first_on date NOT NULL,
        last_on date NOT NULL
    )
    """,
    "CREATE INDEX series_commodity ON series (commodity_key, last_on)",
    f"""
    CREATE TABLE quotes (
        quote_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_QUOTE},
        ordinal integer NOT NULL,
        file_id uuid NOT NULL REFERENCES report_files,
        stored_at timestamptz NOT NULL,
        version integer NOT NULL DEFAULT 1,
        UNIQUE (row_key, value_key)
    )
    """,
    "COMMENT ON COLUMN quotes.ordinal IS 'tells apart rows that differ in nothing but what they say'",
    "CREATE INDEX quotes_newest ON quotes (quoted_on DESC, quote_id DESC)",
    "CREATE INDEX quotes_commodity ON quotes (lower(commodity), quoted_on DESC, quote_id DESC)",
    "CREATE INDEX quotes_series ON quotes (series_id, quoted_on DESC, quote_id DESC)",
    """
    CREATE TABLE quote_versions (
        quote_id bigint NOT NULL REFERENCES quotes,
        version integer NOT NULL,
        value_key uuid NOT NULL,
        low numeric(11, 4),
        high numeric(11, 4),
        mostly_low numeric(11, 4),
        mostly_high numeric(11, 4),
        single_price boolean NOT NULL,
        comment text NOT NULL,
        notes text NOT NULL,
        file_id uuid NOT NULL,
        stored_at timestamptz NOT NULL,
        replaced_at timestamptz NOT NULL,
        PRIMARY KEY (quote_id, version)
    )
    """,
    """
    CREATE TABLE day_quotes (
        series_id uuid NOT NULL REFERENCES series,
        quoted_on date NOT NULL,
        report_id text NOT NULL,
        low numeric NOT NULL,
        high numeric NOT NULL,
        mostly_low numeric,
        mostly_high numeric,
        reference numeric NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (series_id, quoted_on)
    )
    """,
    # Rows of the file being stored. Unlogged, filled and emptied within one transaction: nobody ever sees a row of it.
    f"CREATE UNLOGGED TABLE staged_quotes (line integer NOT NULL, {_QUOTE}, replaces bigint)",
    "CREATE INDEX staged_quotes_key ON staged_quotes (row_key)",
    """
    CREATE TABLE sign_outs (
        event_id uuid PRIMARY KEY,
        person_id text NOT NULL,
        session_id text,
        token_id text,
        at timestamptz NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sign_outs_person ON sign_outs (person_id)",
)


def upgrade() -> None:
    """Make every table; expand only, so there is no way back but a restore."""
    create_outbox_v1(op)
    create_inbox_v1(op)
    for statement in _TABLES:
        op.execute(statement)
