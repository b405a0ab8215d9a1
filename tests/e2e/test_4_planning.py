"""Staff plan a market day from a copy of the last one; screens follow it from its opening to packing, or to its end."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.screen import Screen
from tests.driver.system import System

STEP_WITHIN_S = 6


def _in(**ahead: float) -> str:
    # Whole seconds: the API writes microseconds, events milliseconds.
    return (datetime.now(UTC).replace(microsecond=0) + timedelta(**ahead)).isoformat()


def _copied(staff: Client) -> dict[str, Any]:
    """Copy the open day to one that opens at once and closes so late that it never is the current one."""
    dates = {
        "name": "Planned by a test",
        "opens_at": _in(seconds=-1),
        "cutoff_at": _in(days=50),
        "delivery_on": (datetime.now(UTC) + timedelta(days=52)).date().isoformat(),
    }
    answer = staff.http.post(f"/api/v1/cycles/{staff.cycle_id()}/copy", json=dates)
    assert answer.status_code == 201, answer.text
    day: dict[str, Any] = answer.json()
    return day


def _changed(staff: Client, path: str, **changes: object) -> dict[str, Any]:
    answer = staff.http.patch(path, json=changes, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _ordered(buyer: Client, day: dict[str, Any], offer: str) -> dict[str, Any]:
    body = {"cycle_id": day["id"], "store_id": buyer.store_id, "lines": [{"offer_id": offer, "quantity": 1}]}
    answer = buyer.http.post("/api/v1/orders", json=body, headers={"Idempotency-Key": f"planning {day['id']}"})
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def _offers(staff: Client, day: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = staff.get(f"/api/v1/cycles/{day['id']}/offers")["items"]
    return found


def test_a_copied_day_opens_changes_before_all_eyes_closes_and_is_packed(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    day = _copied(staff)
    path = f"/api/v1/cycles/{day['id']}"
    with Screen(system.url, staff, "staff") as board, Screen(system.url, buyers[0], f"cycle:{day['id']}") as shop:
        eventually(lambda: staff.get(path)["state"] == "open", within_s=STEP_WITHIN_S, what="the opening")
        offer = _offers(staff, day)[0]
        price = offer["unit_price_cents"] + 125
        _changed(staff, f"{path}/offers/{offer['id']}", unit_price_cents=price, reason="test")
        shop.sees("offer", within_s=2, offer_id=offer["id"], unit_price_cents=price)
        moved = _changed(staff, path, cutoff_at=_in(seconds=4), packing_at=None)
        shop.sees("cycle", within_s=2, state="open", cutoff_at=moved["cutoff_at"].replace("Z", ".000Z"))
        board.sees("cycle", within_s=STEP_WITHIN_S + 4, cycle_id=day["id"], state="closed")
        _changed(staff, path, packing_at=moved["cutoff_at"])
        board.sees("cycle", within_s=STEP_WITHIN_S, cycle_id=day["id"], state="packing")
    trail = staff.get(f"/api/v1/offers/{offer['id']}/timeline")["items"]
    assert [entry["action"] for entry in trail] == ["changed", "added"]


def test_a_cancelled_day_takes_its_orders_along_and_every_store_hears_of_it(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    day = _copied(staff)
    path = f"/api/v1/cycles/{day['id']}"
    eventually(lambda: staff.get(path)["state"] == "open", within_s=STEP_WITHIN_S, what="the opening")
    offer = _offers(staff, day)[0]["id"]
    placed = [_ordered(buyer, day, offer) for buyer in buyers[:2]]
    with Screen(system.url, buyers[0], f"store:{buyers[0].store_id}", f"cycle:{day['id']}") as screen:
        answer = staff.http.post(f"{path}/cancel", json={"reason": "No truck today"})
        assert answer.status_code == 200, answer.text
        screen.sees("cycle", within_s=2, state="cancelled")
        screen.sees("order", within_s=STEP_WITHIN_S, order_id=placed[0]["id"], state="cancelled")
    for buyer, order in zip(buyers, placed, strict=False):
        eventually(
            lambda buyer=buyer, order=order: buyer.get(f"/api/v1/orders/{order['id']}")["state"] == "cancelled",  # type: ignore[misc]
            within_s=STEP_WITHIN_S,
            what="the cancellation",
        )
