"""The tables; ``migrations/`` makes them."""

from mercadito_events.inbox import inbox_table
from mercadito_events.outbox import outbox_table
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
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

# What somebody decided about a kind of mail; no row means that it is wanted.
preferences = Table(
    "preferences",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("how", Text, nullable=False),
    _now("changed_at"),
    CheckConstraint("how IN ('page', 'one_click')", name="preferences_how"),
)

# Somebody's own night; without times, mails may come at any hour. No row means the hub's.
quiet_hours = Table(
    "quiet_hours",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("starts", Time),
    Column("ends", Time),
    _now("changed_at"),
    CheckConstraint(
        "(starts IS NULL AND ends IS NULL) OR (starts IS NOT NULL AND ends IS NOT NULL AND starts <> ends)",
        name="quiet_hours_times",
    ),
)

# Addresses that mails of a class came back from. A person with another address is not held back by them.
suppressions = Table(
    "suppressions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("email", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False),
    _now("created_at"),
    _moment("lifted_at", nullable=True),
    Column("lifted_by", Text),
    Column("lift_reason", Text),
    CheckConstraint("cause IN ('refused', 'bounced', 'complained')", name="suppressions_cause"),
    Index("suppressions_held", "email", "class", unique=True, postgresql_where="lifted_at IS NULL"),
    Index("suppressions_person", "person_id"),
)

stores = Table(
    "stores",
    metadata,
    Column("store_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("wants_reminder", Boolean, nullable=False),
    _now("updated_at"),
    _moment("told_at", nullable=True),
)

# Orders by market day, as far as events told; one that was cancelled stays so.
day_orders = Table(
    "day_orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("cycle_id", Text, nullable=False),
    Column("store_id", Text, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    _now("at"),
    Index("day_orders_day", "cycle_id", "store_id", postgresql_where="NOT cancelled"),
    Index("day_orders_at", "at"),
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
    Index("intents_expired", "id", postgresql_where="state = 'expired'"),
    Index(
        "intents_of_stores",
        "store_id",
        "expires_at",
        postgresql_where="state = 'expanded' AND store_id IS NOT NULL",
    ),
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
    Column("priority", SmallInteger, nullable=False, server_default="10"),
    Column("recipient_domain", Text),
    Column("given_to", Text),
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'unknown', 'expired', 'suppressed')",
        name="messages_state",
    ),
    CheckConstraint("phase IN ('none', 'dialogue', 'dot')", name="messages_phase"),
    CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="messages_lease"),
    Index("messages_due", "due_at", postgresql_where="state IN ('queued', 'deferred')"),
    Index("messages_next", "priority", "due_at", "id", postgresql_where="state IN ('queued', 'deferred')"),
    Index("messages_leased", "lease_until", postgresql_where="state = 'sending'"),
    Index("messages_expiring", "expires_at", postgresql_where="state IN ('queued', 'deferred')"),
    Index("messages_order", "order_id"),
    Index("messages_person", "person_id"),
    Index("messages_intent", "intent_id"),
    Index("messages_undelivered", "id", postgresql_where="state NOT IN ('queued', 'sending', 'deferred', 'sent')"),
)

# What each attempt met, for people to read; what the queue goes by stands in the message itself.
attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("mail_id", BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    _now("at"),
    Column("took_ms", Integer),
    Column("relay", Text),
    Column("phase", Text, nullable=False),
    Column("code", SmallInteger),
    Column("answer", Text),
    Column("state", Text, nullable=False),
    Column("counted", Boolean, nullable=False),
    Index("attempts_mail", "mail_id", "id"),
)

resends = Table(
    "resends",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("mail_id", BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    _now("at"),
    Column("person_id", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Index("resends_mail", "mail_id", "id"),
)

# Only ever added to; the last row says whether the queue is held.
queue_switches = Table(
    "queue_switches",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _now("at"),
    Column("held", Boolean, nullable=False),
    Column("reason", Text),
    Column("person_id", Text, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("durable", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary),
    Column("error", Text, nullable=False),
    _now("at"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    _moment("replayed_at", nullable=True),
    Column("replayed_by", Text),
    UniqueConstraint("durable", "stream", "stream_seq", name="dead_letters_place"),
)

# What was reported of a mail after the relay took it; of each kind of report the first.
bounces = Table(
    "bounces",
    metadata,
    Column("mail_id", BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("what", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False),
    _now("at"),
    CheckConstraint("what IN ('bounced', 'delayed', 'complained')", name="bounces_what"),
)

# Posts of the webhook that were taken, for as long as their time is believed.
bounce_posts = Table(
    "bounce_posts",
    metadata,
    Column("id", Text, primary_key=True),
    _now("at"),
    Index("bounce_posts_at", "at"),
)

# One row per mail relay; one that never had a fault may have none.
relays = Table(
    "relays",
    metadata,
    Column("name", Text, primary_key=True),
    Column("faults", SmallInteger, nullable=False, server_default="0"),
    Column("reason", Text),
    _moment("paused_until", nullable=True),
    _now("updated_at"),
    _moment("faulty_since", nullable=True),
)

# Token buckets: what may leave at once, over all and for each domain that mails go to.
send_rates = Table(
    "send_rates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("tokens", Double, nullable=False),
    _moment("filled_at"),
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

# What the market's reports said lately; without a price where a correction took the day's quote back.
market_quotes = Table(
    "market_quotes",
    metadata,
    Column("series_id", Uuid, primary_key=True),
    Column("quoted_on", Date, primary_key=True),
    Column("cents", Integer),
    _moment("told_at"),
    CheckConstraint("cents >= 0", name="market_quotes_cents"),
    Index("market_quotes_day", "quoted_on"),
)

# Offers whose price follows a market series.
market_offers = Table(
    "market_offers",
    metadata,
    Column("offer_id", Text, primary_key=True),
    Column("series_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_es", Text, nullable=False),
    Column("market_pack", Text),
    Column("market_pack_es", Text),
    _moment("told_at"),
    Index("market_offers_series", "series_id", "told_at"),
    Index("market_offers_told", "told_at"),
)

store_series = Table(
    "store_series",
    metadata,
    Column("store_id", Text, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    _moment("ordered_at"),
    Index("store_series_ordered", "ordered_at"),
)

# Pictures that mails show, each drawn once for all its readers.
pictures = Table(
    "pictures",
    metadata,
    Column("key", Text, primary_key=True),
    Column("png", LargeBinary, nullable=False),
    _now("made_at"),
)
