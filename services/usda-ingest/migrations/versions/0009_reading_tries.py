"""Which large contents are being read, and how many crawls have ended while they read them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TRIES = """
    CREATE TABLE reading_tries (
        sha256 text PRIMARY KEY,
        reader_version integer NOT NULL,
        tries integer NOT NULL,
        crawl_id uuid NOT NULL,
        server_began_at timestamptz NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


def upgrade() -> None:
    """Add a table; a version before this one does not know it, and counts no tries."""
    op.execute(_TRIES)
