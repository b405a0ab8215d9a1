"""A market day's price list and its sums, counted in the database."""

from sqlalchemy import Connection, text

from orders.application.day_reports import DaySums, ListedOffer, PriceList, TopLine

# How often a product was ordered lately decides what a short list holds; how it is read is the shelves' order.
_PRICE_LIST = text("""
    WITH today AS (SELECT id, opens_at FROM cycles WHERE id = CAST(:id AS uuid)),
    lately AS (
        SELECT was.product_id, count(*) AS orders FROM cycles c JOIN today ON c.id <> today.id
            AND c.opens_at BETWEEN today.opens_at - interval '28 days' AND today.opens_at
        JOIN orders o ON o.cycle_id = c.id AND o.state <> 'cancelled'
        JOIN order_lines l ON l.order_id = o.id JOIN offers was ON was.id = l.offer_id
        GROUP BY was.product_id),
    listed AS (
        SELECT o.id, o.product_id, o.unit_price_cents, p.name, p.name_es, p.pack, p.category, p.series_id,
            count(*) OVER () AS total
        FROM offers o JOIN today ON o.cycle_id = today.id JOIN products p ON p.id = o.product_id
        LEFT JOIN lately ON lately.product_id = o.product_id
        ORDER BY coalesce(lately.orders, 0) DESC, p.category, p.name, o.id LIMIT :most)
    SELECT listed.id, listed.name, listed.name_es, listed.pack, listed.unit_price_cents, listed.series_id, listed.total,
        (SELECT concat_ws(', ', nullif(package, ''), nullif(size, '')) FROM series_quotes q
            WHERE q.series_id = listed.series_id) AS market_pack,
        (SELECT was.unit_price_cents FROM offers was JOIN cycles c ON c.id = was.cycle_id
            WHERE was.product_id = listed.product_id AND c.state NOT IN ('scheduled', 'cancelled')
                AND c.opens_at < today.opens_at ORDER BY c.opens_at DESC LIMIT 1) AS last_unit_price_cents
    FROM listed CROSS JOIN today ORDER BY listed.category, listed.name, listed.id
""")
_LIVE = (
    "orders o JOIN order_lines l ON l.order_id = o.id WHERE o.cycle_id = CAST(:id AS uuid) AND o.state <> 'cancelled'"
)
_SUMS = text(f"""
    SELECT coalesce(sum(l.quantity), 0) AS units, coalesce(sum(l.shorted), 0) AS shorted,
        count(DISTINCT l.offer_id) FILTER (WHERE l.quantity > 0) AS products FROM {_LIVE}
""")
_ORDERS = text("""
    SELECT count(*) AS orders, coalesce(sum(total_cents), 0) AS total_cents,
        (SELECT count(*) FROM stores s WHERE s.active AND NOT EXISTS (SELECT FROM orders x WHERE x.store_id = s.id
            AND x.cycle_id = CAST(:id AS uuid) AND x.state <> 'cancelled')) AS stores_without_order
    FROM orders WHERE cycle_id = CAST(:id AS uuid) AND state <> 'cancelled'
""")
_TOP = text(f"""
    SELECT min(l.name) AS name, min(l.name_es) AS name_es, min(l.pack) AS pack, sum(l.quantity) AS quantity,
        sum(l.shorted) AS shorted FROM {_LIVE}
    GROUP BY l.offer_id HAVING sum(l.quantity) > 0 ORDER BY sum(l.quantity) DESC, min(l.name), l.offer_id LIMIT :most
""")


class SqlDayReports:
    """`DayReports` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def price_list(self, cycle_id: str, most: int) -> PriceList:
        """Return the offers that stores order most; see the port."""
        rows = self._connection.execute(_PRICE_LIST, {"id": cycle_id, "most": most}).all()
        offers = [
            ListedOffer(
                offer_id=str(row.id),
                name=row.name,
                name_es=row.name_es,
                pack=row.pack,
                unit_price_cents=row.unit_price_cents,
                last_unit_price_cents=row.last_unit_price_cents,
                series_id=None if row.series_id is None else str(row.series_id),
                market_pack=row.market_pack or "",
            )
            for row in rows
        ]
        return PriceList(offers, rows[0].total if rows else 0)

    def sums(self, cycle_id: str, most: int) -> DaySums:
        """Return what came together; see the port."""
        of_day = {"id": cycle_id}
        lines = self._connection.execute(_SUMS, of_day).one()
        orders = self._connection.execute(_ORDERS, of_day).one()
        top = self._connection.execute(_TOP, {**of_day, "most": most})
        return DaySums(
            orders=orders.orders,
            stores_without_order=orders.stores_without_order,
            units=int(lines.units),
            shorted=int(lines.shorted),
            total_cents=int(orders.total_cents),
            products=lines.products,
            top=[TopLine(row.name, row.name_es, row.pack, int(row.quantity), int(row.shorted)) for row in top],
        )
