"""The statements behind the pages of planning."""

from sqlalchemy import text

from orders.adapters.cycles import CYCLE
from orders.adapters.planning_sql import PRICING

_DAY = CYCLE.replace(
    " FROM cycles",
    ", clock_timestamp() AS server_time,"
    " (SELECT count(*) FROM offers f WHERE f.cycle_id = cycles.id) AS offers, live.orders, live.total_cents"
    " FROM cycles CROSS JOIN LATERAL (SELECT count(*) AS orders, coalesce(sum(o.total_cents), 0) AS total_cents"
    " FROM orders o WHERE o.cycle_id = cycles.id AND o.state <> 'cancelled') live",
)
DAY = text(f"{_DAY} WHERE id = CAST(:id AS uuid)")
DAYS_AHEAD = text(
    f"{_DAY} WHERE state IN ('scheduled', 'open')"
    " ORDER BY CASE WHEN state = 'open' THEN cutoff_at ELSE opens_at END, id LIMIT :limit"
)
DAYS_PAST = text(
    f"{_DAY} WHERE state NOT IN ('scheduled', 'open')"
    " AND (CAST(:after_id AS uuid) IS NULL OR (cutoff_at, id) < (CAST(:after_cutoff AS timestamptz), :after_id))"
    " ORDER BY cutoff_at DESC, id DESC LIMIT :limit"
)
LAST_DAY = text(
    f"{_DAY} WHERE state IN ('open', 'closed', 'packing', 'done')"
    " AND EXISTS (SELECT 1 FROM offers f WHERE f.cycle_id = cycles.id) ORDER BY cutoff_at DESC, id DESC LIMIT 1"
)
_OFFER = (
    "SELECT o.id, o.cycle_id, o.product_id, p.name, p.name_es, p.category, p.pack, p.series_id, o.unit_price_cents,"
    f" o.available, o.remaining, o.max_per_store, o.case_size, o.cutoff_at, o.version, o.withdrawn_at, {PRICING},"
    " clock_timestamp() AS server_time FROM offers o JOIN products p ON p.id = o.product_id"
    " LEFT JOIN series_quotes q ON q.series_id = p.series_id"
)
_WANTED = (
    " AND (CAST(:category AS text) IS NULL OR p.category = :category)"
    " AND (CAST(:wanted AS text) IS NULL OR position(lower(:wanted) in lower(p.name)) > 0"
    " OR position(lower(:wanted) in lower(p.name_es)) > 0)"
)
OFFERS = text(
    f"{_OFFER} WHERE o.cycle_id = CAST(:cycle_id AS uuid){_WANTED}"
    " AND (CAST(:after_id AS uuid) IS NULL OR (p.category, p.name, o.id) > (:after_category, :after_name, :after_id))"
    " ORDER BY p.category, p.name, o.id LIMIT :limit"
)
OFFER = text(f"{_OFFER} WHERE o.id = CAST(:id AS uuid)")
# The trail of an offer that was taken out remembers its product.
NAMED = text(
    "SELECT p.name, p.name_es FROM products p WHERE p.id = coalesce("
    "(SELECT o.product_id FROM offers o WHERE o.id = CAST(:id AS uuid)),"
    " (SELECT CAST(change ->> 'old' AS uuid) FROM audit a CROSS JOIN jsonb_array_elements(a.changes) AS change"
    " WHERE a.entity = 'offer' AND a.entity_id = CAST(:id AS uuid) AND a.action = 'removed'"
    " AND change ->> 'field' = 'product_id' LIMIT 1))"
)
PRICES = text(
    f"SELECT o.unit_price_cents, {PRICING}, clock_timestamp() AS server_time FROM offers o"
    " JOIN products p ON p.id = o.product_id JOIN series_quotes q ON q.series_id = p.series_id"
    " WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
)
CATEGORIES = text(
    "SELECT p.category, count(*) AS number FROM offers o JOIN products p ON p.id = o.product_id"
    " WHERE o.cycle_id = CAST(:cycle_id AS uuid) GROUP BY p.category ORDER BY p.category"
)
TRAIL = text(
    "SELECT a.id, a.at, a.action, p.name AS actor_name, a.role, a.changes, a.reason FROM audit a"
    " LEFT JOIN people p ON p.id = a.person_id WHERE a.entity = 'offer' AND a.entity_id = CAST(:id AS uuid)"
    " AND (CAST(:before AS bigint) IS NULL OR a.id < :before) ORDER BY a.id DESC LIMIT :limit"
)
_NOT_OFFERED = (
    " WHERE p.active AND NOT EXISTS (SELECT 1 FROM offers f WHERE f.product_id = p.id"
    " AND f.cycle_id = CAST(:cycle_id AS uuid))"
)
PRODUCTS = text(
    f"SELECT p.id, p.name, p.name_es, p.category, p.pack, {PRICING}, clock_timestamp() AS server_time,"
    " (SELECT o.unit_price_cents FROM offers o JOIN cycles c ON c.id = o.cycle_id WHERE o.product_id = p.id"
    " AND c.state <> 'cancelled' ORDER BY c.cutoff_at DESC LIMIT 1) AS last_price_cents"
    f" FROM products p LEFT JOIN series_quotes q ON q.series_id = p.series_id{_NOT_OFFERED}{_WANTED}"
    " ORDER BY p.category, p.name, p.id LIMIT :limit"
)
PRODUCT_CATEGORIES = text(
    f"SELECT p.category, count(*) AS number FROM products p{_NOT_OFFERED} GROUP BY p.category ORDER BY p.category"
)
