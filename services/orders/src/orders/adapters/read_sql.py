"""The statements of the reads."""

from sqlalchemy import text

STORES = text(
    "SELECT id, name, route FROM stores WHERE active AND (:all OR id = ANY(CAST(:ids AS uuid[]))) ORDER BY name, id"
)
PERSON = text("SELECT id, email, name, role, locale FROM people WHERE id = CAST(:id AS uuid)")

_CYCLE = "SELECT id, name, state, opens_at, cutoff_at, delivery_on, clock_timestamp() AS server_time FROM cycles"
CYCLE = text(f"{_CYCLE} WHERE id = CAST(:id AS uuid)")
CURRENT_CYCLE = text(f"{_CYCLE} WHERE state = 'open' AND cutoff_at > clock_timestamp() ORDER BY cutoff_at, id LIMIT 1")
BOARD_CYCLE = text(
    f"{_CYCLE} WHERE state IN ('open', 'closed', 'packing') ORDER BY state <> 'open',"
    " CASE WHEN state = 'open' THEN cutoff_at END, cutoff_at DESC, id LIMIT 1"
)
CYCLES = text(
    f"{_CYCLE} WHERE (CAST(:state AS text) IS NULL OR state = :state)"
    " AND (CAST(:after_id AS uuid) IS NULL OR (cutoff_at, id) < (CAST(:after_cutoff AS timestamptz), :after_id))"
    " ORDER BY cutoff_at DESC, id DESC LIMIT :limit"
)
# What stock tells is not counted; what is sold by the case without a limit is.
_ORDERED_BY_ALL = (
    "CASE WHEN o.available IS NOT NULL THEN o.available - o.remaining WHEN o.case_size IS NOT NULL THEN (SELECT"
    " coalesce(sum(a.quantity), 0) FROM order_lines a JOIN orders x ON x.id = a.order_id AND x.state <> 'cancelled'"
    " WHERE a.offer_id = o.id) END"
)
OFFERS = text(
    # The store's lines apart: joined one by one, the plan reads every line there ever was.
    "WITH mine AS MATERIALIZED (SELECT l.offer_id, l.quantity, l.shorted, l.unit_price_cents, l.max_unit_price_cents"
    " FROM orders m JOIN order_lines l ON l.order_id = m.id WHERE m.cycle_id = CAST(:cycle_id AS uuid)"
    " AND m.store_id = CAST(:store_id AS uuid)"
    " AND m.state <> 'cancelled')"
    " SELECT o.id, o.product_id, p.name, p.name_es, p.category, p.pack, p.series_id, o.unit_price_cents, o.available,"
    " o.remaining, o.max_per_store, o.version, p.units_per_package, p.yield_share, p.markup, p.floor_cents,"
    " p.ceiling_cents, q.market, q.report_id, q.quoted_on, q.low, q.high, q.reference, q.commodity, q.variety,"
    " q.package, q.size, coalesce(l.quantity, 0) AS ordered, coalesce(l.shorted, 0) AS shorted,"
    " clock_timestamp() AS server_time, o.case_size, o.cutoff_at, l.unit_price_cents AS agreed_unit_price_cents,"
    f" l.max_unit_price_cents, {_ORDERED_BY_ALL} AS ordered_by_all"
    " FROM offers o JOIN products p ON p.id = o.product_id"
    " LEFT JOIN series_quotes q ON q.series_id = p.series_id"
    " LEFT JOIN mine l ON l.offer_id = o.id"
    " WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
    " AND (CAST(:category AS text) IS NULL OR p.category = :category)"
    " AND (CAST(:wanted AS text) IS NULL OR position(lower(:wanted) in lower(p.name)) > 0"
    " OR position(lower(:wanted) in lower(p.name_es)) > 0)"
    " AND (CAST(:after_id AS uuid) IS NULL OR (p.category, p.name, o.id) > (:after_category, :after_name, :after_id))"
    " ORDER BY p.category, p.name, o.id LIMIT :limit"
)

_ORDER_COLUMNS = (
    "SELECT o.id, o.number, o.state, o.version, o.cycle_id, c.name AS cycle_name, c.delivery_on, c.cutoff_at,"
    " c.state AS cycle_state, o.store_id, s.name AS store_name, o.note, o.total_cents, o.placed_at, o.updated_at,"
    " clock_timestamp() AS server_time,"
    " (SELECT count(*) FROM order_lines l WHERE l.order_id = o.id AND l.quantity > 0) AS line_count"
)
_ORDER_OF = "JOIN cycles c ON c.id = o.cycle_id JOIN stores s ON s.id = o.store_id"
_ORDER = f"{_ORDER_COLUMNS} FROM orders o {_ORDER_OF}"
_SEEN = "(:all OR o.store_id = ANY(CAST(:ids AS uuid[])))"
_WANTED = (
    "(CAST(:cycle_id AS uuid) IS NULL OR o.cycle_id = :cycle_id)"
    " AND (CAST(:store_id AS uuid) IS NULL OR o.store_id = :store_id)"
    " AND (CAST(:since AS timestamptz) IS NULL OR o.updated_at >= :since)"
    " AND (CAST(:before AS bigint) IS NULL OR o.number < :before) ORDER BY o.number DESC LIMIT :limit"
)
ORDERS = text(f"{_ORDER} WHERE {_WANTED}")
# Store by store, each by its index: asked for all stores at once, the newest orders of everybody were looked through.
ORDERS_OF_STORES = text(
    f"{_ORDER_COLUMNS} FROM unnest(CAST(:ids AS uuid[])) AS mine (store_id) CROSS JOIN LATERAL"
    f" (SELECT o.* FROM orders o WHERE o.store_id = mine.store_id AND {_WANTED}) o {_ORDER_OF}"
    " ORDER BY o.number DESC LIMIT :limit"
)
ORDER = text(f"{_ORDER} WHERE o.id = CAST(:id AS uuid) AND {_SEEN}")
LIVE_ORDER = text(
    f"{_ORDER} WHERE o.cycle_id = CAST(:cycle_id AS uuid) AND o.store_id = CAST(:store_id AS uuid)"
    f" AND o.state <> 'cancelled' AND {_SEEN}"
)
LINES = text(
    "SELECT order_id, offer_id, name, name_es, pack, quantity, unit_price_cents, shorted, max_unit_price_cents"
    " FROM order_lines WHERE order_id = ANY(CAST(:ids AS uuid[])) ORDER BY order_id, position"
)
TIMELINE = text(
    "SELECT a.at, a.action, p.name AS actor_name, a.role, a.changes, a.reason FROM audit a"
    " LEFT JOIN people p ON p.id = a.person_id WHERE a.entity = 'order' AND a.entity_id = CAST(:id AS uuid)"
    " ORDER BY a.id LIMIT :limit"
)
_MAIL = (
    "SELECT m.message_id, m.kind, m.state, m.at, m.reason, p.name AS person_name, m.order_id,"
    " o.number AS order_number, s.name AS store_name FROM mails m LEFT JOIN people p ON p.id = m.person_id"
    " LEFT JOIN orders o ON o.id = m.order_id LEFT JOIN stores s ON s.id = o.store_id"
)
MAILS_OF_ORDER = text(f"{_MAIL} WHERE m.order_id = CAST(:id AS uuid) ORDER BY m.at, m.message_id LIMIT :limit")
# What somebody turned off is missed by nobody; mails about orders cannot be, so theirs is held back by a dead address.
UNDELIVERED = text(
    f"{_MAIL} WHERE m.state <> 'sent' AND (m.state <> 'suppressed' OR m.order_id IS NOT NULL)"
    " AND m.at > clock_timestamp() - interval '7 days' ORDER BY m.at DESC LIMIT :limit"
)

BOARD_ORDERS = text(f"{_ORDER} WHERE o.cycle_id = CAST(:cycle_id AS uuid) ORDER BY o.updated_at DESC LIMIT :limit")
# The day's lines are added up by way of its orders, which are found first: joined to all lines there ever were, they
# took most of a second, and left to choose, the planner reads all orders in parallel instead of the day's few hundred.
TOTALS = text(
    "WITH live AS MATERIALIZED (SELECT id FROM orders WHERE cycle_id = CAST(:cycle_id AS uuid)"
    " AND state <> 'cancelled'), t AS (SELECT l.offer_id, sum(l.quantity) AS ordered,"
    " count(*) FILTER (WHERE l.quantity > 0) AS stores FROM live o JOIN order_lines l ON l.order_id = o.id"
    " GROUP BY l.offer_id) SELECT f.id AS offer_id, p.name, p.name_es, p.pack, f.unit_price_cents, f.available,"
    " f.remaining, coalesce(t.ordered, 0) AS ordered, coalesce(t.stores, 0) AS stores, count(*) OVER () AS offers"
    " FROM offers f JOIN products p ON p.id = f.product_id LEFT JOIN t ON t.offer_id = f.id"
    " WHERE f.cycle_id = CAST(:cycle_id AS uuid)"
    " ORDER BY coalesce(CAST(t.ordered AS numeric) / nullif(f.available, 0), 0) DESC, coalesce(t.ordered, 0) DESC,"
    " p.name, f.id LIMIT :limit"
)
WITHOUT_ORDER = text(
    "SELECT s.id, s.name, s.route FROM stores s WHERE s.active AND NOT EXISTS (SELECT 1 FROM orders o"
    " WHERE o.store_id = s.id AND o.cycle_id = CAST(:cycle_id AS uuid) AND o.state <> 'cancelled')"
    " ORDER BY s.name, s.id"
)
CLOCK = text("SELECT clock_timestamp()")
