"""The statements on stores and people for staff."""

from sqlalchemy import TextClause, text

# Whoever types "jose" also means José; the alphabets of both languages are folded, others keep their accents.
_ACCENTED, _PLAIN = "áàâäãéèêëíìîïóòôöõúùûüñç", "aaaaaeeeeiiiiooooouuuunc"


def folded(expression: str) -> str:
    return f"translate(lower({expression}), '{_ACCENTED}', '{_PLAIN}')"


def _holds(expression: str) -> str:
    return f"position({folded(':wanted')} in {folded(expression)}) > 0"


_ROUTE_PLACE = f"s.route = '', {folded('s.route')}, s.stop, {folded('s.name')}, s.id"
_NAME_PLACE = f"{folded('s.name')}, s.id"
_STORE_PEOPLE = (
    "(SELECT coalesce(json_agg(json_build_array(p.id, p.name, p.email, p.role, p.active) ORDER BY p.name, p.id), '[]')"
    " FROM store_people sp JOIN people p ON p.id = sp.person_id WHERE sp.store_id = s.id) AS people"
)
_STORE = (
    "SELECT s.id, s.name, s.route, s.stop, s.phone, s.address, s.active, s.wants_reminder, s.version,"
    f" {_STORE_PEOPLE}, s.route = '' AS unrouted, {folded('s.route')} AS route_place, {folded('s.name')} AS name_place"
    " FROM stores s"
)
_STORES_WANTED = (
    f"(CAST(:wanted AS text) IS NULL OR {_holds('s.name')} OR {_holds('s.route')})"
    " AND (CAST(:route AS text) IS NULL OR s.route = :route)"
    " AND (CAST(:active AS boolean) IS NULL OR s.active = :active)"
)
STORE = text(f"{_STORE} WHERE s.id = CAST(:id AS uuid)")
STORES_BY_ROUTE = text(
    f"{_STORE} WHERE {_STORES_WANTED} AND (CAST(:after_id AS uuid) IS NULL OR ({_ROUTE_PLACE})"
    " > (CAST(:after_unrouted AS boolean), CAST(:after_route AS text), CAST(:after_stop AS integer),"
    f" CAST(:after_name AS text), CAST(:after_id AS uuid))) ORDER BY {_ROUTE_PLACE} LIMIT :limit OFFSET :skip"
)
STORES_BY_NAME = text(
    f"{_STORE} WHERE {_STORES_WANTED} AND (CAST(:after_id AS uuid) IS NULL OR ({_NAME_PLACE})"
    f" > (CAST(:after_name AS text), CAST(:after_id AS uuid))) ORDER BY {_NAME_PLACE} LIMIT :limit OFFSET :skip"
)
STORE_COUNT = text(f"SELECT count(*) FROM stores s WHERE {_STORES_WANTED}")
ROUTES = text(
    f"SELECT route FROM stores WHERE active AND route <> '' GROUP BY route ORDER BY {folded('route')}, route LIMIT 200"
)
STORE_NAMES = text(
    f"SELECT s.id, s.name, s.active FROM stores s WHERE s.active ORDER BY {folded('s.name')}, s.id LIMIT 2000"
)

_LIVE_UNTIL = (
    "(SELECT max(l.expires_at) FROM one_time_links l WHERE l.person_id = p.id AND l.purpose = 'invitation'"
    " AND l.used_at IS NULL AND l.expires_at > clock_timestamp())"
)
_STATE = (
    "CASE WHEN NOT p.active THEN 'deactivated' WHEN p.password_hash IS NOT NULL THEN 'active'"
    " WHEN live.until IS NOT NULL THEN 'invited' ELSE 'expired' END"
)
_PEOPLE = f"FROM people p CROSS JOIN LATERAL (SELECT {_LIVE_UNTIL} AS until) live"
_PERSON = (
    f"SELECT p.id, p.name, p.email, p.locale, p.role, {_STATE} AS state, live.until AS invited_until, p.version,"
    f" p.created_at, {folded('p.name')} AS name_place,"
    " (SELECT coalesce(json_agg(json_build_array(s.id, s.name, s.active) ORDER BY s.name, s.id), '[]')"
    f" FROM store_people sp JOIN stores s ON s.id = sp.store_id WHERE sp.person_id = p.id) AS stores {_PEOPLE}"
)
_PEOPLE_WANTED = (
    f"(CAST(:wanted AS text) IS NULL OR {_holds('p.name')} OR {_holds('p.email')}"
    " OR EXISTS (SELECT 1 FROM store_people sp JOIN stores s ON s.id = sp.store_id WHERE sp.person_id = p.id"
    f" AND {_holds('s.name')}))"
    " AND (CAST(:store_id AS uuid) IS NULL OR EXISTS (SELECT 1 FROM store_people sp WHERE sp.person_id = p.id"
    " AND sp.store_id = CAST(:store_id AS uuid)))"
    " AND (CAST(:role AS text) IS NULL OR p.role = :role)"
    f" AND (CAST(:state AS text) IS NULL OR {_STATE} = :state)"
)
PERSON = text(f"{_PERSON} WHERE p.id = CAST(:id AS uuid)")
PEOPLE = text(
    f"{_PERSON} WHERE {_PEOPLE_WANTED} AND (CAST(:after_id AS uuid) IS NULL OR ({folded('p.name')}, p.id)"
    f" > (CAST(:after_name AS text), CAST(:after_id AS uuid))) ORDER BY {folded('p.name')}, p.id"
    " LIMIT :limit OFFSET :skip"
)
PEOPLE_COUNT = text(f"SELECT count(*) {_PEOPLE} WHERE {_PEOPLE_WANTED}")
PEOPLE_NAMES = text(
    "SELECT p.id, p.name, p.email, p.role, p.active FROM people p WHERE p.active"
    f" ORDER BY {folded('p.name')}, p.id LIMIT :limit"
)
PEOPLE_FOUND = text(
    "SELECT p.id, p.name, p.email, p.role, p.active FROM people p WHERE p.active"
    f" AND (p.email = lower(:wanted) OR {folded('p.name')} = {folded(':wanted')}) ORDER BY p.id LIMIT 2"
)
HISTORY = text(
    "SELECT a.at, a.action, p.name AS actor_name, a.changes FROM audit a LEFT JOIN people p ON p.id = a.person_id"
    " WHERE a.entity = :entity AND a.entity_id = CAST(:id AS uuid) ORDER BY a.id DESC LIMIT :limit"
)

HOLD = text("SELECT pg_advisory_xact_lock(:key)")
ROLE_NOW = text("SELECT role FROM people WHERE id = CAST(:id AS uuid) AND active")
LOCK_STORE = text(
    "SELECT s.id, s.name, s.route, s.stop, s.phone, s.address, s.active, s.wants_reminder, s.version"
    " FROM stores s WHERE s.id = CAST(:id AS uuid) FOR NO KEY UPDATE"
)
PEOPLE_OF = text("SELECT person_id FROM store_people WHERE store_id = CAST(:id AS uuid)")
LOCK_PERSON = text(
    "SELECT p.id, p.name, p.email, p.locale, p.role, p.active, p.version, p.password_hash IS NOT NULL AS has_password"
    " FROM people p WHERE p.id = CAST(:id AS uuid) FOR NO KEY UPDATE"
)
STORES_OF = text("SELECT store_id FROM store_people WHERE person_id = CAST(:id AS uuid)")
NAMES_OF_STORES = text("SELECT id, name FROM stores WHERE id = ANY(CAST(:ids AS uuid[]))")
SOME_PEOPLE = text(
    "SELECT p.id, p.name, p.email, p.locale, p.role, p.active, p.version, p.password_hash IS NOT NULL AS has_password"
    " FROM people p WHERE p.id = ANY(CAST(:ids AS uuid[])) ORDER BY p.id FOR NO KEY UPDATE"
)
NAME_TAKEN = text(
    "SELECT EXISTS (SELECT 1 FROM stores WHERE active AND lower(name) = lower(:name) AND id <> CAST(:id AS uuid))"
)
EMAIL_TAKEN = text("SELECT EXISTS (SELECT 1 FROM people WHERE email = :email AND id <> CAST(:id AS uuid))")
ADD_STORE = text(
    "INSERT INTO stores (id, name, route, stop, phone, address, active, wants_reminder) VALUES (CAST(:id AS uuid),"
    " :name, :route, :stop, :phone, :address, :active, :wants_reminder)"
)
SAVE_STORE = text(
    "UPDATE stores SET name = :name, route = :route, stop = :stop, phone = :phone, address = :address,"
    " active = :active, wants_reminder = :wants_reminder, version = version + 1 WHERE id = CAST(:id AS uuid)"
)
ADD_PERSON = text(
    "INSERT INTO people (id, email, name, locale, role) VALUES (CAST(:id AS uuid), :email, :name, :locale, :role)"
)
SAVE_PERSON = text(
    "UPDATE people SET email = :email, name = :name, locale = :locale, role = :role, active = :active,"
    " version = version + 1 WHERE id = CAST(:id AS uuid)"
)
TIE = text(
    "INSERT INTO store_people (store_id, person_id) SELECT * FROM unnest(CAST(:stores AS uuid[]),"
    " CAST(:people AS uuid[])) ON CONFLICT DO NOTHING"
)
UNTIE = text(
    "DELETE FROM store_people WHERE (store_id, person_id) IN"
    " (SELECT * FROM unnest(CAST(:stores AS uuid[]), CAST(:people AS uuid[])))"
)
NEXT_STORES = text("UPDATE stores SET version = version + 1 WHERE id = ANY(CAST(:ids AS uuid[]))")
NEXT_PEOPLE = text("UPDATE people SET version = version + 1 WHERE id = ANY(CAST(:ids AS uuid[]))")
CONTACTS = text(
    "SELECT p.id, p.email, p.name, p.locale, p.role, p.active, p.version, ARRAY(SELECT CAST(sp.store_id AS text)"
    " FROM store_people sp JOIN stores s ON s.id = sp.store_id AND s.active WHERE sp.person_id = p.id"
    " ORDER BY s.name, s.id) AS store_ids FROM people p WHERE p.id = ANY(CAST(:ids AS uuid[])) ORDER BY p.id"
)
STORE_RECORDS = text(
    "SELECT s.id, s.name, s.active, s.wants_reminder, ARRAY(SELECT CAST(sp.person_id AS text) FROM store_people sp"
    " WHERE sp.store_id = s.id ORDER BY 1) AS people FROM stores s WHERE s.id = ANY(CAST(:ids AS uuid[])) ORDER BY s.id"
)
ONLY_ADMIN = text(
    "SELECT EXISTS (SELECT 1 FROM people WHERE id = CAST(:id AS uuid) AND active AND password_hash IS NOT NULL"
    " AND role = 'admin') AND NOT EXISTS (SELECT 1 FROM people WHERE id <> CAST(:id AS uuid) AND active"
    " AND password_hash IS NOT NULL AND role = 'admin')"
)
LAST_TOKENS = text(
    "SELECT person_id, max(expires_at) AS until FROM api_tokens WHERE person_id = ANY(CAST(:ids AS uuid[]))"
    " AND expires_at > clock_timestamp() GROUP BY person_id"
)
END_LINKS = text(
    "UPDATE one_time_links SET used_at = clock_timestamp() WHERE person_id = CAST(:id AS uuid) AND used_at IS NULL"
)
END_ACCESS: tuple[TextClause, ...] = (
    text("DELETE FROM sessions WHERE person_id = CAST(:id AS uuid)"),
    text("DELETE FROM api_tokens WHERE person_id = CAST(:id AS uuid)"),
)
