"""Guessing is slow for whoever guesses, and for nobody else."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from orders.adapters.passwords import AT_ONCE, Argon2Passwords
from orders.application.accounts import Accounts
from orders.application.commands import Client
from orders.application.password_check import Limits
from orders.domain import errors
from tests.conftest import PASSWORD

ATTACKER, VICTIM = Client("198.51.100.66"), Client("203.0.113.7")


@pytest.fixture(scope="session")
def password_hash() -> str:
    """A hash like those of production: it is about turns, and they must take their time."""
    return Argon2Passwords().hash(PASSWORD)


@pytest.fixture
def desk(transactions: Any, container: Any) -> Callable[..., Accounts]:
    def make(**limits: int) -> Accounts:
        made = container.accounts
        return Accounts(transactions, Argon2Passwords(), made._signer, Limits(**limits), made._codes)

    return make


def outcome(desk: Accounts, email: str, password: str, client: Client) -> str:
    try:
        desk.sign_in(email, password, client)
    except errors.Refused as refused:
        return type(refused).__name__
    return "in"


def burst(desk: Accounts, tries: list[tuple[str, str, Client]]) -> list[str]:
    """Try all at once; return the outcomes."""
    found: list[str] = []
    ready = threading.Barrier(len(tries))

    def go(email: str, password: str, client: Client) -> None:
        ready.wait()
        found.append(outcome(desk, email, password, client))

    threads = [threading.Thread(target=go, args=one) for one in tries]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return found


def test_a_victim_signs_in_from_elsewhere_while_an_attacker_hammers(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    email, made, stopped = world.emails[buyer.person_id], desk(), threading.Event()
    heard: list[str] = []

    def hammer() -> None:
        while not stopped.is_set():
            heard.append(outcome(made, email, "wrong", ATTACKER))

    attackers = [threading.Thread(target=hammer) for _ in range(4)]
    [attacker.start() for attacker in attackers]
    try:
        assert [outcome(made, email, PASSWORD, VICTIM) for _ in range(12)] == ["in"] * 12
    finally:
        stopped.set()
        [attacker.join() for attacker in attackers]
    assert outcome(made, email, "wrong", ATTACKER) == "TooManyAttempts"
    assert outcome(made, email, PASSWORD, VICTIM) == "in"
    assert set(heard) == {"WrongCredentials", "TooManyAttempts"}


def test_a_session_that_is_open_is_not_touched_by_who_hammers(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    email, made = world.emails[buyer.person_id], desk(failures_per_account_and_address=1)
    session = made.sign_in(email, PASSWORD, VICTIM)
    for _ in range(3):
        outcome(made, email, "wrong", VICTIM)
    assert outcome(made, email, PASSWORD, VICTIM) == "TooManyAttempts"
    assert made.identify_session(session.secret).actor.person_id == buyer.person_id


def test_a_burst_of_guesses_gets_hardly_more_tries_than_there_are(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    email, bound = world.emails[buyer.person_id], 5
    made = desk(failures_per_account_and_address=bound)
    heard = burst(made, [(email, f"guess {number}", ATTACKER) for number in range(20)])
    # Whoever is in a turn when the bound is reached has had one; there are AT_ONCE turns.
    assert bound <= heard.count("WrongCredentials") < bound + AT_ONCE
    assert world.value("SELECT count(*) FROM sign_in_failures") == heard.count("WrongCredentials")


def test_a_burst_over_many_accounts_from_one_address_neither(world: Any, desk: Any) -> None:
    bound = 5
    made = desk(failures_per_address=bound)
    heard = burst(made, [(f"guess{number}@test.example", "wrong", ATTACKER) for number in range(20)])
    assert bound <= heard.count("WrongCredentials") < bound + AT_ONCE


def test_a_burst_of_right_passwords_is_let_in_whole(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    made = desk(failures_per_account_and_address=1, failures_per_address=1)
    assert set(burst(made, [(world.emails[buyer.person_id], PASSWORD, VICTIM)] * 12)) == {"in"}


def test_a_burst_of_right_passwords_is_let_in_whole_while_its_weak_hash_is_made_anew(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    world.run(f"UPDATE people SET password_hash = '{weak}'")
    assert set(burst(desk(), [(world.emails[buyer.person_id], PASSWORD, VICTIM)] * 8)) == {"in"}
    assert world.value("SELECT password_hash FROM people WHERE password_hash IS NOT NULL") != weak


def test_the_password_that_is_guessed_at_last_is_refused_like_any_other(world: Any, desk: Any) -> None:
    buyer, _ = world.buyer()
    email, made = world.emails[buyer.person_id], desk(failures_per_account_and_address=3)
    for _ in range(3):
        outcome(made, email, "wrong", ATTACKER)
    assert outcome(made, email, PASSWORD, ATTACKER) == "TooManyAttempts"
