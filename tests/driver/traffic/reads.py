"""Reads at a fixed rate, of what people look at, from every service; half of them on connections that are kept."""

import itertools
from dataclasses import dataclass, field

from tests.driver.traffic.exchange import Door, Request
from tests.driver.traffic.market import Market
from tests.driver.traffic.tally import Tally
from tests.driver.traffic.till import Till

ORDER = "/api/v1/orders/"
MAILS = "/api/v1/notifications/standing"
# Out of twenty.
_MIX = (
    *["/api/v1/me"] * 6,
    *[ORDER] * 4,
    *["/api/v1/orders?limit=10"] * 2,
    *["/sign-in"] * 2,
    *["/api/v1/prices/commodities?limit=10"] * 3,
    "/api/v1/cycles/current",
    MAILS,
    "/static/css/mercadito.css",
)
# Asked by nobody in particular.
_ANONYMOUS = frozenset({"/sign-in", "/api/v1/prices/commodities", "/static/css/mercadito.css"})
_IN_TURN = 7  # has no divisor in common with their number, so that kinds alternate


@dataclass
class Readers:
    """Everybody who looks at something."""

    door: Door
    market: Market
    tally: Tally
    till: Till
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def turn(self, due: float) -> None:
        """Read the next thing."""
        number = next(self._numbers)
        path, phase = _MIX[number * _IN_TURN % len(_MIX)], self.tally.now
        kind, reader = path.partition("?")[0], self.market.buyers[number % len(self.market.buyers)]
        if path == MAILS:
            reader = self.market.staff
        elif path == ORDER and self.till.newest:
            path, reader = ORDER + self.till.newest.id, self.till.newest.store.buyer
        elif path == ORDER:
            path = "/api/v1/orders"
        headers = {} if kind in _ANONYMOUS else reader.bearer
        answer = await self.door.send(Request("GET", path, headers, keeps=number % 2 == 0), due)
        self.tally.note(phase, kind, answer, 200)
