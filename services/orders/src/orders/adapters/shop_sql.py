"""The statements of the order page."""

from sqlalchemy import text

from orders.adapters.word_search import matches_sql, plain_sql

_CLOSED = "(o.cutoff_at IS NOT NULL AND o.cutoff_at <= clock_timestamp())"
# What nobody can order any more stands last on its shelf, unless it is this store's or has just been typed.
_OUT_OF_REACH = (
    f"((o.remaining = 0 OR {_CLOSED}) AND o.id NOT IN (SELECT offer_id FROM mine)"
    " AND o.id <> ALL (CAST(:besides AS uuid[])))"
)


def _place(product: str) -> str:
    """Write where an offer stands; `product` is the table with its names."""
    name = plain_sql(f"CASE WHEN :spanish THEN {product}.name_es ELSE {product}.name END")
    return f"{product}.category, {_OUT_OF_REACH}, {name}, {product}.pack, o.id"


def _matches(product: str) -> str:
    return matches_sql(f"{product}.name || ' ' || {product}.name_es || ' ' || {product}.pack")


_LIVE = "o.cycle_id = CAST(:cycle_id AS uuid) AND o.store_id = CAST(:store_id AS uuid) AND o.state <> 'cancelled'"

AISLES = text(
    f"SELECT p.category, count(*) AS offers, count(*) FILTER (WHERE {_matches('p')}) AS found"
    " FROM offers o JOIN products p ON p.id = o.product_id WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
    " GROUP BY p.category ORDER BY p.category"
)
# What all stores took is known of limited offers; of the others it matters only where they are bought by the case.
_TAKEN = (
    "CASE WHEN o.remaining IS NOT NULL THEN o.available - o.remaining WHEN o.case_size IS NOT NULL THEN"
    " (SELECT coalesce(sum(every.quantity), 0) FROM order_lines every JOIN orders placed ON placed.id = every.order_id"
    " AND placed.state <> 'cancelled' WHERE every.offer_id = o.id) END AS taken"
)
OFFERS = text(
    "WITH mine AS MATERIALIZED (SELECT l.offer_id, l.quantity, l.shorted, l.max_unit_price_cents,"
    f" l.unit_price_cents FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE {_LIVE}),"
    # Apart, so that names are searched and sorted only of what is offered, not of every product there is.
    " offered AS MATERIALIZED (SELECT o.id, o.remaining, o.cutoff_at, p.category, p.name, p.name_es, p.pack"
    " FROM offers o JOIN products p ON p.id = o.product_id WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
    " AND (CAST(:category AS text) IS NULL OR p.category = :category)),"
    f" seen AS (SELECT o.id FROM offered o WHERE {_matches('o')} ORDER BY {_place('o')} LIMIT :limit"
    " OFFSET :offset),"
    " wanted AS (SELECT id, bool_or(in_view) AS in_view FROM (SELECT id, true AS in_view FROM seen"
    " UNION ALL SELECT offer_id, false FROM mine WHERE quantity > 0"
    " UNION ALL SELECT unnest(CAST(:besides AS uuid[])), false) AS every GROUP BY id)"
    " SELECT o.id, p.name, p.name_es, p.category, p.pack, p.series_id, o.unit_price_cents, o.available, o.remaining,"
    f" o.max_per_store, o.case_size, o.cutoff_at, {_CLOSED} AS is_closed, o.version, q.market, q.quoted_on,"
    " coalesce(l.quantity, 0) AS ordered, coalesce(l.shorted, 0) AS shorted, l.max_unit_price_cents,"
    " l.unit_price_cents AS agreed_unit_price_cents,"
    f" {_TAKEN}, wanted.in_view, clock_timestamp() AS server_time"
    " FROM wanted JOIN offers o ON o.id = wanted.id AND o.cycle_id = CAST(:cycle_id AS uuid)"
    " JOIN products p ON p.id = o.product_id LEFT JOIN series_quotes q ON q.series_id = p.series_id"
    f" LEFT JOIN mine l ON l.offer_id = o.id ORDER BY {_place('p')}"
)
# One row, also for a store without an order.
STANDING = text(
    "SELECT mine.id, mine.number, mine.version, mine.note, mine.state = 'placed' AND c.state = 'open'"
    " AND clock_timestamp() < c.cutoff_at AS editable, EXISTS (SELECT 1 FROM orders older WHERE older.store_id ="
    " CAST(:store_id AS uuid) AND older.cycle_id <> c.id AND older.state <> 'cancelled') AS has_older"
    " FROM cycles c LEFT JOIN orders mine ON mine.cycle_id = c.id AND mine.store_id = CAST(:store_id AS uuid)"
    " AND mine.state <> 'cancelled' WHERE c.id = CAST(:cycle_id AS uuid)"
)
_WISHES = (
    "SELECT l.name, l.name_es, l.quantity + l.shorted AS quantity, now.id AS offer_id FROM order_lines l"
    " JOIN offers was ON was.id = l.offer_id LEFT JOIN offers now ON now.product_id = was.product_id"
    " AND now.cycle_id = CAST(:cycle_id AS uuid) WHERE l.order_id = ({0}) AND l.quantity + l.shorted > 0"
    " ORDER BY l.position"
)
_SEEN = "(:all OR o.store_id = ANY (CAST(:ids AS uuid[])))"
WISHES_OF_LAST = text(
    _WISHES.format(
        "SELECT o.id FROM orders o WHERE o.store_id = CAST(:store_id AS uuid) AND o.state <> 'cancelled'"
        f" AND o.cycle_id <> CAST(:cycle_id AS uuid) AND {_SEEN} ORDER BY o.number DESC LIMIT 1"
    )
)
WISHES_OF_ONE = text(_WISHES.format(f"SELECT o.id FROM orders o WHERE o.id = CAST(:order_id AS uuid) AND {_SEEN}"))
