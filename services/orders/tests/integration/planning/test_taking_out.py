"""Offers taken out of a market day, or closed because somebody ordered them; what staff hold while they change them."""

from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from orders.application.commands import AmendOrder, Answer, CancelOrder, PlaceOrder
from orders.application.ordering import OrderDesk
from orders.application.ports import UnitOfWork
from orders.domain import errors
from orders.domain.order import LineRequest
from tests.integration.planning.conftest import Staff
from tests.integration.planning.test_offers import given, order


def test_an_offer_nobody_ordered_is_taken_out(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10, name="Limes")
    assert staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}").status_code == 204
    assert world.value("SELECT count(*) FROM offers") == 0
    [told] = world.events("orders.offers.changed.v1")
    assert [(one["version"], one["available"], one["remaining"]) for one in told["offers"]] == [(2, 0, 0)]
    [entry] = staff.trail(offer)
    assert (entry["action"], entry["changes"][0]["field"]) == ("removed", "product_id")
    assert entry["changes"][1] == {"field": "unit_price_cents", "old": 1_500, "new": None}
    assert staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}").status_code == 404


def test_an_offer_that_was_ordered_once_is_closed_instead(world: Any, staff: Staff, transactions: Any) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=10)
    order(world, transactions, cycle, (offer, 4))
    answer = staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}")
    assert (answer.status_code, answer.json["closed"]) == (200, True)
    assert (answer.json["available"], answer.json["remaining"]) == (4, 0)
    assert staff.trail(offer)[0]["action"] == "closed"
    with pytest.raises(errors.SoldOut):
        order(world, transactions, cycle, (offer, 1))
    again = staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", {"available": 10}).json
    assert (again["closed"], again["remaining"]) == (False, 6)


def test_what_is_given_back_of_an_offer_that_was_closed_by_hand_is_not_sold_again(
    world: Any, staff: Staff, transactions: Any
) -> None:
    cycle, desk = world.cycle(), OrderDesk(transactions)
    offer, other = world.offer(cycle, available=40), world.offer(cycle)
    (buyer, store), held = world.buyer(), order(world, transactions, cycle, (offer, 10))
    lines = (LineRequest(offer, 10), LineRequest(other, 1))
    mine = desk.place(PlaceOrder(buyer, cycle, store, lines), lambda made: Answer(201, made.id)).body
    staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}")
    desk.amend(AmendOrder(buyer, mine, None, (LineRequest(offer, 2), LineRequest(other, 1))), given)
    told = world.events("orders.offers.changed.v1")[-1]["offers"]
    assert [(one["available"], one["remaining"]) for one in told if one["offer_id"] == offer] == [(12, 0)]
    with pytest.raises(errors.SoldOut):
        order(world, transactions, cycle, (offer, 1))
    stock = staff.trail(offer)[0]
    assert (stock["action"], stock["changes"]) == ("stock", [{"field": "available", "old": 20, "new": 12}])
    desk.cancel(CancelOrder(staff.actor, held), given)
    assert world.rows("SELECT available, remaining FROM offers WHERE id = :id", id=offer) == [(2, 0)]
    again = staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", {"available": 10}).json
    assert (again["closed"], again["remaining"]) == (False, 8)


def test_offers_that_staff_hold_let_lines_be_written_that_only_name_them(
    world: Any, transactions: Any, connection: Connection
) -> None:
    """Two who raise prices at once drop lines and write the kept ones anew: each names an offer the other holds."""
    cycle = world.cycle()
    offer = world.offer(cycle)

    def look(work: UnitOfWork) -> None:
        work.planned_offers.lock(cycle, [offer])
        held = "SELECT 1 FROM offers WHERE id = CAST(:id AS uuid) FOR"
        assert connection.scalar(text(f"{held} KEY SHARE NOWAIT"), {"id": offer}) == 1
        with pytest.raises(OperationalError, match="could not obtain lock"):
            connection.scalar(text(f"{held} SHARE NOWAIT"), {"id": offer})

    transactions.run(look)
