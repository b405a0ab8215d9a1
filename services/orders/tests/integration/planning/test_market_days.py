"""Planning market days by API: what a plan has to hold, what may still change when, copies, versions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from orders.domain.people import Role
from tests.integration.planning.conftest import Staff, a_plan, ahead

HUB = ZoneInfo("America/Los_Angeles")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def fields(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json["errors"]}


def test_a_plan_gets_the_usual_reminder_and_packing_time(world: Any, staff: Staff) -> None:
    day = staff.planned()
    assert (day["state"], day["version"], day["copied_from"]) == ("scheduled", 1, None)
    assert moment(day["remind_at"]) == moment(day["cutoff_at"]) - timedelta(hours=1)
    packing = moment(day["packing_at"]).astimezone(HUB)
    assert (packing.date().isoformat(), packing.hour, packing.minute) == (day["delivery_on"], 3, 0)
    [event] = world.events()
    assert (event["type"], event["cycle_id"], event["state"]) == ("orders.cycle.scheduled.v1", day["id"], "scheduled")


def test_packing_never_comes_before_the_cutoff(staff: Staff) -> None:
    cutoff = datetime.combine((datetime.now(HUB) + timedelta(days=3)).date(), datetime.min.time(), HUB)
    late = cutoff.replace(hour=9)
    day = staff.planned(cutoff_at=late.isoformat(), delivery_on=late.date().isoformat())
    assert moment(day["packing_at"]) == late


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "  "}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"name": "a\x00b"}, {"name"}),
        ({"name": "line\nbreak"}, {"name"}),
        ({"cutoff_at": ahead(hours=-1), "opens_at": ahead(hours=-2)}, {"cutoff_at"}),
        ({"cutoff_at": ahead(hours=23)}, {"cutoff_at"}),
        ({"cutoff_at": "2020-01-01T10:00:00Z", "opens_at": "2020-01-01T09:00:00Z"}, {"cutoff_at", "opens_at"}),
        ({"opens_at": ahead(days=-400)}, {"opens_at"}),
        ({"opens_at": "2026-01-08T10:00:00"}, {"opens_at"}),
        ({"opens_at": "9999-12-31T23:59:59-12:00"}, {"opens_at"}),
        ({"opens_at": 12}, {"opens_at"}),
        ({"delivery_on": "2020-01-01"}, {"delivery_on"}),
        ({"delivery_on": "9999-12-31"}, {"delivery_on"}),
        ({"remind_at": ahead(days=3)}, {"remind_at"}),
        ({"remind_at": ahead(hours=1)}, {"remind_at"}),
        ({"packing_at": ahead(hours=1)}, {"packing_at"}),
        ({"surprise": 1}, {"surprise"}),
    ],
)
def test_a_plan_that_makes_no_sense_names_the_field(
    world: Any, staff: Staff, changed: dict[str, object], wrong: set[str]
) -> None:
    assert fields(staff.call("POST", "/cycles", a_plan(**changed))) == wrong
    assert world.value("SELECT count(*) FROM cycles") == 0


def test_the_same_key_plans_one_day(world: Any, staff: Staff) -> None:
    plan = a_plan()
    first, again = (staff.call("POST", "/cycles", plan, Idempotency_Key="one") for _ in range(2))
    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    assert world.value("SELECT count(*) FROM cycles") == 1
    assert staff.call("POST", "/cycles", a_plan(name="other"), Idempotency_Key="one").status_code == 422


def test_buyers_plan_nothing(world: Any, staff: Staff, sign_in: Any) -> None:
    day = staff.planned()
    buyer = sign_in(world.buyer()[0])
    path = f"/cycles/{day['id']}"
    tries = [
        buyer.call("POST", "/cycles", a_plan()),
        buyer.call("PATCH", path, {"name": "mine"}, If_Match="*"),
        buyer.call("POST", f"{path}/copy", {}),
        buyer.call("POST", f"{path}/cancel", {"reason": "no"}),
        buyer.call("POST", f"{path}/offers", {"product_id": str(uuid4())}),
        buyer.call("PATCH", f"{path}/offers/{uuid4()}", {}),
        buyer.call("DELETE", f"{path}/offers/{uuid4()}"),
        buyer.call("POST", f"{path}/accept-suggestions", {}),
        buyer.call("GET", f"/offers/{uuid4()}/timeline"),
    ]
    assert {answer.status_code for answer in tries} == {403}
    assert staff.call("GET", path).json["version"] == 1


def test_prices_of_a_day_to_come_are_for_staff_until_it_opens(world: Any, staff: Staff, sign_in: Any) -> None:
    day = staff.planned()
    assert staff.offer(day["id"]).status_code == 201
    buyer, path = sign_in(world.buyer()[0]), f"/cycles/{day['id']}/offers"
    assert buyer.call("GET", f"/cycles/{day['id']}").json["state"] == "scheduled"
    assert buyer.call("GET", path).status_code == 403
    assert len(staff.call("GET", path).json["items"]) == 1
    assert world.events("orders.offers.changed.v1") == []
    world.run("UPDATE cycles SET state = 'open'")
    assert len(buyer.call("GET", path).json["items"]) == 1


def test_a_scheduled_day_may_change_altogether_and_tells_so(world: Any, staff: Staff) -> None:
    day = staff.planned()
    later = a_plan(name="Saturday", opens_at=ahead(days=3), cutoff_at=ahead(days=4))
    later["delivery_on"] = (datetime.now(UTC) + timedelta(days=6)).date().isoformat()
    answer = staff.patch(day["id"], 1, **later)
    assert answer.status_code == 200, answer.text
    assert (answer.json["name"], answer.json["version"], answer.headers["ETag"]) == ("Saturday", 2, '"2"')
    assert answer.json["packing_at"][:10] == later["delivery_on"]
    assert [event["name"] for event in world.events("orders.cycle.scheduled.v1")] == ["Friday", "Saturday"]
    trail = world.rows("SELECT action, changes FROM audit WHERE entity = 'cycle' ORDER BY id")
    assert [row.action for row in trail] == ["planned", "changed"]
    changed = {change["field"] for change in trail[1].changes}
    assert changed == {"name", "opens_at", "cutoff_at", "delivery_on", "packing_at"}


def test_a_packing_time_of_ones_own_stays_when_the_day_moves(staff: Staff) -> None:
    own = ahead(days=2, hours=30)
    day = staff.planned(packing_at=own)
    moved = (date.fromisoformat(day["delivery_on"]) + timedelta(days=2)).isoformat()
    assert moment(staff.patch(day["id"], 1, delivery_on=moved).json["packing_at"]) == moment(own)
    assert staff.patch(day["id"], 2, packing_at=None).json["packing_at"] is None


def test_nothing_new_is_no_change(world: Any, staff: Staff) -> None:
    day = staff.planned()
    assert staff.patch(day["id"], 1, name=day["name"]).json["version"] == 1
    assert len(world.events()) == 1


def test_a_change_needs_the_version_it_was_read_at(staff: Staff) -> None:
    day = staff.planned()
    assert staff.call("PATCH", f"/cycles/{day['id']}", {"name": "x"}).status_code == 428
    assert staff.patch(day["id"], 1, name="first").status_code == 200
    late = staff.patch(day["id"], 1, name="second")
    assert (late.status_code, late.json["version"]) == (412, 2)
    assert staff.patch(str(uuid4()), None, name="x").status_code == 404


def test_an_open_day_keeps_its_opening_and_passes_its_new_cutoff_on(world: Any, staff: Staff) -> None:
    cycle = world.cycle(cutoff_in_s=3_600)
    assert staff.patch(cycle, None, opens_at=ahead(minutes=1)).status_code == 409
    refused = staff.patch(cycle, None, cutoff_at=ahead(minutes=-1))
    assert fields(refused) == {"cutoff_at"}
    for cutoff in (ahead(hours=5), ahead(minutes=10)):
        assert staff.patch(cycle, None, cutoff_at=cutoff).status_code == 200
        told = world.events("orders.cycle.opened.v1")[-1]
        assert (moment(told["cutoff_at"]), told["state"], told["republished"]) == (moment(cutoff), "open", True)


def test_a_day_whose_cutoff_has_passed_is_not_opened_again(world: Any, staff: Staff) -> None:
    cycle = world.cycle(cutoff_in_s=-1)
    assert staff.patch(cycle, None, cutoff_at=ahead(hours=1)).status_code == 409


def test_a_closed_day_may_only_be_packed_at_another_time(world: Any, staff: Staff) -> None:
    cycle = world.cycle(state="closed", cutoff_in_s=-60)
    for changes in ({"name": "x"}, {"cutoff_at": ahead(hours=1)}, {"delivery_on": "2027-01-01"}):
        assert staff.patch(cycle, None, **changes).json["type"].endswith("/cycle-not-editable")
    assert staff.patch(cycle, None, packing_at=ahead(hours=2)).status_code == 200
    assert fields(staff.patch(cycle, None, packing_at=ahead(hours=-2))) == {"packing_at"}


@pytest.mark.parametrize("state", ["packing", "done", "cancelled"])
def test_a_day_that_is_further_on_does_not_change(world: Any, staff: Staff, state: str) -> None:
    cycle = world.cycle(state=state, cutoff_in_s=-60)
    assert staff.patch(cycle, None, packing_at=ahead(hours=2)).status_code == 409


def test_a_copy_has_the_offers_at_their_prices_with_all_of_the_stock(world: Any, staff: Staff) -> None:
    cycle = world.cycle(opens_in_s=-7_200, cutoff_in_s=3_600)
    offer = world.offer(cycle, available=10, price=1_234, max_per_store=4, name="Apples")
    gone = world.offer(cycle, name="Ugly fruit")
    world.run("UPDATE products SET active = false WHERE name = 'Ugly fruit'")
    world.run(
        "UPDATE offers SET case_size = 6, cutoff_at = (SELECT cutoff_at - interval '30 minutes' FROM cycles)"
        " WHERE id = CAST(:id AS uuid)",
        id=offer,
    )
    buyer, store = world.buyer()
    assert buyer
    _order(world, cycle, store, offer, 3)
    answer = staff.call("POST", f"/cycles/{cycle}/copy")
    assert answer.status_code == 201, answer.text
    day = answer.json
    assert (day["state"], day["copied_from"], day["offers"]) == ("scheduled", cycle, 1)
    assert day["left_out"] == [{"name": "Ugly fruit", "name_es": "Ugly fruit en español"}]
    [copied] = world.rows("SELECT * FROM offers WHERE cycle_id = CAST(:id AS uuid)", id=day["id"])
    assert (copied.unit_price_cents, copied.available, copied.remaining) == (1_234, 10, 10)
    assert (copied.max_per_store, copied.case_size) == (4, 6)
    assert moment(day["cutoff_at"]) - copied.cutoff_at == timedelta(minutes=30)
    [added] = staff.trail(str(copied.id))
    assert (added["action"], added["reason"]) == ("added", "copied from Friday")
    assert gone


def _order(world: Any, cycle: str, store: str, offer: str, quantity: int) -> str:
    order_id = str(uuid4())
    world.run(
        "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents) VALUES (CAST(:id AS uuid),"
        " CAST(:cycle AS uuid), CAST(:store AS uuid), 'placed', 1, 100)",
        id=order_id,
        cycle=cycle,
        store=store,
    )
    world.run(
        "INSERT INTO order_lines (order_id, position, offer_id, name, name_es, pack, quantity, unit_price_cents)"
        " VALUES (CAST(:id AS uuid), 0, CAST(:offer AS uuid), 'a', 'a', 'a', :quantity, 100)",
        id=order_id,
        offer=offer,
        quantity=quantity,
    )
    world.run("UPDATE offers SET remaining = remaining - :n WHERE id = CAST(:id AS uuid)", n=quantity, id=offer)
    return order_id


def test_an_offer_that_was_closed_by_hand_is_copied_with_what_there_was_at_first(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    offer = world.offer(cycle, available=40)
    _order(world, cycle, world.store(), offer, 3)
    assert staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}").json["available"] == 3
    day = staff.call("POST", f"/cycles/{cycle}/copy").json
    assert world.value("SELECT available FROM offers WHERE cycle_id = CAST(:id AS uuid)", id=day["id"]) == 40


def test_a_copy_comes_a_week_later_by_the_clock_on_the_wall_or_on_the_next_free_day(world: Any, staff: Staff) -> None:
    cycle = world.cycle(opens_in_s=-7_200, cutoff_in_s=3_600)
    world.offer(cycle)
    first, second = (staff.call("POST", f"/cycles/{cycle}/copy").json for _ in range(2))
    source = staff.call("GET", f"/cycles/{cycle}").json
    start = date.fromisoformat(source["delivery_on"])
    assert date.fromisoformat(first["delivery_on"]) == start + timedelta(days=7)
    assert date.fromisoformat(second["delivery_on"]) == start + timedelta(days=8)
    for name in ("opens_at", "cutoff_at"):
        assert moment(first[name]).astimezone(HUB).time() == moment(source[name]).astimezone(HUB).time()


def test_a_copy_takes_dates_of_ones_own(world: Any, staff: Staff) -> None:
    cycle = world.cycle()
    world.offer(cycle)
    answer = staff.call("POST", f"/cycles/{cycle}/copy", a_plan(name="Special"))
    assert (answer.status_code, answer.json["name"], answer.json["offers"]) == (201, "Special", 1)
    assert fields(staff.call("POST", f"/cycles/{cycle}/copy", {"cutoff_at": ahead(days=-1)})) == {"cutoff_at"}
    assert staff.call("POST", f"/cycles/{uuid4()}/copy").status_code == 404


def test_moving_a_day_to_come_takes_the_offers_own_cutoffs_along(world: Any, staff: Staff) -> None:
    day = staff.planned()
    own = ahead(days=2, minutes=-30)
    offer = staff.offer(day["id"], cutoff_at=own).json
    later = (moment(day["cutoff_at"]) + timedelta(hours=5)).isoformat()
    assert staff.patch(day["id"], 1, cutoff_at=later).status_code == 200
    [moved] = staff.trail(offer["id"])[:1]
    assert moment(moved["changes"][0]["new"]) == moment(own) + timedelta(hours=5)


def test_an_opening_is_not_moved_behind_what_closes_earlier_by_itself(world: Any, staff: Staff) -> None:
    day = staff.planned()
    berries = staff.product("Berries")
    own = ahead(days=1, hours=4)
    offer = staff.offer(day["id"], product_id=berries, cutoff_at=own).json
    refused = staff.patch(day["id"], 1, opens_at=ahead(days=1, hours=6))
    assert fields(refused) == {"opens_at"}
    assert "Berries" in refused.text
    assert staff.patch(day["id"], 1, opens_at=own).status_code == 422  # it would open and close at once
    assert staff.patch(day["id"], 1, opens_at=ahead(days=1, hours=3)).status_code == 200
    # Where the whole day moves, own cutoffs move along and stay behind the opening.
    later = (moment(day["cutoff_at"]) + timedelta(hours=5)).isoformat()
    assert staff.patch(day["id"], 2, opens_at=ahead(days=1, hours=6), cutoff_at=later).status_code == 200
    [moved] = staff.trail(offer["id"])[:1]
    assert moment(moved["changes"][0]["new"]) == moment(own) + timedelta(hours=5)


def test_every_field_of_a_market_day_is_in_the_trail_with_who_and_what_it_was(world: Any, staff: Staff) -> None:
    day = staff.planned()
    staff.patch(day["id"], 1, remind_at=ahead(days=1, hours=2))
    row = world.rows("SELECT * FROM audit WHERE entity = 'cycle' ORDER BY id")[-1]
    assert (str(row.person_id), row.role) == (staff.actor.person_id, Role.STAFF.value)
    [change] = row.changes
    assert (change["field"], change["old"]) == ("remind_at", None)
