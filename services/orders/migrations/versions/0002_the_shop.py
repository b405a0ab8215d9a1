"""The shop: second factors, one-time links and scoped tokens; planned market days, case sizes, earlier cutoffs; price
history and forecasts; comments; standing orders; a line's price limit.

Expand only: the running version goes on with what it knows. New columns are nullable or have a default, and a person
without a password (invited, not yet come) is one whose password never matches.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_PEOPLE = (
    "ALTER TABLE people ALTER COLUMN password_hash DROP NOT NULL",
    "COMMENT ON COLUMN people.password_hash IS 'null: invited, has not chosen one yet'",
    (
        "ALTER TABLE stores ADD COLUMN version bigint NOT NULL DEFAULT 1, ADD COLUMN phone text NOT NULL DEFAULT '',"
        " ADD COLUMN address text NOT NULL DEFAULT ''"
    ),
    """
    CREATE TABLE second_factors (
        person_id uuid PRIMARY KEY REFERENCES people,
        secret bytea NOT NULL,
        confirmed_at timestamptz,
        last_step bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "COMMENT ON COLUMN second_factors.secret IS 'encrypted with a key derived from SESSION_SECRET'",
    "COMMENT ON COLUMN second_factors.confirmed_at IS 'null: shown, not switched on yet'",
    "COMMENT ON COLUMN second_factors.last_step IS 'the last 30-second step accepted: no code works twice'",
    """
    CREATE TABLE recovery_codes (
        person_id uuid NOT NULL REFERENCES people,
        code_hash bytea NOT NULL,
        used_at timestamptz,
        PRIMARY KEY (person_id, code_hash)
    )
    """,
    """
    CREATE TABLE one_time_links (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL REFERENCES people,
        purpose text NOT NULL CHECK (purpose IN ('invitation', 'password_reset')),
        secret_hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    "CREATE INDEX one_time_links_person ON one_time_links (person_id, created_at)",
    "CREATE INDEX one_time_links_expires ON one_time_links (expires_at)",
    "ALTER TABLE sessions ADD COLUMN client text NOT NULL DEFAULT ''",
    "COMMENT ON COLUMN sessions.client IS 'browser and system in two words, to recognise a session by; no address'",
    (
        "ALTER TABLE api_tokens ADD COLUMN name text NOT NULL DEFAULT '',"
        " ADD COLUMN scopes text[] NOT NULL DEFAULT '{read,write}', ADD COLUMN used_at timestamptz"
    ),
)

_PLANNING = (
    (
        "ALTER TABLE products ADD COLUMN case_size integer CHECK (case_size > 1),"
        " ADD COLUMN version bigint NOT NULL DEFAULT 1"
    ),
    "COMMENT ON COLUMN products.case_size IS 'how many sold units the market sells at once; null: each for itself'",
    "CREATE INDEX products_place ON products (category, name, id)",
    (
        "ALTER TABLE cycles ADD COLUMN version bigint NOT NULL DEFAULT 1, ADD COLUMN remind_at timestamptz,"
        " ADD COLUMN packing_at timestamptz, ADD COLUMN copied_from uuid REFERENCES cycles"
    ),
    "COMMENT ON COLUMN cycles.remind_at IS 'null: an hour before the cutoff'",
    "COMMENT ON COLUMN cycles.packing_at IS 'when it passes from closed to packing; null: by hand'",
    "CREATE INDEX cycles_packing ON cycles (packing_at) WHERE state = 'closed'",
    "ALTER TABLE offers ADD COLUMN cutoff_at timestamptz, ADD COLUMN case_size integer CHECK (case_size > 1)",
    "COMMENT ON COLUMN offers.cutoff_at IS 'earlier than the cycle''s; null: with the cycle'",
    "CREATE INDEX offers_product ON offers (product_id, cycle_id)",
    # Cancelling a market day, and closing one of its offers by hand.
    (
        "ALTER TABLE cycles ADD COLUMN cancel_reason text NOT NULL DEFAULT '',"
        " ADD COLUMN cancelled_by uuid REFERENCES people, ADD COLUMN wound_up_at timestamptz"
    ),
    "COMMENT ON COLUMN cycles.wound_up_at IS 'when the last order of a cancelled market day was cancelled'",
    "CREATE INDEX cycles_winding_up ON cycles (id) WHERE state = 'cancelled' AND wound_up_at IS NULL",
    "ALTER TABLE offers ADD COLUMN withdrawn_at timestamptz, ADD COLUMN withdrawn_available integer",
    "COMMENT ON COLUMN offers.withdrawn_at IS 'closed by hand after it was ordered; null: on offer'",
    "COMMENT ON COLUMN offers.withdrawn_available IS 'what was available before; null: was not limited'",
)

_MARKET = (
    """
    CREATE TABLE series_days (
        series_id uuid NOT NULL,
        quoted_on date NOT NULL,
        low numeric(12, 4),
        high numeric(12, 4),
        reference numeric(12, 4) NOT NULL,
        PRIMARY KEY (series_id, quoted_on)
    )
    """,
    "CREATE INDEX series_days_quoted_on ON series_days (quoted_on)",
    """
    CREATE TABLE series_forecasts (
        series_id uuid PRIMARY KEY,
        as_of date NOT NULL,
        trend_pct_week numeric(9, 4),
        method text NOT NULL,
        points jsonb NOT NULL,
        coverage numeric(6, 4),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
)

_ORDERS = (
    # For those who ask again and again what has changed since.
    "CREATE INDEX orders_updated ON orders (updated_at)",
    "ALTER TABLE order_lines ADD COLUMN max_unit_price_cents integer CHECK (max_unit_price_cents >= 0)",
    "COMMENT ON COLUMN order_lines.max_unit_price_cents IS 'dropped, with notice, when the price moves above'",
    """
    CREATE TABLE comments (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders,
        person_id uuid NOT NULL REFERENCES people,
        role text NOT NULL,
        text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 2000),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX comments_order ON comments (order_id, created_at, id)",
    "CREATE INDEX comments_person ON comments (person_id, created_at)",
    "CREATE INDEX comments_created ON comments (created_at)",
    """
    CREATE TABLE standing_orders (
        id uuid PRIMARY KEY,
        store_id uuid NOT NULL UNIQUE REFERENCES stores,
        active boolean NOT NULL DEFAULT true,
        note text NOT NULL DEFAULT '',
        version integer NOT NULL DEFAULT 1,
        saved_by uuid NOT NULL REFERENCES people,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE standing_order_lines (
        standing_order_id uuid NOT NULL REFERENCES standing_orders,
        position integer NOT NULL,
        product_id uuid NOT NULL REFERENCES products,
        quantity integer NOT NULL CHECK (quantity > 0),
        max_unit_price_cents integer CHECK (max_unit_price_cents >= 0),
        PRIMARY KEY (standing_order_id, product_id)
    )
    """,
    """
    CREATE TABLE standing_order_runs (
        cycle_id uuid NOT NULL REFERENCES cycles,
        store_id uuid NOT NULL REFERENCES stores,
        order_id uuid REFERENCES orders,
        outcome text NOT NULL,
        drops jsonb NOT NULL DEFAULT '[]',
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (cycle_id, store_id)
    )
    """,
    (
        "COMMENT ON COLUMN standing_order_runs.outcome IS"
        " 'placed, has_order, nothing_left, refused, inactive, saved_later; one row per store and cycle: placed once'"
    ),
    "CREATE INDEX standing_order_runs_store ON standing_order_runs (store_id, at DESC)",
    "CREATE INDEX standing_order_runs_order ON standing_order_runs (order_id) WHERE order_id IS NOT NULL",
)

_CATALOGUE = (
    # Without case and accents, "jalapeno" finds "Jalapeño"; the extension unaccent needs rights that a managed database
    # may not give, and this needs none.
    """
    CREATE FUNCTION search_form(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT lower(regexp_replace(normalize(words, NFD), '[\\u0300-\\u036f]', '', 'g')) $$
    """,
    (
        "ALTER TABLE products ADD COLUMN search_text text GENERATED ALWAYS AS"
        " (search_form(name || ' ' || name_es || ' ' || category || ' ' || pack)) STORED"
    ),
    (
        "ALTER TABLE series_quotes ADD COLUMN search_text text GENERATED ALWAYS AS (search_form(commodity || ' ' ||"
        " variety || ' ' || package || ' ' || size || ' ' || market"
        " || CASE WHEN organic THEN ' organic orgánico' ELSE '' END)) STORED"
    ),
    "CREATE INDEX products_series ON products (series_id)",
    """
    CREATE TABLE product_imports (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL REFERENCES people,
        file_name text NOT NULL,
        body bytea NOT NULL CHECK (octet_length(body) <= 8000000),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "COMMENT ON TABLE product_imports IS 'files between preview and confirmation; the last few of a person, for a day'",
    "CREATE INDEX product_imports_person ON product_imports (person_id, created_at)",
    "CREATE INDEX product_imports_created ON product_imports (created_at)",
)


def upgrade() -> None:
    for statement in (*_PEOPLE, *_PLANNING, *_MARKET, *_ORDERS, *_CATALOGUE):
        op.execute(statement)
