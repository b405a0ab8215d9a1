"""Signing in and out: sessions for browsers, tokens for programs, tickets for sockets."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from orders.application import facts
from orders.application.commands import Client
from orders.application.ports import Passwords, Signer, Transactions, UnitOfWork
from orders.application.sessions import Caller, Session, SignedToken
from orders.domain.errors import TooManyAttempts, TooManyTokens, Unauthenticated, WrongCredentials
from orders.domain.order import is_id

SESSION_IDLE_S = 3 * 24 * 3600
SESSION_LIFETIME_S = 30 * 24 * 3600
API_TOKEN_LIFETIME_S = 30 * 24 * 3600
IDENTITY_LIFETIME_S = 600
TICKET_LIFETIME_S = 600
FAILURE_WINDOW_S = 900
SECRET_BYTES = 32
MAX_SECRET_CHARACTERS = 128
MAX_EMAIL_CHARACTERS = 254
MAX_PASSWORD_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may fail within 15 minutes, and how many API tokens a person may hold."""

    failures_per_account_and_address: int = 10
    failures_per_address: int = 100
    tokens_per_person: int = 20


DEMO_LIMITS = Limits(failures_per_account_and_address=50, failures_per_address=9_000, tokens_per_person=1_000)


class Accounts:
    def __init__(self, transactions: Transactions, passwords: Passwords, signer: Signer, limits: Limits) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._signer = signer
        self._limits = limits

    def sign_in(self, email: str, password: str, client: Client) -> Session:
        """Open a new session; whatever session the browser had before is not taken over.

        Raises:
            WrongCredentials: the same, in the same time, for an unknown e-mail and a wrong password.
            TooManyAttempts: too many failures of this account from this address.

        """
        person_id = self._check_password(email, password, client)
        session_id, secret = str(uuid4()), secrets.token_urlsafe(SECRET_BYTES)
        expires_at = self._transactions.run(
            lambda work: work.people.add_session(session_id, person_id, _hashed(secret), SESSION_LIFETIME_S)
        )
        return Session(session_id, secret, person_id, expires_at)

    def identify_session(self, secret: str) -> Caller:
        """Return who a session cookie stands for; raise Unauthenticated when the session is over."""
        if len(secret) > MAX_SECRET_CHARACTERS:
            raise Unauthenticated("no such session")
        caller = self._transactions.run(lambda work: work.people.by_session(_hashed(secret), SESSION_IDLE_S))
        if caller is None:
            raise Unauthenticated("the session is over")
        return caller

    def identify_token(self, token: str) -> Caller:
        """Return who an API token stands for: its signature is good and it has not been deleted since."""
        token_id = self._signer.api_token_id(token)
        caller = self._transactions.run(lambda work: work.people.by_token(token_id)) if is_id(token_id) else None
        if caller is None:
            raise Unauthenticated("the token was deleted")
        return caller

    def sign_out(self, caller: Caller) -> None:
        """End the caller's session, here and, by event, everywhere."""
        session_id = caller.session_id
        if session_id is None:
            raise Unauthenticated("no session to end")

        def end(work: UnitOfWork) -> None:
            if work.people.remove_session(session_id):
                until = work.now() + timedelta(seconds=IDENTITY_LIFETIME_S)
                work.publish(facts.signed_out(caller.actor.person_id, until, session_id=session_id))

        self._transactions.run(end)

    def identity_token(self, caller: Caller) -> SignedToken:
        """Sign the 10-minute identity that other services take from the `mercadito_id` cookie."""
        if caller.session_id is None:
            raise Unauthenticated("only a session has an identity cookie")
        return self._signer.sign(caller, "web", lifetime_s=IDENTITY_LIFETIME_S)

    def ticket(self, caller: Caller) -> SignedToken:
        """Sign a ticket that opens a socket; it dies with the session or token it came from."""
        return self._signer.sign(caller, "realtime", lifetime_s=TICKET_LIFETIME_S)

    def issue_token(self, email: str, password: str, client: Client) -> SignedToken:
        """Make an API token for 30 days; raises as `sign_in` does, and TooManyTokens."""
        person_id = self._check_password(email, password, client)
        token_id = str(uuid4())

        def issue(work: UnitOfWork) -> SignedToken:
            if work.people.live_tokens(person_id) >= self._limits.tokens_per_person:
                raise TooManyTokens(self._limits.tokens_per_person)
            caller, _ = work.people.add_token(token_id, person_id, API_TOKEN_LIFETIME_S)
            # Before the commit: a token that can't be signed must not count as one that is held.
            return self._signer.sign(caller, "api", lifetime_s=API_TOKEN_LIFETIME_S, token_id=token_id)

        return self._transactions.run(issue)

    def delete_token(self, caller: Caller) -> None:
        """Delete the token the caller came with, here and, by event, everywhere."""
        token_id = caller.token_id
        if token_id is None:
            raise Unauthenticated("no token to delete")

        def delete(work: UnitOfWork) -> None:
            until = work.people.remove_token(token_id)
            if until is not None:
                work.publish(facts.signed_out(caller.actor.person_id, until, token_id=token_id))

        self._transactions.run(delete)

    def set_locale(self, caller: Caller, locale: str, time_zone: str) -> None:
        """Keep the language the caller reads in, and tell notify, which writes in it."""

        def change(work: UnitOfWork) -> None:
            contact = work.people.set_locale(caller.actor.person_id, locale)
            if contact is not None:
                work.publish(facts.contact_changed(contact, time_zone))

        self._transactions.run(change)

    def public_keys(self) -> Mapping[str, Any]:
        """Return the JWK set."""
        return self._signer.public_keys()

    def _check_password(self, email: str, password: str, client: Client) -> str:
        # PostgreSQL's text holds no NUL; nobody's address does either.
        account = email.strip().lower().replace("\x00", "")[: MAX_EMAIL_CHARACTERS + 1]
        failures, credentials = self._transactions.run(
            lambda work: (
                work.people.failures(account, client.address, FAILURE_WINDOW_S),
                work.people.credentials(account),
            )
        )
        of_account, of_address = failures
        limits = self._limits
        if of_account >= limits.failures_per_account_and_address or of_address >= limits.failures_per_address:
            raise TooManyAttempts(FAILURE_WINDOW_S)
        usable = credentials if credentials and credentials.active else None
        matches = self._passwords.matches(usable.password_hash if usable else None, password[:MAX_PASSWORD_CHARACTERS])
        if usable is None or not matches or len(password) > MAX_PASSWORD_CHARACTERS:
            self._transactions.run(lambda work: work.people.add_failure(account, client.address))
            raise WrongCredentials("e-mail and password do not go together")
        if self._passwords.outdated(usable.password_hash):
            fresh = self._passwords.hash(password)
            self._transactions.run(lambda work: work.people.set_password_hash(usable.person_id, fresh))
        return usable.person_id


def _hashed(secret: str) -> bytes:
    # The secret has 256 random bits: a plain hash can't be guessed backwards, and can be looked up.
    return hashlib.sha256(secret.encode()).digest()
