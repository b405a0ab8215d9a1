"""What is published when stores and people change is what `events/schemas` promises, whatever they are called."""

import json
from typing import Any

from orders.application.commands import Client
from orders.domain.directory import MAX_PEOPLE_OF_STORE, MAX_STORES_OF_PERSON
from orders.domain.people import Role
from tests.contract.test_published_events import check
from tests.integration.test_stores import HOSTILE


def test_every_event_of_stores_and_people_fits_its_schema_and_only_contacts_hold_addresses(
    world: Any, sign_in: Any
) -> None:
    api = sign_in(world.person(Role.ADMIN))
    for number, name in enumerate(HOSTILE):
        store = api.call("POST", "/stores", {"name": name}).json["id"]
        body = {"name": name, "email": f"p{number}@shop.example", "locale": "es", "store_ids": [store]}
        person = api.call("POST", "/people", body).json["id"]
        path = f"/people/{person}"
        api.call("PATCH", path, {"email": f"q{number}@shop.example", "role": "staff"}, If_Match="*")
        api.call("PATCH", path, {"role": "buyer", "store_ids": []}, If_Match="*")
        api.call("DELETE", path)
        api.call("DELETE", f"/stores/{store}")
    events = world.events()
    for event in events:
        assert event["type"].startswith("accounts.") or "@" not in json.dumps(event)
    assert {check(event) for event in events} == {
        "accounts.contact.changed.v1",
        "accounts.invitation.issued.v1",
        "orders.person.signed_out.v1",
        "orders.store.changed.v1",
    }


def test_the_fullest_store_and_person_fit_into_events_and_a_cookie(world: Any, sign_in: Any, container: Any) -> None:
    api = sign_in(world.person(Role.ADMIN))
    stores = [world.store() for _ in range(MAX_STORES_OF_PERSON)]
    body = {"name": "ñ" * 100, "email": "x@shop.example", "locale": "es", "store_ids": stores}
    person = api.call("POST", "/people", body)
    assert person.status_code == 201
    people = [world.person().person_id for _ in range(MAX_PEOPLE_OF_STORE)]
    assert api.call("POST", "/stores", {"name": "ñ" * 100, "people": people}).status_code == 201
    for event in world.events():
        check(event)
    buyer = world.person(stores=stores)
    session = container.accounts.sign_in(world.emails[buyer.person_id], "correct horse battery", Client("203.0.113.7"))
    token = container.accounts.identity_token(container.accounts.identify_session(session.secret)).token
    assert len(token) < 3_800  # with its name and attributes it has to stay below the 4,096 bytes of a cookie
