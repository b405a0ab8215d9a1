"""Indexes by which the service sees every few seconds, without reading forecasts, that none is outdated."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index for what may grow stale, and one for what an older model has said."""
    op.execute("CREATE INDEX forecasts_fresh ON forecasts (last_on) WHERE status = 'ok'")
    op.execute("CREATE INDEX forecasts_model ON forecasts (model_version)")
