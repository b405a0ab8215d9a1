"""The statements behind planned offers."""

from sqlalchemy import text

# What a suggestion is worked out from.
PRICING = (
    "p.units_per_package, p.yield_share, p.markup, p.floor_cents, p.ceiling_cents, q.market, q.report_id, q.quoted_on,"
    " q.reference"
)
PRODUCTS = text(
    f"SELECT p.id, p.name, p.name_es, p.case_size, {PRICING}, (SELECT o.unit_price_cents FROM offers o"
    " JOIN cycles c ON c.id = o.cycle_id WHERE o.product_id = p.id AND c.state <> 'cancelled'"
    " ORDER BY c.cutoff_at DESC LIMIT 1) AS last_price_cents"
    " FROM products p LEFT JOIN series_quotes q ON q.series_id = p.series_id"
    " WHERE p.active AND p.id = ANY(CAST(:ids AS uuid[]))"
)
PRODUCTS_OF = text(
    "SELECT p.id FROM products p WHERE p.active AND p.category = :category AND NOT EXISTS (SELECT 1 FROM offers o"
    " WHERE o.product_id = p.id AND o.cycle_id = CAST(:cycle_id AS uuid)) ORDER BY p.name, p.id LIMIT :limit"
)
COUNT = text("SELECT count(*) FROM offers WHERE cycle_id = CAST(:cycle_id AS uuid)")
ADD = text(
    "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining, max_per_store, case_size,"
    " cutoff_at) SELECT n.id, CAST(:cycle_id AS uuid), n.product_id, n.price, n.available, n.available, n.most,"
    " n.case_size, n.cutoff_at FROM unnest(CAST(:ids AS uuid[]), CAST(:products AS uuid[]), CAST(:prices AS integer[]),"
    " CAST(:available AS integer[]), CAST(:most AS integer[]), CAST(:case_sizes AS integer[]),"
    " CAST(:cutoffs AS timestamptz[])) AS n (id, product_id, price, available, most, case_size, cutoff_at)"
    " ORDER BY n.product_id ON CONFLICT (cycle_id, product_id) DO NOTHING RETURNING id"
)
# As orders lock them (ADR 19): lines that are only written anew have foreign keys that would wait for FOR UPDATE.
LOCK = text(
    "SELECT o.id, o.cycle_id, o.product_id, o.version, p.name, p.name_es, o.unit_price_cents, o.available, o.remaining,"
    " o.max_per_store, o.case_size, o.cutoff_at, o.withdrawn_at FROM offers o JOIN products p ON p.id = o.product_id"
    " WHERE o.cycle_id = CAST(:cycle_id AS uuid) AND o.id = ANY(CAST(:ids AS uuid[])) ORDER BY o.id"
    " FOR NO KEY UPDATE OF o"
)
ORDERED = text(
    "SELECT l.offer_id, sum(l.quantity) AS ordered FROM order_lines l JOIN orders o ON o.id = l.order_id"
    " WHERE l.offer_id = ANY(CAST(:ids AS uuid[])) AND o.state <> 'cancelled' GROUP BY l.offer_id"
)
CHANGE = text(
    "UPDATE offers o SET unit_price_cents = n.price, available = n.available, remaining = n.remaining,"
    " max_per_store = n.most, case_size = n.case_size, cutoff_at = n.cutoff_at, version = n.version,"
    " withdrawn_at = CASE WHEN n.withdrawn THEN coalesce(o.withdrawn_at, clock_timestamp()) END,"
    " withdrawn_available = CASE WHEN NOT n.withdrawn THEN NULL WHEN o.withdrawn_at IS NULL THEN o.available"
    " ELSE o.withdrawn_available END"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:prices AS integer[]), CAST(:available AS integer[]),"
    " CAST(:remaining AS integer[]), CAST(:most AS integer[]), CAST(:case_sizes AS integer[]),"
    " CAST(:cutoffs AS timestamptz[]), CAST(:versions AS bigint[]), CAST(:withdrawn AS boolean[]))"
    " AS n (id, price, available, remaining, most, case_size, cutoff_at, version, withdrawn) WHERE o.id = n.id"
)
WAS_ORDERED = text("SELECT EXISTS (SELECT 1 FROM order_lines WHERE offer_id = CAST(:id AS uuid))")
REMOVE = text("DELETE FROM offers WHERE id = CAST(:id AS uuid)")
COPY = text(
    "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, available, remaining, max_per_store, case_size,"
    " cutoff_at) SELECT gen_random_uuid(), target.id, o.product_id, o.unit_price_cents, a.available, a.available,"
    " o.max_per_store, o.case_size,"
    " CASE WHEN o.cutoff_at < source.cutoff_at THEN greatest(target.cutoff_at - (source.cutoff_at - o.cutoff_at),"
    " target.opens_at + interval '1 minute') END"
    " FROM offers o JOIN products p ON p.id = o.product_id JOIN cycles source ON source.id = o.cycle_id"
    " JOIN cycles target ON target.id = CAST(:to_cycle AS uuid)"
    " CROSS JOIN LATERAL (SELECT CASE WHEN o.withdrawn_at IS NULL THEN o.available ELSE o.withdrawn_available END"
    " AS available) a WHERE o.cycle_id = CAST(:from_cycle AS uuid) AND p.active"
    " RETURNING id, unit_price_cents, available, max_per_store, case_size, cutoff_at"
)
SHUT_BEFORE = text(
    "SELECT p.name FROM offers o JOIN products p ON p.id = o.product_id WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
    " AND o.cutoff_at + :by <= CAST(:opens_at AS timestamptz) ORDER BY p.name, o.id"
)
MOVE_CUTOFFS = text(
    "UPDATE offers o SET cutoff_at ="
    " greatest(was.cutoff_at + :by, CAST(:opens_at AS timestamptz) + interval '1 minute'),"
    " version = o.version + 1 FROM (SELECT id, cutoff_at FROM offers WHERE cycle_id = CAST(:cycle_id AS uuid)"
    " AND cutoff_at IS NOT NULL ORDER BY id FOR UPDATE) was WHERE o.id = was.id"
    " RETURNING o.id, was.cutoff_at AS old, o.cutoff_at AS new"
)
LEFT_OUT = text(
    "SELECT p.name, p.name_es FROM offers o JOIN products p ON p.id = o.product_id"
    " WHERE o.cycle_id = CAST(:cycle_id AS uuid) AND NOT p.active ORDER BY p.name, p.id"
)
SUGGESTIONS = text(
    f"SELECT o.id, o.unit_price_cents, {PRICING} FROM offers o JOIN products p ON p.id = o.product_id"
    " JOIN series_quotes q ON q.series_id = p.series_id WHERE o.cycle_id = CAST(:cycle_id AS uuid)"
    " AND (CAST(:ids AS uuid[]) IS NULL OR o.id = ANY(CAST(:ids AS uuid[])))"
    " AND (CAST(:after AS uuid) IS NULL OR o.id > CAST(:after AS uuid)) ORDER BY o.id LIMIT :limit"
)
AUDIT = text(
    "INSERT INTO audit (entity, entity_id, action, person_id, role, changes, reason)"
    " SELECT 'offer', n.id, n.action, CAST(:person_id AS uuid), :role, n.changes, n.reason"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:actions AS text[]), CAST(CAST(:changes AS text[]) AS jsonb[]),"
    " CAST(:reasons AS text[])) WITH ORDINALITY AS n (id, action, changes, reason, place) ORDER BY n.place"
)
