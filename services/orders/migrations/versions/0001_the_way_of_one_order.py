"""People, stores, products, cycles, offers, orders; sessions and keys; outbox and inbox; what the market said."""

from alembic import op
from mercadito_events.ddl import create_inbox_v1, create_outbox_v1

revision = "0001"
down_revision = None

_PEOPLE = (
    """
    CREATE TABLE people (
        id uuid PRIMARY KEY,
        email text NOT NULL CHECK (email = lower(email)),
        name text NOT NULL,
        locale text NOT NULL CHECK (locale IN ('en', 'es')),
        role text NOT NULL CHECK (role IN ('buyer', 'staff', 'admin')),
        password_hash text NOT NULL,
        active boolean NOT NULL DEFAULT true,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE UNIQUE INDEX people_email ON people (email)",
    """
    CREATE TABLE stores (
        id uuid PRIMARY KEY,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
        route text NOT NULL DEFAULT '',
        stop integer NOT NULL DEFAULT 0,
        active boolean NOT NULL DEFAULT true,
        wants_reminder boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX stores_name ON stores (name)",
    """
    CREATE TABLE store_people (
        store_id uuid NOT NULL REFERENCES stores,
        person_id uuid NOT NULL REFERENCES people,
        PRIMARY KEY (person_id, store_id)
    )
    """,
    "CREATE INDEX store_people_store ON store_people (store_id)",
    """
    CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL REFERENCES people,
        secret_hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sessions_person ON sessions (person_id)",
    "CREATE INDEX sessions_expires ON sessions (expires_at)",
    """
    CREATE TABLE api_tokens (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL REFERENCES people,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX api_tokens_person ON api_tokens (person_id)",
    "CREATE INDEX api_tokens_expires ON api_tokens (expires_at)",
    """
    CREATE TABLE sign_in_failures (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        account_hash bytea NOT NULL,
        address text NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "COMMENT ON COLUMN sign_in_failures.account_hash IS 'hashed: people type passwords into the e-mail field'",
    "CREATE INDEX sign_in_failures_address ON sign_in_failures (address, at)",
    "CREATE INDEX sign_in_failures_at ON sign_in_failures (at)",
)

_CYCLES = (
    """
    CREATE TABLE products (
        id uuid PRIMARY KEY,
        -- An order event lists 200 lines with names and packs, and has to stay below 256 kB.
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
        name_es text NOT NULL CHECK (char_length(name_es) BETWEEN 1 AND 80),
        category text NOT NULL CHECK (char_length(category) BETWEEN 1 AND 80),
        pack text NOT NULL CHECK (char_length(pack) BETWEEN 1 AND 120),
        series_id uuid,
        units_per_package numeric(10, 3) NOT NULL DEFAULT 1 CHECK (units_per_package > 0),
        yield_share numeric(5, 4) NOT NULL DEFAULT 1 CHECK (yield_share > 0 AND yield_share <= 1),
        markup numeric(6, 4) NOT NULL DEFAULT 0 CHECK (markup > -1),
        floor_cents integer CHECK (floor_cents >= 0),
        ceiling_cents integer CHECK (ceiling_cents >= 0),
        active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE cycles (
        id uuid PRIMARY KEY,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
        state text NOT NULL CHECK (state IN ('scheduled', 'open', 'closed', 'packing', 'done', 'cancelled')),
        opens_at timestamptz NOT NULL,
        cutoff_at timestamptz NOT NULL,
        delivery_on date NOT NULL,
        closing_told_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CHECK (opens_at < cutoff_at)
    )
    """,
    "COMMENT ON COLUMN cycles.closing_told_at IS 'when orders.cycle.closing was published; null: not yet'",
    "CREATE INDEX cycles_at_work ON cycles (cutoff_at) WHERE state IN ('scheduled', 'open')",
    "CREATE INDEX cycles_cutoff ON cycles (cutoff_at, id)",
    """
    CREATE TABLE offers (
        id uuid PRIMARY KEY,
        cycle_id uuid NOT NULL REFERENCES cycles,
        product_id uuid NOT NULL REFERENCES products,
        unit_price_cents integer NOT NULL CHECK (unit_price_cents >= 0),
        available integer CHECK (available >= 0),
        remaining integer CHECK (remaining >= 0),
        max_per_store integer CHECK (max_per_store > 0),
        version bigint NOT NULL DEFAULT 1,
        CHECK ((available IS NULL) = (remaining IS NULL)),
        CHECK (remaining <= available),
        UNIQUE (cycle_id, product_id)
    )
    """,
    "COMMENT ON COLUMN offers.remaining IS 'available minus the quantities of live lines; null: not limited'",
)

_ORDERS = (
    "CREATE SEQUENCE order_numbers START 1001",
    """
    CREATE TABLE orders (
        id uuid PRIMARY KEY,
        number bigint NOT NULL DEFAULT nextval('order_numbers') UNIQUE,
        cycle_id uuid NOT NULL REFERENCES cycles,
        store_id uuid NOT NULL REFERENCES stores,
        state text NOT NULL CHECK (state IN ('placed', 'cancelled', 'packed', 'delivered')),
        version integer NOT NULL,
        note text NOT NULL DEFAULT '',
        total_cents bigint NOT NULL CHECK (total_cents >= 0),
        placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE UNIQUE INDEX orders_one_live ON orders (store_id, cycle_id) WHERE state <> 'cancelled'",
    "CREATE INDEX orders_cycle ON orders (cycle_id, number DESC)",
    "CREATE INDEX orders_store ON orders (store_id, number DESC)",
    """
    CREATE TABLE order_lines (
        order_id uuid NOT NULL REFERENCES orders,
        position integer NOT NULL,
        offer_id uuid NOT NULL REFERENCES offers,
        name text NOT NULL,
        name_es text NOT NULL,
        pack text NOT NULL,
        quantity integer NOT NULL CHECK (quantity >= 0),
        unit_price_cents integer NOT NULL CHECK (unit_price_cents >= 0),
        shorted integer NOT NULL DEFAULT 0 CHECK (shorted >= 0),
        PRIMARY KEY (order_id, offer_id)
    )
    """,
    "CREATE INDEX order_lines_offer ON order_lines (offer_id)",
    """
    CREATE TABLE audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        entity text NOT NULL,
        entity_id uuid NOT NULL,
        action text NOT NULL,
        person_id uuid,
        role text,
        changes jsonb NOT NULL,
        reason text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX audit_entity ON audit (entity, entity_id, id)",
    """
    CREATE TABLE idempotency_keys (
        person_id uuid NOT NULL,
        key text NOT NULL,
        request_hash text NOT NULL,
        status integer,
        headers jsonb,
        body text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (person_id, key)
    )
    """,
    "CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at)",
)

_READERS = (
    """
    CREATE TABLE series_quotes (
        series_id uuid PRIMARY KEY,
        market text NOT NULL,
        report_id text NOT NULL,
        commodity text NOT NULL,
        variety text NOT NULL,
        package text NOT NULL,
        size text NOT NULL,
        organic boolean NOT NULL,
        quoted_on date NOT NULL,
        low numeric(12, 4),
        high numeric(12, 4),
        mostly_low numeric(12, 4),
        mostly_high numeric(12, 4),
        reference numeric(12, 4) NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE market_feed (
        source text PRIMARY KEY,
        crawl_id text NOT NULL,
        state text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE mails (
        message_id text PRIMARY KEY,
        kind text NOT NULL,
        state text NOT NULL CHECK (state IN ('sent', 'deferred', 'failed')),
        person_id uuid,
        order_id uuid,
        at timestamptz NOT NULL,
        reason text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX mails_order ON mails (order_id) WHERE order_id IS NOT NULL",
    "CREATE INDEX mails_undelivered ON mails (at DESC) WHERE state <> 'sent'",
    "CREATE INDEX mails_at ON mails (at)",
)


def upgrade() -> None:
    for statement in (*_PEOPLE, *_CYCLES, *_ORDERS, *_READERS):
        op.execute(statement)
    create_outbox_v1(op)
    create_inbox_v1(op)
