"""What must be true of restored databases: the rules that never bend, asked of the rows."""

# Each finds rows that break a rule; none may.
BROKEN: dict[str, dict[str, str]] = {
    "orders": {
        "remaining stock is never negative": "SELECT count(*) FROM offers WHERE remaining < 0",
        "available is what remains and what live lines hold": (
            "SELECT count(*) FROM (SELECT f.id FROM offers f LEFT JOIN order_lines l ON l.offer_id = f.id"
            " AND EXISTS (SELECT FROM orders o WHERE o.id = l.order_id AND o.state <> 'cancelled')"
            " WHERE f.available IS NOT NULL GROUP BY f.id"
            " HAVING f.available <> f.remaining + coalesce(sum(l.quantity), 0)) AS broken"
        ),
        "an order's total is the sum of its lines": (
            "SELECT count(*) FROM (SELECT o.id FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id"
            " WHERE o.state <> 'cancelled' GROUP BY o.id"
            " HAVING o.total_cents <> coalesce(sum(l.quantity * l.unit_price_cents), 0)) AS broken"
        ),
    },
    "usda": {"what the API answers has a number": "SELECT (count(*) <> 1)::int FROM price_version"},
    # Its rules are constraints of its tables, which the restore has put on them again.
    "notify": {},
}
