"""What the database holds already of the reports and days in a file: looked up once per day, compared in memory."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Engine, text

KEY_CHARS = 32
IDENTITY_CHARS = 2 * KEY_CHARS

# One text a day: thousands of rows of two keys would cost more to hand over than to find.
_STANDING = text("""
    SELECT string_agg(encode(uuid_send(row_key) || uuid_send(value_key), 'hex'), '')
    FROM quotes
    WHERE quoted_on = ANY(:days) AND report_id = ANY(:reports)
    GROUP BY quoted_on
""")


class Standing:
    """The rows that stand, by identity (row key and value key) and by row key.

    They are looked up through a connection of their own: it sees nothing of what the file's own transaction has stored
    so far, and need not wait until that has copied what it was given.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looked_up: set[tuple[str, date]] = set()
        self.identities: set[str] = set()
        self.keys: set[str] = set()

    def missing(self, wanted: Iterable[tuple[str, date]]) -> set[tuple[str, date]]:
        """Return the reports and days that were not looked up yet."""
        return {pair for pair in wanted if pair not in self._looked_up}

    def look_up(self, pairs: set[tuple[str, date]]) -> None:
        """Find what stands of reports' days."""
        reports, days = sorted({report for report, _ in pairs}), sorted({day for _, day in pairs})
        with self._engine.connect() as connection:
            texts = connection.scalars(_STANDING, {"days": days, "reports": reports}).all()
        for keys in texts:
            found = [keys[place : place + IDENTITY_CHARS] for place in range(0, len(keys), IDENTITY_CHARS)]
            self.identities.update(found)
            self.keys.update([identity[:KEY_CHARS] for identity in found])
        self._looked_up.update((report, day) for report in reports for day in days)
