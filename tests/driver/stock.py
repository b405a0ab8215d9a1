"""What must hold of stock whatever happened: what is available is what remains and what live lines hold."""

BROKEN_OFFERS = (
    "SELECT count(*) FROM (SELECT f.id FROM offers f LEFT JOIN (order_lines l JOIN orders o ON o.id = l.order_id"
    " AND o.state <> 'cancelled') ON l.offer_id = f.id WHERE f.available IS NOT NULL GROUP BY f.id"
    " HAVING f.available <> f.remaining + coalesce(sum(l.quantity), 0) OR f.remaining < 0) AS broken"
)
