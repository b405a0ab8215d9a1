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
from orders.application.factor_records import OneTimeCodes
from orders.application.password_check import Checked, Limits, PasswordCheck
from orders.application.ports import Passwords, Signer, Transactions, UnitOfWork
from orders.application.second_factors import FactorCheck
from orders.application.sessions import ALL_SCOPES, Caller, MadeToken, Session, SignedToken
from orders.domain.account_errors import NotEnrolled, OtpRequired, WrongCode
from orders.domain.errors import FieldError, Invalid, TooManyTokens, Unauthenticated, WrongCredentials
from orders.domain.order import is_id

SESSION_IDLE_S = 3 * 24 * 3600
SESSION_LIFETIME_S = 30 * 24 * 3600
API_TOKEN_LIFETIME_S = 30 * 24 * 3600
IDENTITY_LIFETIME_S = 600
TICKET_LIFETIME_S = 600
SECRET_BYTES = 32
MAX_SECRET_CHARACTERS = 128
MAX_TOKEN_NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a new API token shall be called and may do, and the code of the second factor where one is on."""

    name: str = ""
    scopes: frozenset[str] = ALL_SCOPES
    otp: str | None = None


class Accounts:
    def __init__(
        self,
        transactions: Transactions,
        passwords: Passwords,
        signer: Signer,
        limits: Limits,
        codes: OneTimeCodes,
    ) -> None:
        self._transactions = transactions
        self._passwords = passwords
        self._signer = signer
        self._limits = limits
        self._codes = codes
        self._check = PasswordCheck(transactions, passwords, limits)
        self._factor = FactorCheck(codes, self._check)

    def sign_in(self, email: str, password: str, client: Client) -> Session:
        """Open a new session; whatever session the browser had before is not taken over.

        Raises:
            WrongCredentials: the same, in the same time, for an unknown e-mail and a wrong password.
            TooManyAttempts: too many failures of this account from this address.
            OtpRequired: the password is right, but a second factor is on; go on with `sign_in_with_code`.

        """
        checked = self._check.check(email, password, client)

        def enter(work: UnitOfWork) -> Session:
            _require_unchanged(work, checked)
            if work.factors.is_on(checked.person_id):
                raise OtpRequired(checked.person_id, checked.stamp)
            return self._opened(work, checked.person_id, client)

        return self._transactions.run(enter)

    def sign_in_with_code(self, person_id: str, stamp: str, code: str, client: Client) -> Session:
        """Open the session of a person whose password was right a moment ago, as OtpRequired said.

        Raises:
            WrongCode: it is not the code of this moment, or was used already.
            WrongCredentials: the password or the second factor was changed since; begin again.
            TooManyAttempts: too many wrong codes of this person from this address.

        """

        def enter(work: UnitOfWork) -> Session | None:
            account = work.accounts.lock(person_id) if is_id(person_id) else None
            known = account.password_hash if account and account.active else None
            if known is None or Checked(person_id, known).stamp != stamp:
                raise WrongCredentials("the password was changed meanwhile")
            accepted = self._factor.accepts(work, person_id, code, client)
            return self._opened(work, person_id, client) if accepted else None

        try:
            session = self._transactions.run(enter)
        except NotEnrolled as error:
            raise WrongCredentials("the second factor was changed meanwhile") from error
        if session is None:
            raise WrongCode("this is not the code of this moment")
        return session

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

    def issue_token(self, email: str, password: str, client: Client, wish: TokenWish | None = None) -> MadeToken:
        """Make an API token for 30 days; raises as `sign_in` does, and WrongCode, TooManyTokens."""
        wish = wish or TokenWish()
        _require_sound(wish)
        checked = self._check.check(email, password, client)

        def issue(work: UnitOfWork) -> MadeToken | None:
            self._require_place(work, checked.person_id)
            _require_unchanged(work, checked)
            if work.factors.is_on(checked.person_id):
                if wish.otp is None:
                    raise OtpRequired(checked.person_id, checked.stamp)
                if not self._factor.accepts(work, checked.person_id, wish.otp, client):
                    return None
            return self._issue(work, checked.person_id, wish.name, wish.scopes)

        made = self._transactions.run(issue)
        if made is None:
            raise WrongCode("X-OTP is not the code of this moment")
        return made

    def add_token(self, caller: Caller, wish: TokenWish) -> MadeToken:
        """Make an API token for somebody signed in by a session; a token can't prolong itself by another.

        Raises:
            Unauthenticated: the session is over by now, as after a reset of the password that came in between.

        """
        session_id = caller.session_id
        if session_id is None:
            raise Unauthenticated("only a session makes tokens without the password")
        _require_sound(wish)

        def issue(work: UnitOfWork) -> MadeToken:
            self._require_place(work, caller.actor.person_id)
            # With the person's row held, as a reset does: what began before it must not outlive it (ADR 11).
            if not work.people.keeps_session(session_id):
                raise Unauthenticated("the session is over")
            return self._issue(work, caller.actor.person_id, wish.name, wish.scopes)

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

    def _issue(self, work: UnitOfWork, person_id: str, name: str, scopes: frozenset[str]) -> MadeToken:
        """Make a token; the person's row is held (`live_tokens`)."""
        token_id = str(uuid4())
        caller, _ = work.people.add_token(token_id, person_id, API_TOKEN_LIFETIME_S, name, sorted(scopes))
        # Before the commit: a token that can't be signed must not count as one that is held.
        signed = self._signer.sign(caller, "api", lifetime_s=API_TOKEN_LIFETIME_S, token_id=token_id)
        return MadeToken(token_id, signed)

    def _require_place(self, work: UnitOfWork, person_id: str) -> None:
        if work.people.live_tokens(person_id) >= self._limits.tokens_per_person:
            raise TooManyTokens(self._limits.tokens_per_person)

    def _opened(self, work: UnitOfWork, person_id: str, client: Client) -> Session:
        session_id, secret = str(uuid4()), secrets.token_urlsafe(SECRET_BYTES)
        expires_at = work.people.add_session(session_id, person_id, _hashed(secret), SESSION_LIFETIME_S, client.name)
        return Session(session_id, secret, person_id, expires_at)


def _require_unchanged(work: UnitOfWork, checked: Checked) -> None:
    """Refuse what a password opened that was changed, or whose person was deactivated, since it was checked."""
    if not work.accounts.still_opens(checked.person_id, checked.password_hash):
        raise WrongCredentials("e-mail and password do not go together")


def _require_sound(wish: TokenWish) -> None:
    if len(wish.name) > MAX_TOKEN_NAME_CHARACTERS or not (wish.name.isprintable() or not wish.name):
        raise Invalid(FieldError("name", f"at most {MAX_TOKEN_NAME_CHARACTERS} printable characters"))
    if not wish.scopes or not wish.scopes <= ALL_SCOPES:
        raise Invalid(FieldError("scope", "read, or read and write"))


def _hashed(secret: str) -> bytes:
    # The secret has 256 random bits: a plain hash can't be guessed backwards, and can be looked up.
    return hashlib.sha256(secret.encode()).digest()
