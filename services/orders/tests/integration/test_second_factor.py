"""The second factor: on, asked for, off, lost."""

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from orders.adapters.totp import STEP_S, Totp
from orders.adapters.transactions import SqlUnitOfWork
from orders.application.accounts import Accounts
from orders.application.commands import Client
from orders.application.password_check import Limits
from orders.application.second_factors import RECOVERY_CODES
from orders.domain import errors
from orders.domain.account_errors import NotEnrolled, OtpRequired, WrongCode, WrongPassword
from orders.domain.people import Actor, Role
from tests.conftest import PASSWORD, Api
from tests.integration.test_ordering import slug

HERE, ELSEWHERE = Client("203.0.113.7"), Client("203.0.113.8")


# The middle of a step, so that no step ends between making a code and judging it.
STEP = int(datetime.now(UTC).timestamp()) // STEP_S
NOW = datetime.fromtimestamp(STEP * STEP_S + STEP_S / 2, UTC)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlUnitOfWork, "now", lambda _: NOW)


class Phone:
    """An authenticator app, whose owner can wait for a code that was not used yet."""

    def __init__(self, world: Any, secret: str) -> None:
        self._world = world
        self._totp = pyotp.TOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        return str(self._totp.generate_otp(STEP + steps))

    def forget_use(self) -> None:
        self._world.run("UPDATE second_factors SET last_step = 0")


@pytest.fixture
def enrol(world: Any, container: Any) -> Callable[[Actor], tuple[Phone, tuple[str, ...]]]:
    def make(actor: Actor) -> tuple[Phone, tuple[str, ...]]:
        caller = caller_of(world, container, actor)
        container.own.second_factor.begin(caller)
        phone = Phone(world, container.own.second_factor.enrolment(caller).secret)
        codes = container.own.second_factor.confirm(caller, phone.code(), HERE)
        phone.forget_use()
        return phone, codes

    return make


def caller_of(world: Any, container: Any, actor: Actor) -> Any:
    session = container.accounts.sign_in(world.emails[actor.person_id], PASSWORD, HERE)
    return container.accounts.identify_session(session.secret)


def asked(container: Any, email: str) -> OtpRequired:
    with pytest.raises(OtpRequired) as asked_for:
        container.accounts.sign_in(email, PASSWORD, HERE)
    return asked_for.value


def sign_in(container: Any, email: str, code: str, client: Client = HERE) -> Any:
    note = asked(container, email)
    session = container.accounts.sign_in_with_code(note.person_id, note.stamp, code, client)
    return container.accounts.identify_session(session.secret)


def test_it_is_on_only_after_a_right_code(world: Any, container: Any) -> None:
    staff = world.person(Role.STAFF)
    caller, factor = caller_of(world, container, staff), container.own.second_factor
    factor.begin(caller)
    phone = Phone(world, factor.enrolment(caller).secret)
    for wrong in ("000000" if phone.code() != "000000" else "111111", "", "abc", "1" * 1_000, "\x00", "١٢٣٤٥٦"):
        with pytest.raises(WrongCode):
            factor.confirm(caller, wrong, HERE)
    caller_of(world, container, staff)  # by password alone
    codes = factor.confirm(caller, f" {phone.code()[:3]} {phone.code()[3:]} ", HERE)
    assert len(set(codes)) == RECOVERY_CODES
    assert factor.enrolment(caller) is None
    assert (factor.state(caller).since is not None, factor.state(caller).recovery_codes_left) == (True, 10)
    asked(container, world.emails[staff.person_id])
    assert world.rows("SELECT action, person_id::text FROM audit")[-1] == ("second_factor_on", staff.person_id)


def test_a_buyer_is_not_offered_one(world: Any, container: Any) -> None:
    caller = caller_of(world, container, world.buyer()[0])
    for call in (lambda: container.own.second_factor.begin(caller),
                 lambda: container.own.second_factor.confirm(caller, "123456", HERE)):  # fmt: skip
        with pytest.raises(errors.Forbidden):
            call()


def test_one_that_is_on_can_not_be_replaced_without_being_switched_off(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    caller = caller_of(world, container, staff)
    phone, _ = enrol(staff)
    container.own.second_factor.begin(caller)
    assert container.own.second_factor.enrolment(caller) is None
    assert sign_in(container, world.emails[staff.person_id], phone.code()).actor.person_id == staff.person_id


def test_signing_in_takes_password_and_code_and_each_code_once(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    email = world.emails[staff.person_id]
    phone, _ = enrol(staff)
    code = phone.code()
    sign_in(container, email, code)
    with pytest.raises(WrongCode):
        sign_in(container, email, code)
    with pytest.raises(WrongCode):  # nor an earlier one, once a later one was used
        sign_in(container, email, phone.code(steps=-1))
    sign_in(container, email, phone.code(steps=1))


@pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_a_step(world: Any, container: Any, enrol: Any, steps: int, works: bool) -> None:
    staff = world.person(Role.STAFF)
    phone, _ = enrol(staff)
    code = phone.code(steps=steps)
    if works:
        sign_in(container, world.emails[staff.person_id], code)
    else:
        with pytest.raises(WrongCode):
            sign_in(container, world.emails[staff.person_id], code)


def test_a_code_sent_many_times_at_once_opens_one_session(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    phone, _ = enrol(staff)
    note, code, opened = asked(container, world.emails[staff.person_id]), phone.code(), []

    def go() -> None:
        with contextlib.suppress(WrongCode):
            opened.append(container.accounts.sign_in_with_code(note.person_id, note.stamp, code, HERE))

    threads = [threading.Thread(target=go) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(opened) == 1


def test_a_recovery_code_works_once_however_it_is_typed(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    email = world.emails[staff.person_id]
    _, codes = enrol(staff)
    caller = sign_in(container, email, f" {codes[0].upper().replace('-', ' ')}")
    assert container.own.second_factor.state(caller).recovery_codes_left == RECOVERY_CODES - 1
    with pytest.raises(WrongCode):
        sign_in(container, email, codes[0])
    sign_in(container, email, codes[1])


def test_neither_secret_nor_recovery_codes_can_be_read_in_the_database(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    phone, codes = enrol(staff)
    stored = str(world.rows("SELECT to_jsonb(f) FROM second_factors f"))
    sealed = bytes(world.value("SELECT secret FROM second_factors"))
    secret = phone._totp.secret
    assert secret not in stored
    assert secret.encode() not in sealed
    kept = str(world.rows("SELECT to_jsonb(c) FROM recovery_codes c"))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_a_secret_is_sealed_for_one_person_and_one_key() -> None:
    sealed = Totp("x" * 32).seal("person-1", "BASE32SECRET")
    assert Totp("x" * 32).unseal("person-1", sealed) == "BASE32SECRET"
    assert Totp("y" * 32).unseal("person-1", sealed) is None
    assert Totp("x" * 32).unseal("person-2", sealed) is None
    for broken in (b"", b"\x01", sealed[:-1], b"\x02" + sealed[1:]):
        assert Totp("x" * 32).unseal("person-1", broken) is None


def test_after_a_new_session_secret_a_recovery_code_still_opens(
    world: Any, container: Any, transactions: Any, enrol: Any
) -> None:
    staff = world.person(Role.STAFF)
    phone, codes = enrol(staff)
    made = container.accounts
    moved = Accounts(transactions, made._passwords, made._signer, Limits(), Totp("another secret of 24+ characters"))
    note = asked(container, world.emails[staff.person_id])
    with pytest.raises(WrongCode):
        moved.sign_in_with_code(note.person_id, note.stamp, phone.code(), HERE)
    assert moved.sign_in_with_code(note.person_id, note.stamp, codes[0], HERE).person_id == staff.person_id


def test_wrong_codes_are_throttled_and_the_owner_elsewhere_is_not(
    world: Any, container: Any, transactions: Any, enrol: Any
) -> None:
    staff = world.person(Role.STAFF)
    email, made = world.emails[staff.person_id], container.accounts
    phone, _ = enrol(staff)
    strict = Accounts(
        transactions, made._passwords, made._signer, Limits(failures_per_account_and_address=3), made._codes
    )
    note, heard = asked(container, email), []

    def guess(number: int) -> None:
        try:
            strict.sign_in_with_code(note.person_id, note.stamp, f"guess {number}", ELSEWHERE)
        except errors.Refused as refused:
            heard.append(type(refused))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (heard.count(WrongCode), heard.count(errors.TooManyAttempts)) == (3, 7)
    with pytest.raises(errors.TooManyAttempts):
        strict.sign_in_with_code(note.person_id, note.stamp, phone.code(), ELSEWHERE)
    assert strict.sign_in_with_code(note.person_id, note.stamp, phone.code(), HERE).person_id == staff.person_id


def test_the_second_step_dies_with_the_password_and_opens_nothing_for_another(
    world: Any, container: Any, enrol: Any
) -> None:
    staff, other = world.person(Role.STAFF), world.person(Role.STAFF)
    phone, _ = enrol(staff)
    other_phone, _ = enrol(other)
    note = asked(container, world.emails[staff.person_id])
    for person_id, stamp in ((note.person_id, "x"), (other.person_id, note.stamp), ("x", note.stamp), ("", "")):
        with pytest.raises(errors.WrongCredentials):
            container.accounts.sign_in_with_code(person_id, stamp, other_phone.code(), HERE)
    fresh = container.accounts._passwords.hash("aguacates a diez pesos")
    world.run("UPDATE people SET password_hash = :h WHERE id = CAST(:id AS uuid)", h=fresh, id=staff.person_id)
    with pytest.raises(errors.WrongCredentials):
        container.accounts.sign_in_with_code(note.person_id, note.stamp, phone.code(), HERE)


def test_a_token_by_api_needs_the_code_as_well(world: Any, nobody: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    auth = (world.emails[staff.person_id], PASSWORD)
    phone, codes = enrol(staff)
    for headers in ({}, {"X-OTP": "000000x"}, {"X-OTP": ""}, {"X-OTP": "x" * 5_000}):
        answer = nobody.client.post("/api/v1/tokens", auth=auth, headers=headers)
        assert (answer.status_code, slug(answer)) == (401, "otp-required")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    code = phone.code()
    assert nobody.client.post("/api/v1/tokens", auth=auth, headers={"X-OTP": code}).status_code == 201
    assert nobody.client.post("/api/v1/tokens", auth=auth, headers={"X-OTP": code}).status_code == 401
    assert nobody.client.post("/api/v1/tokens", auth=auth, headers={"X-OTP": codes[0]}).status_code == 201
    wrong = nobody.client.post("/api/v1/tokens", auth=(auth[0], "wrong"), headers={"X-OTP": codes[1]})
    assert (wrong.status_code, slug(wrong)) == (401, "unauthenticated")
    assert world.value("SELECT count(*) FROM api_tokens") == 2


def test_a_password_reset_does_not_get_around_it(world: Any, container: Any, transactions: Any, enrol: Any) -> None:
    from orders.application.one_time_links import Purpose, issue  # noqa: PLC0415 - only here

    staff = world.person(Role.STAFF)
    enrol(staff)
    transactions.run(lambda work: issue(work, staff.person_id, Purpose.PASSWORD_RESET, "http://localhost"))
    secret = world.events("accounts.password_reset.requested.v1")[0]["link"].rsplit("/", 1)[1]
    container.own.passwords.choose(secret, Purpose.PASSWORD_RESET, "aguacates a diez pesos")
    with pytest.raises(OtpRequired):
        container.accounts.sign_in(world.emails[staff.person_id], "aguacates a diez pesos", HERE)


def test_switching_off_takes_password_and_code(world: Any, container: Any, enrol: Any) -> None:
    staff = world.person(Role.STAFF)
    caller, factor = caller_of(world, container, staff), container.own.second_factor
    phone, _ = enrol(staff)
    with pytest.raises(WrongPassword):
        factor.switch_off(caller, "wrong", phone.code(), HERE)
    with pytest.raises(WrongCode):
        factor.switch_off(caller, PASSWORD, "000000x", HERE)
    factor.switch_off(caller, PASSWORD, phone.code(), HERE)
    with pytest.raises(NotEnrolled):
        factor.switch_off(caller, PASSWORD, phone.code(), HERE)
    caller_of(world, container, staff)
    assert world.value("SELECT count(*) FROM recovery_codes") == 0
    assert world.rows("SELECT action FROM audit ORDER BY id DESC LIMIT 1")[0].action == "second_factor_off"


def test_an_admin_takes_away_a_lost_one_and_that_is_in_the_trail(
    world: Any, container: Any, enrol: Any, sign_in: Callable[[Actor], Api]
) -> None:
    staff, admin = world.person(Role.STAFF), world.person(Role.ADMIN)
    enrol(staff)
    api, path = sign_in(admin), f"/people/{staff.person_id}/second-factor"
    assert api.call("DELETE", path).status_code == 204
    assert api.call("DELETE", path).status_code == 204
    caller_of(world, container, staff)
    trail = world.rows("SELECT action, entity_id::text, person_id::text FROM audit WHERE action LIKE '%reset'")
    assert trail == [("second_factor_reset", staff.person_id, admin.person_id)]


def test_nobody_but_an_admin_may_and_an_admin_not_for_the_own_one(
    world: Any, container: Any, enrol: Any, sign_in: Callable[[Actor], Api]
) -> None:
    staff, admin = world.person(Role.STAFF), world.person(Role.ADMIN)
    buyer, _ = world.buyer()
    apis = [sign_in(actor) for actor in (buyer, world.person(Role.STAFF), admin)]
    enrol(staff)
    enrol(admin)
    for api in apis[:2]:
        assert api.call("DELETE", f"/people/{staff.person_id}/second-factor").status_code == 403
    assert apis[2].call("DELETE", f"/people/{admin.person_id}/second-factor").status_code == 403
    assert apis[2].call("DELETE", "/people/00000000-0000-0000-0000-000000000000/second-factor").status_code == 404
    assert world.value("SELECT count(*) FROM second_factors") == 2


def test_codes_are_those_that_every_authenticator_app_makes() -> None:
    # RFC 6238, appendix B, the SHA-1 rows, cut to six figures.
    totp, secret = Totp("x" * 32), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for second, code in ((59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")):
        assert totp.is_code(secret, code, totp.step_at(datetime.fromtimestamp(second, UTC)))
    address = totp.address(secret, "rosa@tienda.example", "Mercadito & Söhne")
    assert address.startswith("otpauth://totp/Mercadito%20%26%20S%C3%B6hne:rosa%40tienda.example?secret=")
