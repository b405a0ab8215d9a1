"""Passwords forgotten, chosen by a link, changed: what works afterwards and what does not."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from orders.application.accounts import TokenWish
from orders.application.commands import Client
from orders.application.one_time_links import Purpose, issue
from orders.application.password_changes import PasswordChanges
from orders.domain import errors
from orders.domain.account_errors import LinkOver
from orders.domain.people import Role
from tests.conftest import PASSWORD
from tests.integration.test_ordering import slug

HERE, ELSEWHERE = Client("203.0.113.7"), Client("203.0.113.8")
NEW = "aguacates a diez pesos"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def mailed(world: Any) -> list[str]:
    """Return the secrets of the links that were given to notify, oldest first."""
    events = [event for event in world.events() if "link" in event]
    return [event["link"].rsplit("/", 1)[1] for event in events]


@pytest.fixture
def link(world: Any, transactions: Any) -> Callable[..., str]:
    def make(person_id: str, purpose: Purpose = Purpose.PASSWORD_RESET) -> str:
        transactions.run(lambda work: issue(work, person_id, purpose, "http://localhost"))
        return mailed(world)[-1]

    return make


def signs_in(container: Any, email: str, password: str) -> bool:
    try:
        container.accounts.sign_in(email, password, ELSEWHERE)
    except errors.WrongCredentials:
        return False
    return True


def test_who_forgot_gets_a_link_by_mail_and_nobody_else_anything(world: Any, container: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    container.own.passwords.ask(f"  {email.upper()} ", HERE)
    container.own.passwords.ask("nobody@test.example", HERE)
    [event] = world.events()
    assert event["type"] == "accounts.password_reset.requested.v1"
    assert event["person_id"] == buyer.person_id
    assert event["link"].startswith("http://localhost/reset/")
    ends = datetime.fromisoformat(event["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ends <= timedelta(hours=1)
    assert email not in str(event)


def test_only_a_hash_of_the_links_secret_is_stored(world: Any, container: Any) -> None:
    buyer, _ = world.buyer()
    container.own.passwords.ask(world.emails[buyer.person_id], HERE)
    assert mailed(world)[0] not in str(world.rows("SELECT to_jsonb(l) FROM one_time_links l"))
    assert len(mailed(world)[0]) >= 43  # 256 bits


@pytest.mark.parametrize("email", ["", "\x00", "x" * 100_000, "' OR 1=1 --", "\ud800@test.example", "\u202e@x"])
def test_strange_addresses_are_only_unknown(world: Any, container: Any, email: str) -> None:
    container.own.passwords.ask(email, HERE)
    assert world.events() == []


def test_a_person_gets_three_mails_an_hour_even_in_a_burst(world: Any, container: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    askings = [
        threading.Thread(target=lambda n=n: container.own.passwords.ask(email, Client(f"203.0.113.{n}")))
        for n in range(8)
    ]
    [one.start() for one in askings]
    [one.join() for one in askings]
    assert len(mailed(world)) == 3
    world.run("UPDATE one_time_links SET created_at = created_at - interval '1 hour'")
    container.own.passwords.ask(email, HERE)
    assert len(mailed(world)) == 4


def test_an_address_that_asks_for_many_is_stopped_whether_they_exist_or_not(
    world: Any, transactions: Any, container: Any
) -> None:
    made = container.own.passwords
    strict = PasswordChanges(
        transactions, made._passwords, made._check, public_url="http://x", hub_name="x", askings_per_address=3
    )
    buyer, _ = world.buyer()
    for number in range(3):
        strict.ask(f"guess{number}@test.example", HERE)
    for email in (world.emails[buyer.person_id], "nobody@test.example"):
        with pytest.raises(errors.TooManyAttempts):
            strict.ask(email, HERE)
    strict.ask(world.emails[buyer.person_id], ELSEWHERE)
    assert len(mailed(world)) == 1


def test_asking_for_links_does_not_count_as_failing_to_sign_in(world: Any, container: Any) -> None:
    for _ in range(5):
        container.own.passwords.ask("nobody@test.example", HERE)
    count = "SELECT count(*) FROM sign_in_failures WHERE address = :address"
    assert world.value(count, address=HERE.address) == 0


def test_the_link_sets_the_password_once(world: Any, container: Any, link: Any) -> None:
    buyer, _ = world.buyer()
    email, secret = world.emails[buyer.person_id], link(buyer.person_id)
    for _ in range(3):  # a mail program that looks first uses nothing up
        assert container.own.passwords.opened_by(secret, Purpose.PASSWORD_RESET).email == email
    container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, NEW)
    assert signs_in(container, email, NEW)
    assert not signs_in(container, email, PASSWORD)
    with pytest.raises(LinkOver):
        container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, "something else entirely")
    with pytest.raises(LinkOver):
        container.own.passwords.opened_by(secret, Purpose.PASSWORD_RESET)
    assert signs_in(container, email, NEW)


def test_of_two_who_use_one_link_at_once_one_wins(world: Any, container: Any, link: Any) -> None:
    buyer, _ = world.buyer()
    secret, won = link(buyer.person_id), []

    def choose(password: str) -> None:
        try:
            container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, password)
            won.append(password)
        except LinkOver:
            pass

    threads = [threading.Thread(target=choose, args=(f"password of thread {n}",)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(won) == 1
    assert signs_in(container, world.emails[buyer.person_id], won[0])


def test_a_weak_password_is_refused_and_leaves_the_link_good(world: Any, container: Any, link: Any) -> None:
    buyer, _ = world.buyer()
    secret = link(buyer.person_id)
    for weak in ("short", "password1234", world.emails[buyer.person_id], "Mercadito2026"):
        with pytest.raises(errors.Invalid):
            container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, weak)
    container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, NEW)


@pytest.mark.parametrize("secret", ["", "x", "x" * 43, "x" * 100_000, "\ud800", "../..", "\x00"])
def test_what_is_no_link_opens_nothing(world: Any, container: Any, secret: str) -> None:
    with pytest.raises(LinkOver):
        container.own.passwords.opened_by(secret, Purpose.PASSWORD_RESET)


def test_links_end_by_time_by_a_newer_one_by_use_and_with_the_person(world: Any, container: Any, link: Any) -> None:
    buyer, _ = world.buyer()
    passwords = container.own.passwords
    older, newer = link(buyer.person_id), link(buyer.person_id)
    invitation = link(buyer.person_id, Purpose.INVITATION)
    with pytest.raises(LinkOver):
        passwords.opened_by(older, Purpose.PASSWORD_RESET)
    with pytest.raises(LinkOver):  # a reset is not an invitation
        passwords.opened_by(newer, Purpose.INVITATION)
    world.run("UPDATE people SET active = false")
    with pytest.raises(LinkOver):
        passwords.choose(newer, Purpose.PASSWORD_RESET, NEW)
    world.run("UPDATE people SET active = true")
    passwords.choose(newer, Purpose.PASSWORD_RESET, NEW)
    with pytest.raises(LinkOver):  # the door it would open was opened another way
        passwords.opened_by(invitation, Purpose.INVITATION)
    late = link(buyer.person_id)
    world.run("UPDATE one_time_links SET expires_at = clock_timestamp()")
    with pytest.raises(LinkOver):
        passwords.choose(late, Purpose.PASSWORD_RESET, NEW)


def test_nobody_who_was_deactivated_gets_a_link(world: Any, container: Any) -> None:
    buyer, _ = world.buyer()
    world.run("UPDATE people SET active = false")
    container.own.passwords.ask(world.emails[buyer.person_id], HERE)
    assert world.events() == []


def test_after_a_reset_everything_ends_here_and_elsewhere_and_the_owner_is_told(
    world: Any, container: Any, link: Any, sign_in: Any, app: Any
) -> None:
    buyer, _ = world.buyer()
    api, session = sign_in(buyer), container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    made_token = str(world.value("SELECT id FROM api_tokens"))
    other = sign_in(world.buyer()[0])
    container.own.passwords.choose(link(buyer.person_id), Purpose.PASSWORD_RESET, NEW)
    assert api.call("GET", "/me").status_code == 401
    with pytest.raises(errors.Unauthenticated):
        container.accounts.identify_session(session.secret)
    assert other.call("GET", "/me").status_code == 200
    changed, of_session, of_token, out = world.events()[-4:]
    assert (changed["type"], changed["person_id"]) == ("accounts.password.changed.v1", buyer.person_id)
    assert {one["type"] for one in (of_session, of_token, out)} == {"orders.person.signed_out.v1"}
    assert set(out) == {"type", "person_id", "until"}
    # By name, too: a renewal that was under way signs later than "everything until now".
    assert (of_session["session_id"], of_token["token_id"]) == (session.id, made_token)
    assert datetime.fromisoformat(out["until"]) - datetime.now(UTC) > timedelta(days=29, hours=23)
    assert world.value("SELECT action FROM audit") == "password_by_password_reset"


def test_a_token_that_a_session_was_about_to_make_is_not_made_once_the_session_is_over(
    world: Any, container: Any, link: Any
) -> None:
    staff = world.person(Role.STAFF)
    ways = (
        lambda _: container.own.passwords.choose(link(staff.person_id), Purpose.PASSWORD_RESET, PASSWORD),
        lambda mine: container.own.access.end_session(mine, mine.session_id),
        lambda _: world.run("UPDATE people SET active = false"),
    )
    for end in ways:
        session = container.accounts.sign_in(world.emails[staff.person_id], PASSWORD, HERE)
        stolen = container.accounts.identify_session(session.secret)
        end(stolen)
        with pytest.raises(errors.Unauthenticated):
            container.accounts.add_token(stolen, TokenWish("harvest"))
    assert world.value("SELECT count(*) FROM api_tokens") == 0


def test_a_sign_in_with_the_old_password_that_is_under_way_opens_nothing(
    world: Any, container: Any, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, _ = world.buyer()
    secret, checked = link(buyer.person_id), container.accounts._check.check

    def slow_check(*arguments: Any) -> Any:
        found = checked(*arguments)
        container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, NEW)
        return found

    monkeypatch.setattr(container.accounts._check, "check", slow_check)
    with pytest.raises(errors.WrongCredentials):
        container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    assert world.value("SELECT count(*) FROM sessions") == 0


def test_an_old_hash_that_is_renewed_does_not_bring_the_old_password_back(
    world: Any, container: Any, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, _ = world.buyer()
    secret, passwords = link(buyer.person_id), container.accounts._passwords

    def outdated_and_changed_meanwhile(_hash: str) -> bool:
        container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, NEW)
        return True

    monkeypatch.setattr(passwords, "outdated", outdated_and_changed_meanwhile)
    with pytest.raises(errors.WrongCredentials):
        container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    monkeypatch.undo()
    assert signs_in(container, world.emails[buyer.person_id], NEW)
    assert not signs_in(container, world.emails[buyer.person_id], PASSWORD)


def test_an_invited_person_has_no_password_until_one_is_chosen(world: Any, container: Any, link: Any) -> None:
    buyer, _ = world.buyer()
    email = world.emails[buyer.person_id]
    world.run("UPDATE people SET password_hash = NULL")
    for guess in ("", PASSWORD, "None"):
        assert not signs_in(container, email, guess)
    container.own.passwords.choose(link(buyer.person_id, Purpose.INVITATION), Purpose.INVITATION, NEW)
    assert signs_in(container, email, NEW)


def test_changing_the_password_by_api_ends_the_other_sessions_and_keeps_tokens(
    world: Any, container: Any, sign_in: Any
) -> None:
    buyer, _ = world.buyer()
    email, api = world.emails[buyer.person_id], sign_in(buyer)
    session = container.accounts.sign_in(email, PASSWORD, HERE)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert api.call("PUT", "/me/password", body).status_code == 204
    assert api.call("GET", "/me").status_code == 200
    with pytest.raises(errors.Unauthenticated):
        container.accounts.identify_session(session.secret)
    assert signs_in(container, email, NEW)
    [out] = world.events("orders.person.signed_out.v1")
    assert out["session_id"] == session.id
    assert len(world.events("accounts.password.changed.v1")) == 1
    assert world.value("SELECT action FROM audit") == "password_changed"


def test_a_session_that_changes_the_password_goes_on(world: Any, container: Any, app: Any) -> None:
    buyer, _ = world.buyer()
    mine, others = (container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE) for _ in range(2))
    client = app.test_client()
    client.set_cookie("mercadito_session", mine.secret)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert client.put("/api/v1/me/password", json=body, headers=SAME_ORIGIN).status_code == 204
    assert client.get("/api/v1/me").status_code == 200
    assert [event["session_id"] for event in world.events("orders.person.signed_out.v1")] == [others.id]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"current_password": "wrong", "new_password": NEW}, "current_password"),
        ({"current_password": PASSWORD, "new_password": "short"}, "new_password"),
        ({"current_password": PASSWORD, "new_password": "x" * 20_000}, "new_password"),
        ({"current_password": PASSWORD}, "new_password"),
        ({"current_password": PASSWORD, "new_password": NEW, "more": 1}, "more"),
        ({"current_password": 7, "new_password": NEW}, "current_password"),
    ],
)
def test_a_change_that_makes_no_sense_names_its_field(world: Any, sign_in: Any, body: Any, field: str) -> None:
    answer = sign_in(world.buyer()[0]).call("PUT", "/me/password", body)
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert world.events("accounts.password.changed.v1") == []


def test_guessing_the_current_password_is_throttled(world: Any, sign_in: Any, engine: Engine, container: Any) -> None:
    buyer, _ = world.buyer()
    api, email = sign_in(buyer), world.emails[buyer.person_id]
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sign_in_failures (account_hash, address) SELECT sha256(CAST(:email AS bytea)), '127.0.0.1'"
                " FROM generate_series(1, 50)"
            ),
            {"email": email.encode()},
        )
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert api.call("PUT", "/me/password", body).status_code == 429
    assert signs_in(container, email, PASSWORD)  # elsewhere


def test_sessions_that_nothing_signed_by_can_live_any_more_are_ended_without_news(world: Any, container: Any) -> None:
    staff = world.person(Role.STAFF)
    for _ in range(3):
        container.accounts.sign_in(world.emails[staff.person_id], PASSWORD, HERE)
    world.run("UPDATE sessions SET used_at = used_at - interval '1 hour'")
    mine = container.accounts.identify_session(
        container.accounts.sign_in(world.emails[staff.person_id], PASSWORD, HERE).secret
    )
    assert container.own.access.end_other_sessions(mine) == 3
    assert world.events("orders.person.signed_out.v1") == []
    assert world.value("SELECT count(*) FROM sessions") == 1
