"""How every price read is answered: 304 or from memory where the answer can be known to be unchanged, else built.

Whether it is unchanged is asked of the database each time, by one row: so it holds for several processes of the
service, and from the moment at which a file is committed. The number is read before the rest, so an answer may be
newer than the number under which it is kept, never older.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection, Engine, text

from usda_ingest.api.etags import etag, is_known, is_named
from usda_ingest.api.kept_answers import KeptAnswers

MarketDay = Callable[[], date]
Build = Callable[[Connection], Mapping[str, Any]]
_BASIS = text("""
    SELECT v.version, v.changed_at, f.computed_at
    FROM (SELECT) one LEFT JOIN price_version v ON true
    LEFT JOIN forecasts f ON f.series_id = CAST(:series_id AS uuid)
""")


class PriceReads:
    """Answers reads from the database, and remembers."""

    def __init__(self, engine: Engine, market_day: MarketDay) -> None:
        # Each read is one statement after the other anyway: BEGIN and ROLLBACK would be two more ways to the database.
        self.engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.market_day = market_day
        self._kept = KeptAnswers()

    def answer(self, request: Request, build: Build, *, series_id: UUID | None = None) -> Response:
        """Return the answer to a request.

        Args:
            request: its path and query are what the answer is kept by.
            build: makes the answer; it may depend on prices and the market's day, and nothing else.
            series_id: the series whose forecast it shows, if it does.

        """
        address = f"{request.url.path}?{request.url.query}"
        with self.engine.connect() as connection:
            current = self.current(connection, address, series_id)
            headers = {"ETag": current}
            known = request.headers.get("If-None-Match")
            if is_named(known, current):
                return Response(status_code=304, headers=headers)
            body = self._kept.get(address, current)
            if body is None:
                body = json.dumps(build(connection), ensure_ascii=False, separators=(",", ":"), default=str).encode()
                self._kept.keep(address, current, body)
        if is_known(known, current):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    def current(self, connection: Connection, address: str, series_id: UUID | None = None) -> str:
        """Return the ETag that the answer under an address has now."""
        basis = connection.execute(_BASIS, {"series_id": series_id}).one()
        return etag(address, self.market_day(), *basis)
