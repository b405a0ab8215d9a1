"""The tables; ``migrations/`` makes them."""

from mercadito_events.inbox import inbox_table
from mercadito_events.outbox import outbox_table
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
inbox = inbox_table(metadata)
outbox = outbox_table(metadata)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


contacts = Table(
    "contacts",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text),
    Column("role", Text, nullable=False),
    Column("store_ids", ARRAY(Text), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    _now("updated_at"),
    Index("contacts_stores", "store_ids", postgresql_using="gin"),
)

intents = Table(
    "intents",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("traceparent", Text),
    Column("store_id", Text),
    Column("order_id", Text),
    Column("data", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    _now("look_at"),
    _moment("expires_at"),
    _now("created_at"),
    CheckConstraint("state IN ('waiting', 'expanded', 'expired')", name="intents_state"),
    Index("intents_waiting", "look_at", postgresql_where="state = 'waiting'"),
    Index("intents_links", "id", postgresql_where="data ? 'link'"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("intent_id", BigInteger, ForeignKey("intents.id", ondelete="CASCADE"), nullable=False),
    Column("dedup_key", Text, nullable=False, unique=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("order_id", Text),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("phase", Text, nullable=False, server_default="none"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("unanswered", SmallInteger, nullable=False, server_default="0"),
    _now("due_at"),
    _moment("expires_at"),
    Column("lease_owner", Text),
    _moment("lease_until", nullable=True),
    Column("raw", LargeBinary),
    Column("sha256", Text),
    Column("reason", Text),
    _now("created_at"),
    _now("updated_at"),
    _moment("settled_at", nullable=True),
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'expired')", name="messages_state"
    ),
    CheckConstraint("phase IN ('none', 'dialogue', 'dot')", name="messages_phase"),
    CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="messages_lease"),
    Index("messages_due", "due_at", postgresql_where="state IN ('queued', 'deferred')"),
    Index("messages_leased", "lease_until", postgresql_where="state = 'sending'"),
    Index("messages_expiring", "expires_at", postgresql_where="state IN ('queued', 'deferred')"),
    Index("messages_order", "order_id"),
    Index("messages_person", "person_id"),
    Index("messages_intent", "intent_id"),
)

# One row per mail relay; a second relay is a row and a claim condition away.
relays = Table(
    "relays",
    metadata,
    Column("name", Text, primary_key=True),
    Column("faults", SmallInteger, nullable=False, server_default="0"),
    Column("reason", Text),
    _moment("paused_until", nullable=True),
    _now("updated_at"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("session_id", Text),
    Column("token_id", Text),
    _moment("revoked_at"),
    _moment("until"),
    Index("revocations_person", "person_id"),
)
