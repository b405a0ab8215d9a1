"""What this service publishes is what `events/schemas` promises."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orders.application import clock
from orders.application.accounts import TokenWish
from orders.application.commands import Client
from orders.application.invitations import InviteAdmin, invite_admin
from orders.application.one_time_links import Purpose
from orders.application.republish import republish
from orders.domain.people import Role
from tests.integration.planning.conftest import Staff
from tests.integration.test_ordering import shop

__all__ = ["shop"]
SCHEMAS = Path(__file__).resolve().parents[4] / "events" / "schemas"


def check(event: dict[str, Any]) -> str:
    kind = str(event.pop("type"))
    schema = json.loads((SCHEMAS / f"{kind}.schema.json").read_text())
    jsonschema.validate(event, schema, format_checker=jsonschema.FormatChecker())
    return kind


def test_every_event_of_a_market_day_fits_its_schema(world: Any, shop: Any, transactions: Any) -> None:
    short = world.offer(shop.cycle, available=1)
    order = shop.place((shop.limited, 2), (short, 3), on_shortage="partial", note="ñ").json
    order = shop.amend(order, (shop.unlimited, 1), note="").json
    shop.api.call("POST", f"/orders/{order['id']}/comments", {"text": "¿Por atrás?"}, Idempotency_Key="once")
    shop.cancel(order)
    shop.api.call("DELETE", "/tokens/current")
    world.cycle(state="scheduled", opens_in_s=-1, cutoff_in_s=100)
    world.cycle(cutoff_in_s=-1)
    clock.advance(transactions)
    republish(transactions, "America/Los_Angeles")
    assert {check(event) for event in world.events()} == {
        "accounts.contact.changed.v1",
        "orders.comment.posted.v1",
        "orders.cycle.closed.v1",
        "orders.cycle.closing.v1",
        "orders.cycle.opened.v1",
        "orders.offers.changed.v1",
        "orders.order.amended.v1",
        "orders.order.cancelled.v1",
        "orders.order.placed.v1",
        "orders.person.signed_out.v1",
        "orders.store.changed.v1",
    }


def test_every_event_about_an_account_fits_its_schema(world: Any, shop: Any, transactions: Any, container: Any) -> None:
    here = Client("203.0.113.7")
    email, new = world.emails[shop.buyer.person_id], "aguacates a diez pesos"
    container.own.passwords.ask(email, here)
    secret = world.events("accounts.password_reset.requested.v1")[0]["link"].rsplit("/", 1)[1]
    container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, new)
    sessions = [container.accounts.sign_in(email, new, here) for _ in range(2)]
    mine = container.accounts.identify_session(sessions[0].secret)
    made = container.accounts.add_token(mine, TokenWish("Harvest"))
    container.own.access.end_token(mine, made.id)
    container.own.access.end_other_sessions(mine)
    command = InviteAdmin("rosa@hub.example", "Rosa", "es", "https://mercadito.example", "America/Los_Angeles")
    invite_admin(transactions, command)
    assert {check(event) for event in world.events()} == {
        "accounts.contact.changed.v1",
        "accounts.invitation.issued.v1",
        "accounts.password.changed.v1",
        "accounts.password_reset.requested.v1",
        "orders.person.signed_out.v1",
    }


def test_no_event_but_contacts_carries_an_address(world: Any, shop: Any, transactions: Any) -> None:
    shop.place((shop.limited, 2))
    republish(transactions, "America/Los_Angeles")
    for event in world.events():
        assert event["type"].startswith("accounts.") or "@" not in json.dumps(event)


def test_the_largest_order_fits_into_an_event(world: Any, shop: Any) -> None:
    from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS  # noqa: PLC0415 - only here

    offers = [world.offer(shop.cycle) for _ in range(MAX_LINES)]
    others = [world.offer(shop.cycle) for _ in range(MAX_LINES)]
    world.run("UPDATE products SET name = repeat('ñ', 80), name_es = repeat('ñ', 80), pack = repeat('ñ', 120)")
    world.run("UPDATE offers SET case_size = 10000, cutoff_at = clock_timestamp() + interval '1 hour'")
    order = shop.place(*((offer, 1) for offer in offers), note="ñ" * MAX_NOTE_CHARACTERS)
    assert order.status_code == 201
    assert shop.amend(order.json, *((offer, 1) for offer in others)).status_code == 200
    assert [len(event["offers"]) for event in world.events("orders.offers.changed.v1")] == [200, 200, 200]


@pytest.mark.parametrize("kind", ["placed", "amended", "cancelled"])
def test_order_events_name_who_did_it(world: Any, shop: Any, kind: str) -> None:
    order = shop.place((shop.limited, 2)).json
    order = shop.amend(order, (shop.limited, 1)).json
    shop.cancel(order)
    event = world.events(f"orders.order.{kind}.v1")[0]
    assert event["actor"] == {"person_id": shop.buyer.person_id, "role": "buyer"}


def test_what_planning_tells_fits_its_schemas(world: Any, transactions: Any, sign_in: Any) -> None:
    staff = Staff(world, actor := world.person(Role.STAFF), sign_in(actor))
    day = staff.planned()
    staff.patch(day["id"], 1, name="Renamed")
    cycle = world.cycle()
    offer = staff.offer(cycle, available=3).json["id"]
    staff.call("PATCH", f"/cycles/{cycle}/offers/{offer}", {"unit_price_cents": 1})
    staff.call("DELETE", f"/cycles/{cycle}/offers/{offer}")
    staff.patch(cycle, None, name="Renamed")
    staff.call("POST", f"/cycles/{cycle}/cancel", {"reason": "ñ" * 500})
    world.cycle(state="closed", cutoff_in_s=-60)
    world.run("UPDATE cycles SET packing_at = cutoff_at WHERE state = 'closed'")
    clock.advance(transactions)
    assert {check(event) for event in world.events()} == {
        "orders.cycle.scheduled.v1",
        "orders.cycle.opened.v1",
        "orders.cycle.cancelled.v1",
        "orders.cycle.packing.v1",
        "orders.offers.changed.v1",
    }


def test_every_line_of_the_largest_order_can_change_in_every_way_and_be_dropped(
    world: Any, shop: Any, transactions: Any
) -> None:
    from orders.application.price_limits import drop_dear_lines  # noqa: PLC0415 - only here
    from orders.domain.order import MAX_LINES  # noqa: PLC0415 - only here

    offers = [world.offer(shop.cycle) for _ in range(MAX_LINES)]
    world.run("UPDATE products SET name = repeat('ñ', 80), name_es = repeat('ñ', 80), pack = repeat('ñ', 120)")
    lines = [{"offer_id": offer, "quantity": 1, "max_unit_price_cents": 2_000} for offer in offers]
    wanted = {"cycle_id": shop.cycle, "store_id": shop.store, "lines": lines, "note": "ñ" * 1_000, "reason": "ñ" * 200}
    order = shop.api.call("POST", "/orders", wanted, Idempotency_Key="once")
    assert order.status_code == 201
    world.run("UPDATE offers SET unit_price_cents = 1900")
    changed = {
        "lines": [{**line, "quantity": 99, "max_unit_price_cents": 1_950} for line in lines],
        "note": "é" * 1_000,
        "on_shortage": "partial",
    }
    path = f"/orders/{order.json['id']}"
    assert shop.api.call("PUT", path, changed, If_Match='"1"').status_code == 200
    world.run("UPDATE offers SET unit_price_cents = 2500")

    def drop(unit: Any) -> int:
        cycle = unit.cycles.lock_for_ordering(shop.cycle)
        dropped: int = drop_dear_lines(unit, cycle, unit.offers.lock(offers, shop.cycle).values())
        return dropped

    assert transactions.run(drop) == MAX_LINES
    assert len(world.events("orders.order.cancelled.v1")[0]["changes"]) == MAX_LINES + 1
    for event in world.events():
        check(event)
