"""Contacts, intents, messages, the relay's state, sign-outs; the kit's inbox and outbox."""

from alembic import op
from mercadito_events.ddl import create_inbox_v1, create_outbox_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE contacts (
        person_id text PRIMARY KEY,
        email text NOT NULL,
        name text NOT NULL,
        locale text NOT NULL,
        time_zone text,
        role text NOT NULL,
        store_ids text[] NOT NULL,
        active boolean NOT NULL,
        version bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX contacts_stores ON contacts USING gin (store_ids)",
    """
    CREATE TABLE intents (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key text NOT NULL UNIQUE,
        kind text NOT NULL,
        event_id text NOT NULL,
        traceparent text,
        store_id text,
        order_id text,
        data jsonb NOT NULL,
        state text NOT NULL DEFAULT 'waiting'
            CONSTRAINT intents_state CHECK (state IN ('waiting', 'expanded', 'expired')),
        look_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX intents_waiting ON intents (look_at) WHERE state = 'waiting'",
    """
    CREATE TABLE messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        intent_id bigint NOT NULL REFERENCES intents (id) ON DELETE CASCADE,
        dedup_key text NOT NULL UNIQUE,
        message_id text NOT NULL UNIQUE,
        kind text NOT NULL,
        person_id text NOT NULL,
        order_id text,
        state text NOT NULL DEFAULT 'queued' CONSTRAINT messages_state
            CHECK (state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'expired')),
        phase text NOT NULL DEFAULT 'none'
            CONSTRAINT messages_phase CHECK (phase IN ('none', 'dialogue', 'dot')),
        attempts smallint NOT NULL DEFAULT 0,
        unanswered smallint NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        lease_owner text,
        lease_until timestamptz,
        raw bytea,
        sha256 text,
        reason text,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        settled_at timestamptz,
        CONSTRAINT messages_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL))
    )
    """,
    "CREATE INDEX messages_due ON messages (due_at) WHERE state IN ('queued', 'deferred')",
    "CREATE INDEX messages_leased ON messages (lease_until) WHERE state = 'sending'",
    "CREATE INDEX messages_expiring ON messages (expires_at) WHERE state IN ('queued', 'deferred')",
    "CREATE INDEX messages_order ON messages (order_id)",
    "CREATE INDEX messages_person ON messages (person_id)",
    "CREATE INDEX messages_intent ON messages (intent_id)",
    """
    CREATE TABLE relays (
        name text PRIMARY KEY,
        faults smallint NOT NULL DEFAULT 0,
        reason text,
        paused_until timestamptz,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "INSERT INTO relays (name) VALUES ('primary')",
    """
    CREATE TABLE revocations (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        person_id text NOT NULL,
        session_id text,
        token_id text,
        revoked_at timestamptz NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX revocations_person ON revocations (person_id)",
)


def upgrade() -> None:
    create_inbox_v1(op)
    create_outbox_v1(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("revocations", "relays", "messages", "intents", "contacts", "outbox", "inbox"):
        op.execute(f"DROP TABLE {table}")
