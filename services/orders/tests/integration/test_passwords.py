"""Passwords: how they are kept, checked and guessed at."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from orders.adapters.passwords import MEMORY_KIB, Argon2Passwords
from orders.adapters.signing import KeyFileSigner
from orders.application.accounts import Accounts
from orders.application.commands import Client
from orders.application.password_check import Limits
from orders.domain import errors
from tests.conftest import PASSWORD
from tests.integration.test_ordering import slug

HERE = Client("203.0.113.7")


@pytest.fixture(scope="session")
def password_hash() -> str:
    return Argon2Passwords().hash(PASSWORD)


@pytest.fixture
def desk(transactions: Any, container: Any) -> Callable[..., Accounts]:
    def make(**limits: int) -> Accounts:
        made = container.accounts
        return Accounts(transactions, Argon2Passwords(), made._signer, Limits(**limits), made._codes)

    return make


def test_an_unknown_account_and_a_wrong_password_answer_alike(world: Any, nobody: Any) -> None:
    buyer, _ = world.buyer()
    answers = [
        nobody.client.post("/api/v1/tokens", auth=auth)
        for auth in [(world.emails[buyer.person_id], "wrong"), ("nobody@test.example", "wrong")]
    ]
    bodies = [{**answer.json, "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    headers = [{**answer.headers, "X-Request-Id": ""} for answer in answers]
    assert headers[0] == headers[1]


def test_an_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    passwords = Argon2Passwords()
    stored = passwords.hash("right")

    def took(known: str | None) -> float:
        began = time.perf_counter()
        assert not passwords.matches(known, "wrong")
        return time.perf_counter() - began

    # By turns: whatever else the machine does then slows both down.
    both = [(took(None), took(stored)) for _ in range(9)]
    unknown, wrong = (min(each) for each in zip(*both, strict=True))
    assert 0.5 < unknown / wrong < 2


def test_passwords_are_hashed_by_argon2id_with_enough_memory() -> None:
    stored = Argon2Passwords().hash("Contraseña larga y fácil")
    assert stored.startswith("$argon2id$")
    assert f"m={MEMORY_KIB}" in stored
    assert MEMORY_KIB >= 19 * 1024
    assert not Argon2Passwords().outdated(stored)


@pytest.mark.parametrize("password", ["p" * 65, "ñandú 🥑" * 20, "with:colon"])
def test_long_and_foreign_passwords_work(world: Any, nobody: Any, password: str) -> None:
    buyer, _ = world.buyer()
    world.run("UPDATE people SET password_hash = :hash", hash=Argon2Passwords().hash(password))
    assert nobody.client.post("/api/v1/tokens", auth=(world.emails[buyer.person_id], password)).status_code == 201


@pytest.mark.parametrize("email", ["\x00", "a\x00b@test.example", "x" * 5_000, "' OR 1=1 --", "", "é@test.example"])
def test_strange_accounts_are_only_unknown(nobody: Any, email: str, world: Any) -> None:
    answer = nobody.client.post("/api/v1/tokens", auth=(email, "x"))
    assert (answer.status_code, slug(answer)) == (401, "unauthenticated")


def test_a_hash_with_old_parameters_is_renewed_at_sign_in(world: Any, desk: Any) -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only here

    buyer, _ = world.buyer()
    world.run("UPDATE people SET password_hash = :h", h=PasswordHasher(time_cost=1, memory_cost=64).hash("old one"))
    desk().sign_in(world.emails[buyer.person_id], "old one", HERE)
    assert f"m={MEMORY_KIB}" in world.value("SELECT password_hash FROM people")
    desk().sign_in(world.emails[buyer.person_id], "old one", HERE)


def test_failures_are_throttled_per_account_and_address(world: Any, desk: Any) -> None:
    (buyer, _), (other, _) = world.buyer(), world.buyer()
    email, made = world.emails[buyer.person_id], desk(failures_per_account_and_address=3)
    for _ in range(3):
        with pytest.raises(errors.WrongCredentials):
            made.sign_in(email, "wrong", HERE)
    with pytest.raises(errors.TooManyAttempts) as refused:
        made.sign_in(email.upper(), PASSWORD, HERE)
    assert refused.value.retry_after_s > 0
    made.sign_in(email, PASSWORD, Client("203.0.113.8"))  # the owner elsewhere is not locked out
    made.sign_in(world.emails[other.person_id], PASSWORD, HERE)
    world.run("UPDATE sign_in_failures SET at = at - interval '15 minutes'")
    made.sign_in(email, PASSWORD, HERE)


def test_an_address_that_tries_many_accounts_is_throttled(world: Any, desk: Any) -> None:
    made = desk(failures_per_address=4)
    for number in range(4):
        with pytest.raises(errors.WrongCredentials):
            made.sign_in(f"guess{number}@test.example", "wrong", HERE)
    with pytest.raises(errors.TooManyAttempts):
        made.sign_in("guess5@test.example", "wrong", HERE)


def test_correct_passwords_never_count(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    made = desk(failures_per_account_and_address=1, failures_per_address=1)
    for _ in range(5):
        made.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    assert world.value("SELECT count(*) FROM sign_in_failures") == 0


def test_the_throttle_believes_the_gateways_header_only(world: Any, nobody: Any) -> None:
    for number in range(3):
        headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": "203.0.113.9"}
        nobody.client.post("/api/v1/tokens", auth=("a@test.example", "x"), headers=headers)
    assert world.rows("SELECT DISTINCT address FROM sign_in_failures")[0].address == "203.0.113.9"
    nobody.client.post("/api/v1/tokens", auth=("a@test.example", "x"), headers={"X-Real-IP": "not an address"})
    assert world.value("SELECT count(*) FROM sign_in_failures WHERE address = '127.0.0.1'") == 1


def test_the_throttle_counts_a_network_of_ipv6_as_one(world: Any, nobody: Any) -> None:
    """Whoever rents one server has a /64: an address for each guess."""
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "::ffff:203.0.113.9"):
        nobody.client.post("/api/v1/tokens", auth=("a@test.example", "x"), headers={"X-Real-IP": address})
    counted = world.rows("SELECT address, count(*) AS tries FROM sign_in_failures GROUP BY address ORDER BY address")
    assert [(row.address, row.tries) for row in counted] == [
        ("2001:db8:1:2::/64", 2),
        ("2001:db8:1:3::/64", 1),
        ("203.0.113.9", 1),
    ]


def test_a_person_may_hold_so_many_tokens_and_no_more_even_at_once(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    made, got = desk(tokens_per_person=3), []

    def issue() -> None:
        try:
            got.append(made.issue_token(world.emails[buyer.person_id], PASSWORD, HERE))
        except errors.TooManyTokens:
            got.append(None)

    threads = [threading.Thread(target=issue) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(one is not None for one in got) == 3
    world.run("UPDATE api_tokens SET expires_at = clock_timestamp()")
    made.issue_token(world.emails[buyer.person_id], PASSWORD, HERE)


def test_a_token_that_can_not_be_signed_is_not_kept(
    world: Any, transactions: Any, container: Any, tmp_path: Any
) -> None:
    buyer, _ = world.buyer()
    unsigned = KeyFileSigner(tmp_path / "none", tmp_path / "none.json")
    made = Accounts(transactions, container.accounts._passwords, unsigned, Limits(), container.accounts._codes)
    with pytest.raises(errors.Unavailable) as refused:
        made.issue_token(world.emails[buyer.person_id], PASSWORD, HERE)
    assert refused.value.not_processed
    assert world.value("SELECT count(*) FROM api_tokens") == 0
