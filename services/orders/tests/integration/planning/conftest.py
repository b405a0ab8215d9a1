"""Staff who plan market days by API, and a product with what the market says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from orders.application.ports import Quote
from orders.domain.people import Actor, Role

MARKET_DAY = date(2026, 1, 8)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ahead(**more: float) -> str:
    return iso(datetime.now(UTC).replace(microsecond=0) + timedelta(**more))


def a_plan(**changed: object) -> dict[str, object]:
    cutoff = datetime.now(UTC) + timedelta(days=2)
    delivery = (cutoff + timedelta(days=1)).date().isoformat()
    plan = {"name": "Friday", "opens_at": ahead(days=1), "cutoff_at": ahead(days=2), "delivery_on": delivery}
    return {**plan, **changed}


@dataclass
class Staff:
    """A member of staff with an API client, who remembers nothing but the world."""

    world: Any
    actor: Actor
    api: Any

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        return self.api.call(method, path, body, **headers)

    def planned(self, **changed: object) -> dict[str, Any]:
        answer = self.call("POST", "/cycles", a_plan(**changed))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    def patch(self, cycle_id: str, version: int | None, **changes: object) -> Any:
        tag = "*" if version is None else f'"{version}"'
        return self.call("PATCH", f"/cycles/{cycle_id}", changes, If_Match=tag)

    def offer(self, cycle_id: str, **values: object) -> Any:
        body = {"product_id": self.product(), "unit_price_cents": 1_500, **values}
        return self.call("POST", f"/cycles/{cycle_id}/offers", body)

    def product(self, name: str | None = None, **columns: object) -> str:
        product_id = str(uuid4())
        self.world.made += 1
        named = name or f"Product {self.world.made:05}"
        values = {"category": "fruit", "case_size": None, "series": None, "active": True, **columns}
        self.world.run(
            "INSERT INTO products (id, name, name_es, category, pack, series_id, case_size, active, markup)"
            " VALUES (:id, :name, :name_es, :category, '25 lb box', CAST(:series AS uuid), :case_size, :active, 0.1)",
            id=product_id,
            name=named,
            name_es=f"{named} en español",
            **values,
        )
        return product_id

    def trail(self, offer_id: str) -> list[dict[str, Any]]:
        answer = self.call("GET", f"/offers/{offer_id}/timeline")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json["items"]
        return items


@pytest.fixture
def staff(world: Any, sign_in: Callable[[Actor], Any]) -> Staff:
    actor = world.person(Role.STAFF)
    return Staff(world, actor, sign_in(actor))


@pytest.fixture
def quoted(transactions: Any) -> Callable[..., str]:
    """Make a series whose last quote is so many days old; return its id."""

    def make(reference: str = "30.00", *, days_ago: int = 0) -> str:
        quote = Quote(
            series_id=str(uuid4()),
            market="Los Angeles",
            report_id="HC_FV010",
            commodity="Apples",
            variety="",
            package="cartons",
            size="",
            organic=False,
            quoted_on=MARKET_DAY - timedelta(days=days_ago),
            low=Decimal(reference),
            high=Decimal(reference),
            mostly_low=None,
            mostly_high=None,
            reference=Decimal(reference),
        )
        transactions.run(lambda work: work.market.record([quote]))
        return quote.series_id

    return make
