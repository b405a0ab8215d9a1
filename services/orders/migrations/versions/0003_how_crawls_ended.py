"""That the last crawl failed, until one finishes: staff see it on their board."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE market_feed ADD COLUMN failed_at timestamptz")
    op.execute("COMMENT ON COLUMN market_feed.failed_at IS 'the last crawl that ended failed; null after one finished'")
