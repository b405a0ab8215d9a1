"""People as staff invite and change them through the API: who may do what to whom, and what it means elsewhere."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.conftest import PASSWORD
from tests.integration.test_ordering import slug
from tests.integration.test_races import at_once
from tests.integration.test_reads import counted
from tests.integration.test_stores import HOSTILE, NO_TEXT, flaws, trail

WELCOME = re.compile(r"http://localhost/welcome/[\w-]{43}")


@pytest.fixture
def staff(sign_in: Any, world: Any) -> Any:
    return sign_in(world.person(Role.STAFF))


@pytest.fixture
def admin(sign_in: Any, world: Any) -> Any:
    return sign_in(world.person(Role.ADMIN))


def invite(api: Any, **fields: Any) -> Any:
    return api.call("POST", "/people", {"name": "Lupe", "email": "lupe@shop.example", "locale": "es", **fields})


def invited(api: Any, **fields: Any) -> Any:
    answer = invite(api, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json


def change(api: Any, person_id: str, **fields: Any) -> Any:
    return api.call("PATCH", f"/people/{person_id}", fields, If_Match="*")


def test_an_invited_person_is_told_to_notify_before_the_link(world: Any, staff: Any) -> None:
    store = world.store()
    answer = invite(staff, email=" Lupe@Shop.Example ", store_ids=[store])
    assert answer.status_code == 201
    person = answer.json
    assert (person["email"], person["role"], person["state"]) == ("lupe@shop.example", "buyer", "invited")
    until = datetime.fromisoformat(person["invited_until"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < until <= timedelta(days=7)
    assert [one["id"] for one in person["stores"]] == [store]
    assert world.value("SELECT password_hash FROM people WHERE email = 'lupe@shop.example'") is None
    told = world.events()
    assert [each["type"] for each in told] == [
        "accounts.contact.changed.v1",
        "orders.store.changed.v1",
        "accounts.invitation.issued.v1",
    ]
    contact, store_event, link = told
    assert (contact["email"], contact["locale"], contact["active"]) == ("lupe@shop.example", "es", True)
    assert (contact["store_ids"], contact["version"], contact["role"]) == ([store], 1, "buyer")
    assert store_event["people"] == [person["id"]]
    assert (link["person_id"], bool(WELCOME.fullmatch(link["link"]))) == (person["id"], True)


def test_the_trail_and_the_answers_hold_no_secret(world: Any, staff: Any) -> None:
    person = invited(staff)
    change(staff, person["id"], email="other@shop.example", name="Guadalupe")
    secrets = [event["link"].rsplit("/", 1)[1] for event in world.events("accounts.invitation.issued.v1")]
    kept = json.dumps([[each.action, each.changes] for each in trail(world, "person", person["id"])])
    shown = staff.call("GET", f"/people/{person['id']}").text
    assert len(secrets) == 2
    assert not [secret for secret in secrets if secret in kept or secret in shown]
    assert "password" not in shown
    assert "other@shop.example" in kept


def test_an_invited_person_can_not_sign_in_with_any_password(world: Any, staff: Any, nobody: Any) -> None:
    invited(staff)
    for password in ("", "null", "None", PASSWORD):
        answer = nobody.client.post("/api/v1/tokens", auth=("lupe@shop.example", password))
        assert (answer.status_code, slug(answer)) == (401, "unauthenticated")


def test_a_new_address_is_told_audited_and_ends_the_old_links(world: Any, staff: Any) -> None:
    person = invited(staff)
    answer = change(staff, person["id"], email="Lupe.New@Shop.example")
    assert (answer.json["email"], answer.json["state"]) == ("lupe.new@shop.example", "invited")
    assert world.value("SELECT count(*) FROM one_time_links WHERE used_at IS NULL") == 1
    assert [each["type"] for each in world.events()][-2:] == [
        "accounts.contact.changed.v1",
        "accounts.invitation.issued.v1",
    ]
    assert world.events("accounts.contact.changed.v1")[-1]["email"] == "lupe.new@shop.example"
    noted = trail(world, "person", person["id"])[-1].changes
    assert noted == [{"field": "email", "old": "lupe@shop.example", "new": "lupe.new@shop.example"}]


def test_a_new_address_of_somebody_with_a_password_sends_no_invitation(world: Any, staff: Any) -> None:
    buyer, _ = world.buyer()
    assert change(staff, buyer.person_id, email="new@shop.example").json["state"] == "active"
    assert world.events("accounts.invitation.issued.v1") == []


def test_three_invitations_an_hour_and_each_ends_the_one_before(world: Any, staff: Any) -> None:
    person = invited(staff)
    path = f"/people/{person['id']}/invitation"
    assert [staff.call("POST", path).status_code for _ in range(2)] == [201, 201]
    refused = staff.call("POST", path)
    assert (refused.status_code, slug(refused), refused.headers["Retry-After"]) == (429, "too-many-requests", "3600")
    assert world.value("SELECT count(*) FROM one_time_links WHERE used_at IS NULL") == 1
    # Nor does changing the address back and forth flood a mailbox.
    assert change(staff, person["id"], email="b@shop.example").json["state"] == "expired"
    assert len(world.events("accounts.invitation.issued.v1")) == 3
    world.run("UPDATE one_time_links SET created_at = created_at - interval '61 minutes'")
    assert staff.call("POST", path).json["state"] == "invited"
    actions = [each.action for each in trail(world, "person", person["id"])]
    assert actions == ["invited", "invited", "invited", "changed", "invited"]


def test_an_invitation_is_shown_until_it_expires(world: Any, staff: Any) -> None:
    person = invited(staff)
    world.run("UPDATE one_time_links SET expires_at = clock_timestamp()")
    found = staff.call("GET", f"/people/{person['id']}").json
    assert (found["state"], found["invited_until"]) == ("expired", None)
    world.run("UPDATE people SET password_hash = 'x' WHERE id = :id", id=person["id"])
    assert staff.call("GET", f"/people/{person['id']}").json["state"] == "active"
    assert flaws(staff.call("POST", f"/people/{person['id']}/invitation"))["person"]


@pytest.mark.parametrize(
    "email",
    [
        "a@b.co",
        "o'brien+mercado@sub.shop.example",
        "x_y-z%tag=1@shop.example",
        "1234567890@shop.example",
        "first.middle.last@a-b.example",
        "!#$%&'*+-/=?^_`{|}~@shop.example",
        "x" * 64 + "@shop.example",
        "x@" + ".".join(["d" * 60] * 4) + ".co",
        "x@xn--caf-dma.example",
    ],
)
def test_odd_but_valid_addresses_are_taken_and_fit_the_event(world: Any, staff: Any, email: str) -> None:
    assert invited(staff, email=email.upper())["email"] == email
    assert world.events("accounts.contact.changed.v1")[0]["email"] == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "lupe",
        "@shop.example",
        "lupe@",
        "lupe@localhost",
        "lupe@@shop.example",
        "lupe@shop..example",
        "lupe@.example",
        "lupe@-shop.example",
        "lupe@shop-.example",
        ".lupe@shop.example",
        "lupe.@shop.example",
        "lu..pe@shop.example",
        "lu pe@shop.example",
        "lupe@shop.example, x@y.example",
        "lupe@shop.example\nBcc: x@y.example",
        "Lupe <lupe@shop.example>",
        "lupé@shop.example",
        "lupe@tiendá.example",
        '"lupe"@shop.example',
        "lupe@[127.0.0.1]",
        "lupe@127.0.0.1",
        "lupe@shop.example\x00",
        "x" * 65 + "@shop.example",
        "x@" + ".".join(["d" * 62] * 4) + ".example",
        "x" * 100_000,
    ],
)
def test_what_no_mail_can_be_sent_to_is_refused(world: Any, staff: Any, email: str) -> None:
    assert list(flaws(invite(staff, email=email))) == ["email"]
    assert world.events() == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_kept_and_go_out_as_they_are(world: Any, staff: Any, text: str) -> None:
    person = invited(staff, name=text)
    assert person["name"] == text.replace("a\u0301", "á")
    assert world.events("accounts.contact.changed.v1")[0]["name"] == person["name"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        *(({"name": text}, "name") for text in NO_TEXT),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": ["Lupe"]}, "name"),
        ({"locale": "fr"}, "locale"),
        ({"locale": None}, "locale"),
        ({"role": "king"}, "role"),
        ({"store_ids": [str(uuid4())]}, "stores"),
        ({"store_ids": ["x"]}, "store_ids.0"),
        ({"store_ids": [str(uuid4()) for _ in range(51)]}, "store_ids"),
        ({"password": "chosen for you"}, "password"),
        ({"active": True}, "active"),
    ],
)
def test_what_makes_no_sense_is_named(world: Any, staff: Any, fields: dict[str, Any], wrong: str) -> None:
    assert list(flaws(invite(staff, **fields))) == [wrong]
    assert world.value("SELECT count(*) FROM people WHERE email = 'lupe@shop.example'") == 0


def test_an_address_belongs_to_one_person(world: Any, staff: Any) -> None:
    person = invited(staff)
    other = invited(staff, email="other@shop.example")
    assert flaws(invite(staff, email="LUPE@shop.example")) == {"email": "is taken"}
    assert flaws(change(staff, other["id"], email="lupe@shop.example")) == {"email": "is taken"}
    assert change(staff, person["id"], email="lupe@shop.example", name="Lu").status_code == 200


def test_two_invitations_of_one_address_at_once_make_one_person(world: Any, sign_in: Any) -> None:
    clients = [sign_in(world.person(Role.STAFF)) for _ in range(8)]
    answers = at_once(*(lambda c=client: invite(c) for client in clients))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 7}
    assert flaws(next(answer for answer in answers if answer.status_code == 422)) == {"email": "is taken"}
    assert len(world.events("accounts.invitation.issued.v1")) == 1


def test_an_address_taken_behind_the_back_of_the_check_is_refused_too(
    world: Any, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.adapters.directory import SqlDirectory  # noqa: PLC0415 - only here

    invited(staff)
    monkeypatch.setattr(SqlDirectory, "is_email_taken", lambda *_: False)
    assert flaws(invite(staff)) == {"email": "is taken"}


def test_who_was_demoted_while_waiting_changes_nothing(
    world: Any, sign_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.adapters.directory import SqlDirectory  # noqa: PLC0415 - only here

    actor = world.person(Role.STAFF)
    api, waiting = sign_in(actor), SqlDirectory.hold

    def demoted_meanwhile(self: Any) -> None:
        world.run("UPDATE people SET role = 'buyer' WHERE id = :id", id=actor.person_id)
        waiting(self)

    monkeypatch.setattr(SqlDirectory, "hold", demoted_meanwhile)
    assert invite(api).status_code == 403
    assert world.events() == []


def test_the_same_key_invites_once(world: Any, staff: Any) -> None:
    body = {"name": "Lupe", "email": "lupe@shop.example", "locale": "es"}
    answers = [staff.call("POST", "/people", body, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].text == answers[1].text
    path = f"/people/{answers[0].json['id']}/invitation"
    again = [staff.call("POST", path, Idempotency_Key="again") for _ in range(5)]
    assert {answer.status_code for answer in again} == {201}
    assert len(world.events("accounts.invitation.issued.v1")) == 2


def test_a_change_names_the_version_it_was_made_on(staff: Any) -> None:
    person = invited(staff)
    path = f"/people/{person['id']}"
    assert slug(staff.call("PATCH", path, {"name": "A"})) == "precondition-required"
    first = staff.call("PATCH", path, {"name": "A"}, If_Match='"1"')
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert staff.call("PATCH", path, {"name": "B"}, If_Match='"1"').status_code == 412
    assert staff.call("GET", path).json["name"] == "A"


def test_people_are_found_by_name_address_and_store(world: Any, staff: Any) -> None:
    store = world.store("Panadería Ñandú")
    invited(staff, name="Álvaro", email="alvaro@shop.example", store_ids=[store])
    invited(staff, name="Beto", email="beto@shop.example")
    gone = invited(staff, name="Chela", email="chela@shop.example")
    staff.call("DELETE", f"/people/{gone['id']}")

    def names(query: str) -> list[str]:
        seen, step = [], f"/people?{query}"
        while step:
            page = staff.call("GET", step).json
            seen += [one["name"] for one in page["items"]]
            step = page["next"] and page["next"].removeprefix("/api/v1")
        return seen

    assert names("role=buyer&limit=1") == ["Álvaro", "Beto", "Chela"]
    assert names("q=alvaro") == ["Álvaro"]
    assert names("q=BETO@") == ["Beto"]
    assert names("q=nandu") == ["Álvaro"]
    assert names(f"store_id={store}") == ["Álvaro"]
    assert names("state=deactivated") == ["Chela"]
    assert names("state=invited") == ["Álvaro", "Beto"]
    assert names("role=admin") == []
    for wrong in ("role=king", "state=asleep", "store_id=x", "cursor=x"):
        assert flaws(staff.call("GET", f"/people?{wrong}"))


def test_a_thousand_people_take_a_handful_of_statements(world: Any, staff: Any) -> None:
    world.run(
        "INSERT INTO people (id, email, name, locale, role) SELECT gen_random_uuid(), 'p' || n || '@shop.example',"
        " 'Person ' || n, 'es', 'buyer' FROM generate_series(1, 1000) n"
    )
    with counted() as seen:
        page = staff.call("GET", "/people?limit=1000").json
    assert (len(page["items"]), page["total"]) == (1_000, 1_001)
    assert len(seen) <= 4


def test_somebody_who_is_not_there_is_not_found(admin: Any) -> None:
    path = f"/people/{uuid4()}"
    assert admin.call("GET", path).status_code == 404
    assert admin.call("PATCH", path, {"name": "A"}, If_Match='"1"').status_code == 404
    assert admin.call("DELETE", path).status_code == 404
    assert admin.call("POST", f"{path}/invitation").status_code == 404


def test_an_old_odd_address_does_not_keep_anyone_from_being_deactivated(world: Any, admin: Any) -> None:
    buyer, _ = world.buyer()
    world.run("UPDATE people SET email = 'odd@localhost' WHERE id = :id", id=buyer.person_id)
    assert admin.call("DELETE", f"/people/{buyer.person_id}").status_code == 204
