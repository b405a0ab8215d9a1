"""Trend and forecast of each series, and which of them are due."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE forecasts (
        series_id uuid PRIMARY KEY REFERENCES series,
        as_of date NOT NULL,
        last_on date,
        computed_at timestamptz NOT NULL,
        model_version integer NOT NULL,
        quotes integer NOT NULL,
        status text NOT NULL CHECK (status IN ('ok', 'too few quotes', 'stale')),
        trend jsonb,
        forecast jsonb,
        CHECK ((status = 'ok') = (forecast IS NOT NULL))
    )
    """,
    "COMMENT ON COLUMN forecasts.as_of IS 'what is known up to this day is in it; never goes back'",
    "COMMENT ON COLUMN forecasts.last_on IS 'day of the newest quote; null: every quote was withdrawn'",
    """
    CREATE TABLE forecasts_due (
        series_id uuid PRIMARY KEY REFERENCES series,
        mark bigint NOT NULL DEFAULT 1
    )
    """,
    "COMMENT ON COLUMN forecasts_due.mark IS 'grows with every change; a run clears only the mark it has read'",
    "INSERT INTO forecasts_due (series_id) SELECT DISTINCT series_id FROM day_quotes",
)


def upgrade() -> None:
    """Add the tables; every series that has quotes is due."""
    for statement in _STATEMENTS:
        op.execute(statement)
