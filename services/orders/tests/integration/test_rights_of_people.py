"""Who may do what to whom, and what taking a right away ends: here at once, elsewhere by event."""

from typing import Any
from uuid import uuid4

import pytest

from orders.application.commands import Client
from orders.domain.people import Role
from tests.conftest import PASSWORD
from tests.integration.test_people import admin, change, invite, invited, staff
from tests.integration.test_races import at_once
from tests.integration.test_stores import flaws, trail

__all__ = ["admin", "staff"]
ROLES = (Role.BUYER, Role.STAFF, Role.ADMIN)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("actor", ROLES)
def test_who_may_invite_whom(world: Any, sign_in: Any, actor: Role, role: Role) -> None:
    answer = invite(sign_in(world.person(actor)), role=role.value)
    allowed = actor is Role.ADMIN or (actor is Role.STAFF and role is Role.BUYER)
    assert answer.status_code == (201 if allowed else 403)
    assert world.value("SELECT count(*) FROM people WHERE email = 'lupe@shop.example'") == int(allowed)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("actor", ROLES)
def test_who_may_change_whom(world: Any, sign_in: Any, actor: Role, role: Role) -> None:
    world.person(Role.ADMIN)
    api, person = sign_in(world.person(actor)), world.person(role).person_id
    world.run("UPDATE people SET password_hash = NULL WHERE id = :id", id=person)
    path = f"/people/{person}"
    managing = actor is Role.ADMIN or (actor is Role.STAFF and role is Role.BUYER)
    expected = (
        (change(api, person, name="New"), 200, managing),
        (api.call("POST", f"{path}/invitation"), 201, managing),
        (change(api, person, role="admin"), 200, actor is Role.ADMIN),
        (api.call("DELETE", path), 204, managing),
    )
    for answer, done, allowed in expected:
        assert answer.status_code == (done if allowed else 403), answer.text
    seen = 403 if actor is Role.BUYER else 200
    assert (api.call("GET", path).status_code, api.call("GET", "/people").status_code) == (seen, seen)
    if not managing:
        assert world.events() == []


def test_nobody_signed_out_gets_anywhere(nobody: Any, world: Any) -> None:
    for method, path in [("GET", "/people"), ("POST", "/people"), ("GET", f"/people/{uuid4()}")]:
        assert nobody.call(method, path).status_code == 401


def test_deactivating_ends_everything_at_once_and_reactivating_gives_nothing_back(
    world: Any, staff: Any, sign_in: Any, container: Any, app: Any
) -> None:
    buyer, _ = world.buyer()
    theirs = sign_in(buyer)
    email = world.emails[buyer.person_id]
    session = container.accounts.sign_in(email, PASSWORD, Client("203.0.113.9"))
    browser = app.test_client()
    browser.set_cookie("mercadito_session", session.secret)
    ends = world.value("SELECT max(expires_at) FROM api_tokens WHERE person_id = :id", id=buyer.person_id)

    assert staff.call("DELETE", f"/people/{buyer.person_id}").status_code == 204
    [out] = world.events("orders.person.signed_out.v1")
    assert (out["person_id"], out["until"][:19]) == (buyer.person_id, ends.isoformat()[:19])
    assert not {"session_id", "token_id"} & set(out)
    assert world.events("accounts.contact.changed.v1")[-1]["active"] is False
    for _ in range(2):
        assert theirs.call("GET", "/me").status_code == 401
        assert browser.get("/api/v1/me").status_code == 401
        found = change(staff, buyer.person_id, active=True)
    assert found.json["state"] == "active"
    assert world.events("accounts.contact.changed.v1")[-1]["active"] is True
    assert sign_in(buyer).call("GET", "/me").status_code == 200
    assert [each.action for each in trail(world, "person", buyer.person_id)] == ["deactivated", "reactivated"]


def test_a_deactivated_person_can_not_sign_in_nor_come_by_an_old_link(
    world: Any, staff: Any, nobody: Any, transactions: Any
) -> None:
    person = invited(staff)
    staff.call("DELETE", f"/people/{person['id']}")
    assert world.value("SELECT count(*) FROM one_time_links WHERE used_at IS NULL") == 0
    assert staff.call("GET", f"/people/{person['id']}").json["state"] == "deactivated"
    assert flaws(staff.call("POST", f"/people/{person['id']}/invitation"))["person"]
    assert change(staff, person["id"], active=True).json["state"] == "expired"
    assert staff.call("POST", f"/people/{person['id']}/invitation").json["state"] == "invited"


def test_nobody_deactivates_oneself_and_the_last_admin_stays(world: Any, sign_in: Any) -> None:
    first, second = world.person(Role.ADMIN), world.person(Role.ADMIN)
    api = sign_in(first)
    assert flaws(api.call("DELETE", f"/people/{first.person_id}")) == {"active": "nobody can do this to themselves"}
    assert change(api, second.person_id, role="staff").status_code == 200
    assert flaws(change(api, first.person_id, role="staff")) == {"role": "somebody has to stay admin"}
    # One who never came can't take over.
    guest = invited(api, role="admin")
    assert flaws(change(api, first.person_id, role="buyer"))
    assert api.call("DELETE", f"/people/{guest['id']}").status_code == 204


def test_two_admins_can_not_deactivate_each_other_at_once(world: Any, sign_in: Any) -> None:
    admins = [world.person(Role.ADMIN) for _ in range(2)]
    apis = [sign_in(one) for one in admins]
    answers = at_once(
        lambda: apis[0].call("DELETE", f"/people/{admins[1].person_id}"),
        lambda: apis[1].call("DELETE", f"/people/{admins[0].person_id}"),
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 204
    assert codes[1] in (401, 403)
    assert world.value("SELECT count(*) FROM people WHERE role = 'admin' AND active") == 1


def test_losing_a_store_or_a_rank_is_told_and_gaining_is_not(world: Any, admin: Any) -> None:
    buyer, store = world.buyer()
    other = world.store()
    who = buyer.person_id

    def out() -> int:
        return len(world.events("orders.person.signed_out.v1"))

    change(admin, who, store_ids=[store, other])
    change(admin, who, role="staff", name="Renamed", locale="es")
    assert out() == 0
    change(admin, who, role="buyer")
    assert out() == 1
    change(admin, who, store_ids=[other])
    assert out() == 2
    stores = world.events("orders.store.changed.v1")
    assert [(each["store_id"], each["people"]) for each in stores] == [(other, [who]), (store, [])]
    versions = [each["version"] for each in world.events("accounts.contact.changed.v1")]
    assert versions == sorted(set(versions))
    assert [each.action for each in trail(world, "store", store)] == ["changed"]
