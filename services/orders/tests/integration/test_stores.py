"""Stores as staff change them through the API: who may, what it means for others, what cannot happen."""

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.integration.test_ordering import slug
from tests.integration.test_races import at_once
from tests.integration.test_reads import counted

HOSTILE = (
    "<script>alert(1)</script>",
    "'; DROP TABLE stores; --",
    "{{ 7 * 7 }} %(name)s {0}",
    "متجر السلام",
    "Panadería Ñandú 🥑 & Söhne",
    "a\u0301 decomposed",
    '"quoted" \\ back',
)
NO_TEXT = ("a\x00b", "a\x1bb", "a\u202eb", "a\u2028b", "\u200b", "a\x7fb")


@pytest.fixture
def staff(world: Any) -> Any:
    return world.person(Role.STAFF)


@pytest.fixture
def api(sign_in: Any, staff: Any) -> Any:
    return sign_in(staff)


def made(api: Any, **fields: Any) -> Any:
    answer = api.call("POST", "/stores", {"name": "Abarrotes Lupita", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json


def change(api: Any, store: Any, **fields: Any) -> Any:
    return api.call("PATCH", f"/stores/{store['id']}", fields, If_Match=f'"{store["version"]}"')


def flaws(answer: Any) -> dict[str, str]:
    assert (answer.status_code, slug(answer)) == (422, "invalid"), answer.text
    return {each["field"]: each["message"] for each in answer.json["errors"]}


def trail(world: Any, entity: str, entity_id: str) -> list[Any]:
    return world.rows(
        "SELECT action, changes, CAST(person_id AS text) AS by, role FROM audit"
        " WHERE entity = :entity AND entity_id = CAST(:id AS uuid) ORDER BY id",
        entity=entity,
        id=entity_id,
    )


def test_a_store_is_made_read_changed_and_told(world: Any, api: Any, staff: Any) -> None:
    buyer = world.person()
    answer = api.call(
        "POST",
        "/stores",
        {
            "name": "  Abarrotes   Lupita ",
            "route": "Boyle Heights",
            "stop": 3,
            "phone": "323 555 0101",
            "address": "1 First St\r\nLos Angeles",
            "people": [buyer.person_id],
        },
    )
    assert answer.status_code == 201
    store = answer.json
    assert answer.headers["Location"] == f"/api/v1/stores/{store['id']}"
    assert (store["name"], store["address"], store["version"]) == ("Abarrotes Lupita", "1 First St\nLos Angeles", 1)
    assert (store["active"], store["wants_reminder"]) == (True, True)
    assert [one["id"] for one in store["people"]] == [buyer.person_id]
    read = api.call("GET", f"/stores/{store['id']}")
    assert (read.json, read.headers["ETag"]) == (store, '"1"')

    changed = change(api, store, route="Vermont", wants_reminder=False, people=[])
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (changed.json["route"], changed.json["people"], changed.json["name"]) == ("Vermont", [], "Abarrotes Lupita")
    first, second = world.events("orders.store.changed.v1")
    assert (first["people"], first["wants_reminder"], first["active"]) == ([buyer.person_id], True, True)
    assert (second["people"], second["wants_reminder"]) == ([], False)
    created, then = trail(world, "store", store["id"])
    assert (created.action, created.by, created.role) == ("created", staff.person_id, "staff")
    assert then.action == "changed"
    assert {"field": "route", "old": "Boyle Heights", "new": "Vermont"} in then.changes
    assert [each["new"] for each in then.changes if each["field"] == "person"] == [None]


def test_a_change_of_nothing_leaves_no_trace(world: Any, api: Any) -> None:
    store = made(api, route="A")
    again = change(api, store, name=" Abarrotes Lupita", route="A", active=True, people=[])
    assert (again.status_code, again.json) == (200, store)
    assert len(world.events("orders.store.changed.v1")) == 1
    assert len(trail(world, "store", store["id"])) == 1


def test_who_joins_or_leaves_a_store_gets_and_loses_the_right(world: Any, api: Any, sign_in: Any) -> None:
    buyer = world.person()
    theirs = sign_in(buyer)
    store = made(api, people=[buyer.person_id])
    assert [one["id"] for one in theirs.call("GET", "/me").json["stores"]] == [store["id"]]
    assert world.events("orders.person.signed_out.v1") == []
    [contact] = world.events("accounts.contact.changed.v1")
    assert (contact["store_ids"], contact["version"]) == ([store["id"]], 2)

    change(api, store, people=[])
    assert theirs.call("GET", "/me").json["stores"] == []
    [out] = world.events("orders.person.signed_out.v1")
    assert out["person_id"] == buyer.person_id
    assert not {"session_id", "token_id"} & set(out)
    assert world.events("accounts.contact.changed.v1")[-1]["store_ids"] == []
    # Until the last token that names the store would have ended, not just the ten minutes of a browser.
    ends = world.value("SELECT max(expires_at) FROM api_tokens WHERE person_id = :id", id=buyer.person_id)
    assert out["until"][:19] == ends.isoformat()[:19]
    assert [each.action for each in trail(world, "person", buyer.person_id)] == ["changed", "changed"]


def test_a_deactivated_store_keeps_its_order_and_takes_no_new_one(world: Any, api: Any, sign_in: Any) -> None:
    buyer, store_id = world.buyer()
    cycle = world.cycle()
    lines = [{"offer_id": world.offer(cycle), "quantity": 1}]
    order = sign_in(buyer).call(
        "POST", "/orders", {"cycle_id": cycle, "store_id": store_id, "lines": lines}, Idempotency_Key="k"
    )
    assert order.status_code == 201
    assert api.call("DELETE", f"/stores/{store_id}").status_code == 204
    assert api.call("DELETE", f"/stores/{store_id}").status_code == 204
    assert world.value("SELECT state FROM orders") == "placed"
    assert [one["active"] for one in world.events("orders.store.changed.v1")] == [False]
    assert [one["person_id"] for one in world.events("orders.person.signed_out.v1")] == [buyer.person_id]
    assert world.events("accounts.contact.changed.v1")[-1]["store_ids"] == []
    refused = api.call(
        "POST", "/orders", {"cycle_id": world.cycle(), "store_id": store_id, "lines": lines}, Idempotency_Key="l"
    )
    assert refused.status_code == 422

    back = api.call("PATCH", f"/stores/{store_id}", {"active": True}, If_Match="*")
    assert back.json["active"]
    assert world.events("accounts.contact.changed.v1")[-1]["store_ids"] == [store_id]
    assert [each.action for each in trail(world, "store", store_id)] == ["deactivated", "reactivated"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_buyers_have_no_business_here(world: Any, sign_in: Any, nobody: Any, method: str) -> None:
    buyer, store = world.buyer()
    path = "/stores" if method == "POST" else f"/stores/{store}"
    for client, status in ((sign_in(buyer), 403), (nobody, 401)):
        answer = client.call(method, path, {"name": "Mine"}, If_Match='"1"')
        assert answer.status_code == status
        assert client.call("GET", "/stores").status_code == status
    assert world.events() == []
    assert world.value("SELECT version FROM stores") == 1


def test_staff_tie_buyers_to_stores_and_only_admins_tie_others(world: Any, api: Any, sign_in: Any) -> None:
    colleague = world.person(Role.STAFF)
    assert api.call("POST", "/stores", {"name": "A", "people": [colleague.person_id]}).status_code == 403
    admin = sign_in(world.person(Role.ADMIN))
    store = made(admin, people=[colleague.person_id])
    assert change(api, store, people=[]).status_code == 403
    assert change(api, store, route="Elsewhere").status_code == 200


def test_a_name_is_unique_among_active_stores_whatever_its_case(world: Any, api: Any) -> None:
    store = made(api)
    other = made(api, name="Other")
    assert flaws(api.call("POST", "/stores", {"name": "ABARROTES lupita"})) == {"name": "is taken"}
    assert flaws(change(api, other, name="abarrotes LUPITA")) == {"name": "is taken"}
    assert change(api, store, name="ABARROTES LUPITA").status_code == 200
    api.call("DELETE", f"/stores/{store['id']}")
    second = made(api)
    back = api.call("PATCH", f"/stores/{store['id']}", {"active": True}, If_Match="*")
    assert flaws(back) == {"name": "is taken"}
    assert second["active"]


@pytest.mark.parametrize("field", ["name", "route", "phone", "address"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_as_it_is_and_goes_out_as_it_is(world: Any, api: Any, field: str, text: str) -> None:
    store = made(api, **{field: text})
    kept = api.call("GET", f"/stores/{store['id']}").json[field]
    assert kept == text.replace("a\u0301", "á")
    [event] = world.events("orders.store.changed.v1")
    if field == "name":
        assert event["name"] == kept


@pytest.mark.parametrize("field", ["name", "route", "phone", "address"])
@pytest.mark.parametrize("text", NO_TEXT)
def test_what_is_no_text_is_refused_by_name(api: Any, field: str, text: str) -> None:
    found = flaws(api.call("POST", "/stores", {"name": "A", field: text}))
    assert list(found) == [field]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x" * 100_000}, "name"),
        ({"route": "x" * 61}, "route"),
        ({"phone": "5" * 41}, "phone"),
        ({"address": "x" * 301}, "address"),
        ({"stop": -1}, "stop"),
        ({"stop": 10_000}, "stop"),
        ({"stop": 10**30}, "stop"),
        ({"stop": "3"}, "stop"),
        ({"stop": 1.5}, "stop"),
        ({"wants_reminder": "yes"}, "wants_reminder"),
        ({"people": ["nobody"]}, "people.0"),
        ({"people": [str(uuid4())]}, "people"),
        ({"people": {"a": 1}}, "people"),
        ({"surprise": 1}, "surprise"),
        ({"name": None}, "name"),
    ],
)
def test_what_makes_no_sense_is_named(world: Any, api: Any, fields: dict[str, Any], wrong: str) -> None:
    assert list(flaws(api.call("POST", "/stores", {"name": "A", **fields}))) == [wrong]
    assert world.value("SELECT count(*) FROM stores") == 0


def test_a_name_of_exactly_a_hundred_characters_fits(api: Any) -> None:
    assert made(api, name="ñ" * 100)["name"] == "ñ" * 100


def test_a_lone_surrogate_is_no_json(api: Any) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    answer = api.client.post("/api/v1/stores", data=b'{"name": "\\ud800"}', headers=headers)
    assert (answer.status_code, slug(answer)) == (422, "invalid")


def test_a_change_names_the_version_it_was_made_on(api: Any) -> None:
    store = made(api)
    path = f"/stores/{store['id']}"
    assert slug(api.call("PATCH", path, {"route": "A"})) == "precondition-required"
    assert change(api, store, route="A").status_code == 200
    refused = change(api, store, route="B")
    assert (refused.status_code, slug(refused), refused.json["version"]) == (412, "version-conflict", 2)
    assert api.call("PATCH", path, {"route": "C"}, If_Match='W/"2"').status_code == 200
    assert api.call("PATCH", path, {"route": "D"}, If_Match='"7", "3"').status_code == 200
    assert api.call("DELETE", path, If_Match='"1"').status_code == 412
    for odd in ('"x"', '"99999999999999999999999"', "x", '"-1"'):
        assert api.call("PATCH", path, {"route": "E"}, If_Match=odd).status_code == 412, odd


def test_two_staff_editing_one_store_do_not_overwrite_each_other(world: Any, app: Any, sign_in: Any) -> None:
    clients = [sign_in(world.person(Role.STAFF)) for _ in range(8)]
    store = made(clients[0])
    calls = [lambda c=client, n=n: change(c, store, route=f"Route {n}") for n, client in enumerate(clients)]
    answers = at_once(*calls)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
    won = next(answer.json["route"] for answer in answers if answer.status_code == 200)
    assert world.value("SELECT route FROM stores") == won
    assert len(world.events("orders.store.changed.v1")) == 2


def test_the_same_name_twice_at_once_makes_one_store(world: Any, sign_in: Any) -> None:
    clients = [sign_in(world.person(Role.STAFF)) for _ in range(8)]
    answers = at_once(*(lambda c=client: c.call("POST", "/stores", {"name": "Twin"}) for client in clients))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 7}
    assert world.value("SELECT count(*) FROM stores") == 1


def test_changes_from_both_ends_of_a_tie_do_not_lock_each_other_out(world: Any, sign_in: Any) -> None:
    clients = [sign_in(world.person(Role.STAFF)) for _ in range(4)]
    stores, buyers = [world.store() for _ in range(3)], [world.person().person_id for _ in range(3)]
    calls: list[Any] = []
    for client in clients:
        calls += [
            lambda c=client, s=store: c.call("PATCH", f"/stores/{s}", {"people": buyers}, If_Match="*")
            for store in stores
        ]
        calls += [
            lambda c=client, p=buyer: c.call("PATCH", f"/people/{p}", {"store_ids": stores}, If_Match="*")
            for buyer in buyers
        ]
    assert {answer.status_code for answer in at_once(*calls)} == {200}
    assert world.value("SELECT count(*) FROM store_people") == 9


def test_the_same_key_gives_the_same_store(world: Any, api: Any) -> None:
    first = api.call("POST", "/stores", {"name": "Once"}, Idempotency_Key="k")
    second = api.call("POST", "/stores", {"name": "Once"}, Idempotency_Key="k")
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert second.headers["Location"] == first.headers["Location"]
    assert slug(api.call("POST", "/stores", {"name": "Twice"}, Idempotency_Key="k")) == "idempotency-key-reused"
    assert world.value("SELECT count(*) FROM stores") == 1


def test_stores_are_listed_by_route_and_stop_or_name_found_and_paged(world: Any, api: Any) -> None:
    made(api, name="Zapata", route="Ávila", stop=2)
    made(api, name="Élite", route="Ávila", stop=1)
    made(api, name="Bodega", route="", stop=0)
    made(api, name="Cielo", route="Broadway", stop=1)
    gone = made(api, name="Dulce", route="Broadway", stop=2)
    api.call("DELETE", f"/stores/{gone['id']}")

    def names(path: str) -> list[str]:
        seen: list[str] = []
        step: str | None = path
        while step:
            page = api.call("GET", step).json
            seen += [store["name"] for store in page["items"]]
            step = page["next"] and page["next"].removeprefix("/api/v1")
        return seen

    assert names("/stores?limit=2") == ["Élite", "Zapata", "Cielo", "Dulce", "Bodega"]
    assert names("/stores?limit=2&sort=name") == ["Bodega", "Cielo", "Dulce", "Élite", "Zapata"]
    assert names("/stores?active=true&sort=name&limit=3") == ["Bodega", "Cielo", "Élite", "Zapata"]
    assert names("/stores?active=false") == ["Dulce"]
    assert names("/stores?q=avila") == ["Élite", "Zapata"]
    assert names("/stores?q=ELITE") == ["Élite"]
    assert names("/stores?route=Broadway&limit=1") == ["Cielo", "Dulce"]
    assert names("/stores?q=100%25") == []
    assert api.call("GET", "/stores?limit=2&active=true").json["total"] == 4


@pytest.mark.parametrize("query", ["active=perhaps", "sort=moon", "cursor=x", "cursor=W10", "limit=0", "q=%00"])
def test_queries_that_make_no_sense_are_refused(world: Any, api: Any, query: str) -> None:
    assert flaws(api.call("GET", f"/stores?{query}"))


@pytest.mark.parametrize("place", [[1, "", 0, "", "x"], [False, "\x00", 0, "", "x"], [False, "", 10**20, "", ""], {}])
def test_forged_cursors_are_refused(api: Any, place: Any) -> None:
    import base64  # noqa: PLC0415 - only here

    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    assert flaws(api.call("GET", f"/stores?cursor={cursor}"))


def test_five_hundred_stores_take_a_handful_of_statements(world: Any, api: Any) -> None:
    world.run(
        "INSERT INTO stores (id, name, route, stop) SELECT gen_random_uuid(), 'Store ' || n, 'Route ' || n % 20, n"
        " FROM generate_series(1, 500) n"
    )
    with counted() as seen:
        page = api.call("GET", "/stores?limit=500").json
    assert (len(page["items"]), page["total"], page["next"]) == (500, 500, None)
    assert len(seen) <= 4


def test_a_store_that_is_not_there_is_not_found(api: Any) -> None:
    path = f"/stores/{uuid4()}"
    assert api.call("GET", path).status_code == 404
    assert api.call("PATCH", path, {"route": "A"}, If_Match='"1"').status_code == 404
    assert api.call("DELETE", path).status_code == 404
