"""Checking a password, and how often one may get it wrong."""

import hashlib
from dataclasses import dataclass

from orders.application.commands import Client
from orders.application.ports import Credentials, Passwords, Transactions, UnitOfWork
from orders.domain.errors import TooManyAttempts, WrongCredentials
from orders.domain.passwords import MAX_CHARACTERS

FAILURE_WINDOW_S = 900
MAX_EMAIL_CHARACTERS = 254


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may fail within 15 minutes and ask for a link within an hour, how many API tokens one may hold."""

    failures_per_account_and_address: int = 10
    failures_per_address: int = 100
    tokens_per_person: int = 20
    askings_per_address: int = 20


DEMO_LIMITS = Limits(
    failures_per_account_and_address=50,
    failures_per_address=9_000,
    tokens_per_person=1_000,
    askings_per_address=1_000,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """Whose password was right; `password_hash` is the one it was right for, to be compared again before it counts."""

    person_id: str
    password_hash: str

    @property
    def stamp(self) -> str:
        """Return what changes with the password and does not tell it."""
        return hashlib.sha256(f"{self.person_id} {self.password_hash}".encode()).hexdigest()[:32]


class PasswordCheck:
    """Failures count per account and address, and per address: who hammers from elsewhere locks nobody out.

    They are counted again in the turn in which the password is checked, of which there are few at once: a burst of
    parallel guesses gets as many more tries as there are turns, and no more.
    """

    def __init__(self, transactions: Transactions, passwords: Passwords, limits: Limits) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._limits = limits

    def check(self, email: str, password: str, client: Client) -> Checked:
        """Return whose e-mail and password these are; a right password is never counted.

        Raises:
            WrongCredentials: the same, in the same time, for an unknown e-mail and a wrong password.
            TooManyAttempts: too many failures of this account from this address.

        """
        account = plain_email(email)
        self._transactions.run(lambda work: self.require_patience(work, account, client.address))
        with self._passwords.turn():
            credentials = self._transactions.run(lambda work: self._credentials(work, account, client.address))
            usable = credentials.password_hash if credentials and credentials.active else None
            matches = self._passwords.matches(usable, password[:MAX_CHARACTERS])
            if credentials is None or usable is None or not matches or len(password) > MAX_CHARACTERS:
                self._transactions.run(lambda work: work.people.add_failure(account, client.address))
                raise WrongCredentials("e-mail and password do not go together")
        return Checked(credentials.person_id, self._fresh_hash(credentials, usable, password))

    def require_patience(self, work: UnitOfWork, account: str, address: str) -> None:
        """Refuse whoever failed too often lately; `account` is an e-mail or another name of what was guessed at."""
        of_account, of_address = work.people.failures(account, address, FAILURE_WINDOW_S)
        limits = self._limits
        if of_account >= limits.failures_per_account_and_address or of_address >= limits.failures_per_address:
            raise TooManyAttempts(FAILURE_WINDOW_S)

    def _credentials(self, work: UnitOfWork, account: str, address: str) -> Credentials | None:
        self.require_patience(work, account, address)
        return work.people.credentials(account)

    def _fresh_hash(self, credentials: Credentials, known: str, password: str) -> str:
        """Hash anew what was hashed with weaker parameters, unless the password was changed meanwhile.

        Another sign-in with the same password may be quicker: then its hash is the one that this password opens.
        """
        if not self._passwords.outdated(known):
            return known
        fresh, person_id = self._passwords.hash(password), credentials.person_id
        standing = self._transactions.run(lambda work: work.people.set_password_hash(person_id, known, fresh))
        return standing if standing and self._passwords.matches(standing, password) else fresh


def plain_email(typed: str) -> str:
    """Return an e-mail as it is stored: PostgreSQL's text holds no NUL, UTF-8 no lone surrogate, nobody's does."""
    cleaned = typed.strip().lower().replace("\x00", "").encode(errors="replace").decode()
    return cleaned[: MAX_EMAIL_CHARACTERS + 1]
