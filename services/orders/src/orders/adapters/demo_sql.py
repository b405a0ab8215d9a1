"""The statements of the demo world."""

from sqlalchemy import text

STORE = text(
    "INSERT INTO stores (id, name, route, stop) VALUES (CAST(:id AS uuid), :name, :route, :stop) ON CONFLICT DO NOTHING"
)
PERSON = text(
    "INSERT INTO people (id, email, name, locale, role, password_hash)"
    " VALUES (CAST(:id AS uuid), :email, :name, :locale, :role, :hash) ON CONFLICT DO NOTHING"
)
OWNS = text(
    "INSERT INTO store_people (store_id, person_id) VALUES (CAST(:store_id AS uuid), CAST(:person_id AS uuid))"
    " ON CONFLICT DO NOTHING"
)
HAS_OPEN_CYCLE = text(
    "SELECT c.id FROM cycles c JOIN offers o ON o.cycle_id = c.id WHERE c.state = 'open'"
    " AND c.cutoff_at > clock_timestamp() + make_interval(secs => :left_s) GROUP BY c.id HAVING count(*) >= :offers"
    " LIMIT 1"
)
# The current market day is the one with the nearest cutoff: an older one with an hour left would hide the new one.
END_OLD_CYCLES = text("UPDATE cycles SET cutoff_at = clock_timestamp() WHERE state = 'open'")
HAS_PAST_CYCLES = text("SELECT id FROM cycles WHERE state = 'done' LIMIT 1")
PRODUCT = text(
    "INSERT INTO products (id, name, name_es, category, pack, series_id, yield_share, markup)"
    " VALUES (CAST(:id AS uuid), :name, :name_es, :category, :pack, CAST(:series_id AS uuid), :yield_share, :markup)"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_es = excluded.name_es, category = excluded.category,"
    " pack = excluded.pack, series_id = excluded.series_id, yield_share = excluded.yield_share,"
    # What staff have changed since is theirs.
    " markup = excluded.markup WHERE products.version = 1"
)
CYCLE = text(
    "INSERT INTO cycles (id, name, state, opens_at, cutoff_at, delivery_on, packing_at)"
    " VALUES (CAST(:id AS uuid), :name, :state, :opens_at, :cutoff_at, :delivery_on, :packing_at)"
)
OFFER = text(
    "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining, max_per_store)"
    " VALUES (CAST(:id AS uuid), CAST(:cycle_id AS uuid), CAST(:product_id AS uuid), :unit_price_cents, :available,"
    " :available, :max_per_store)"
)
PAST_ORDER = text(
    "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents, placed_at, updated_at)"
    " VALUES (CAST(:id AS uuid), CAST(:cycle_id AS uuid), CAST(:store_id AS uuid), 'delivered', 2, :total, :placed_at,"
    " :placed_at)"
)
LINE = text(
    "INSERT INTO order_lines (order_id, position, offer_id, name, name_es, pack, quantity, unit_price_cents)"
    " VALUES (CAST(:order_id AS uuid), :position, CAST(:offer_id AS uuid), :name, :name_es, :pack, :quantity,"
    " :unit_price_cents)"
)
PAST_AUDIT = text(
    "INSERT INTO audit (at, entity, entity_id, action, changes, reason)"
    " VALUES (:at, 'order', CAST(:id AS uuid), :action, '[]', 'demo data')"
)
