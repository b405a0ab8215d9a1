"""What the weekly digest is made of: quotes of some weeks, what the hub sells of them, what stores buy, pictures."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE market_quotes (
        series_id uuid NOT NULL,
        quoted_on date NOT NULL,
        cents integer CONSTRAINT market_quotes_cents CHECK (cents >= 0),
        told_at timestamptz NOT NULL,
        PRIMARY KEY (series_id, quoted_on)
    )
    """,
    "CREATE INDEX market_quotes_day ON market_quotes (quoted_on)",
    """
    CREATE TABLE market_offers (
        offer_id text PRIMARY KEY,
        series_id uuid NOT NULL,
        name text NOT NULL,
        name_es text NOT NULL,
        market_pack text,
        market_pack_es text,
        told_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX market_offers_series ON market_offers (series_id, told_at)",
    "CREATE INDEX market_offers_told ON market_offers (told_at)",
    """
    CREATE TABLE store_series (
        store_id text NOT NULL,
        series_id uuid NOT NULL,
        ordered_at timestamptz NOT NULL,
        PRIMARY KEY (store_id, series_id)
    )
    """,
    "CREATE INDEX store_series_ordered ON store_series (ordered_at)",
    """
    CREATE TABLE pictures (
        key text PRIMARY KEY,
        png bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("pictures", "store_series", "market_offers", "market_quotes"):
        op.execute(f"DROP TABLE {table}")
