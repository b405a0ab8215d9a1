"""The second factor of staff: on by a code, asked for at each sign-in, off by password and code."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from orders.application.commands import Client
from orders.application.factor_records import Factor, OneTimeCodes
from orders.application.password_check import PasswordCheck
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.application.sessions import Caller
from orders.domain.account_errors import NotEnrolled, WrongCode, WrongPassword
from orders.domain.errors import Forbidden, NotFound, WrongCredentials
from orders.domain.people import Actor, Role

# A code of the step before or after is taken too: clocks differ, and typing takes time.
STEPS_AROUND = 1
RECOVERY_CODES = 10
RECOVERY_GROUPS, RECOVERY_GROUP_CHARACTERS = 4, 4
# Without letters and figures that are read as one another. 31^16: 79 bits, so a plain hash can't be guessed backwards.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE = re.compile(r"[0-9]{6}")
_BETWEEN = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class FactorState:
    """`since` None: off."""

    since: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret to type, and the address that a QR code shows."""

    secret: str
    address: str


class FactorCheck:
    """Judges codes; wrong ones are counted like wrong passwords, so nobody is locked out from another address."""

    def __init__(self, codes: OneTimeCodes, passwords: PasswordCheck) -> None:
        self._codes = codes
        self._passwords = passwords

    def accepts(self, work: UnitOfWork, person_id: str, typed: str, client: Client) -> bool:
        """Judge a code of a factor that is on, and use it up; a wrong one is noted, so the transaction must commit."""
        factor = work.factors.lock(person_id)
        if factor is None or factor.confirmed_at is None:
            raise NotEnrolled("no second factor is on")
        self._require_patience(work, person_id, client)
        code = _BETWEEN.sub("", typed).lower()
        step = self._step(work, person_id, factor, code)
        if step is not None:
            work.factors.accepted(person_id, step)
        elif not work.factors.use_recovery_code(person_id, recovery_hash(person_id, code)):
            work.people.add_failure(_guessed_at(person_id), client.address)
            return False
        return True

    def confirming_step(self, work: UnitOfWork, person_id: str, typed: str, client: Client) -> int | None:
        """Judge the first code of a factor that is not on yet; a wrong one is noted likewise."""
        factor = work.factors.lock(person_id)
        if factor is None or factor.confirmed_at is not None:
            raise NotEnrolled("no second factor waits to be switched on")
        self._require_patience(work, person_id, client)
        step = self._step(work, person_id, factor, _BETWEEN.sub("", typed))
        if step is None:
            work.people.add_failure(_guessed_at(person_id), client.address)
        return step

    def _require_patience(self, work: UnitOfWork, person_id: str, client: Client) -> None:
        # The factor's row is held: parallel guesses are judged, and counted, one after the other.
        self._passwords.require_patience(work, _guessed_at(person_id), client.address)

    def _step(self, work: UnitOfWork, person_id: str, factor: Factor, code: str) -> int | None:
        """Return the step whose code this is, of those around now and after the last one accepted."""
        secret = self._codes.unseal(person_id, factor.sealed)
        if secret is None or not _CODE.fullmatch(code):
            return None
        now = self._codes.step_at(work.now())
        steps = range(max(now - STEPS_AROUND, factor.last_step + 1), now + STEPS_AROUND + 1)
        return next((step for step in steps if self._codes.is_code(secret, code, step)), None)


class SecondFactors:
    def __init__(self, transactions: Transactions, codes: OneTimeCodes, passwords: PasswordCheck, issuer: str) -> None:
        self._transactions = transactions
        self._codes = codes
        self._passwords = passwords
        self._check = FactorCheck(codes, passwords)
        self._issuer = issuer

    def state(self, caller: Caller) -> FactorState:
        """Return whether it is on, and how many recovery codes are left."""

        def look(work: UnitOfWork) -> FactorState:
            factor = work.factors.find(caller.actor.person_id)
            since = factor.confirmed_at if factor else None
            return FactorState(since, work.factors.recovery_codes_left(caller.actor.person_id) if since else 0)

        return self._transactions.run(look)

    def begin(self, caller: Caller) -> None:
        """Make a secret to be put into an authenticator app; nothing is asked for until it is confirmed."""
        caller.actor.require_staff()
        person_id = caller.actor.person_id
        sealed = self._codes.seal(person_id, self._codes.new_secret())
        self._transactions.run(lambda work: work.factors.begin(person_id, sealed))

    def enrolment(self, caller: Caller) -> Enrolment | None:
        """Return the secret that waits to be confirmed; once it is on, it is never shown again."""
        factor = self._transactions.run(lambda work: work.factors.find(caller.actor.person_id))
        if factor is None or factor.confirmed_at is not None:
            return None
        secret = self._codes.unseal(caller.actor.person_id, factor.sealed)
        return None if secret is None else Enrolment(secret, self._codes.address(secret, caller.email, self._issuer))

    def confirm(self, caller: Caller, code: str, client: Client) -> tuple[str, ...]:
        """Switch it on with a right code; return the recovery codes, which are shown this once.

        Raises:
            WrongCode: it is not the code of this moment.
            NotEnrolled: nothing waits to be confirmed.

        """
        caller.actor.require_staff()
        person_id = caller.actor.person_id
        fresh = tuple(_recovery_code() for _ in range(RECOVERY_CODES))

        def switch_on(work: UnitOfWork) -> bool:
            step = self._check.confirming_step(work, person_id, code, client)
            if step is None:
                return False
            work.factors.confirm(person_id, step)
            hashes = [recovery_hash(person_id, _BETWEEN.sub("", one)) for one in fresh]
            work.factors.put_recovery_codes(person_id, hashes)
            work.audit(AuditEntry("person", person_id, "second_factor_on", caller.actor, ()))
            return True

        if not self._transactions.run(switch_on):
            raise WrongCode("this is not the code of this moment")
        return fresh

    def switch_off(self, caller: Caller, password: str, code: str, client: Client) -> None:
        """Switch it off; needs the password and a code.

        Raises:
            WrongPassword, WrongCode: which of the two was wrong.
            NotEnrolled: it is off already.

        """
        person_id = caller.actor.person_id
        if not self._transactions.run(lambda work: work.factors.is_on(person_id)):
            raise NotEnrolled("no second factor is on")
        try:
            self._passwords.check(caller.email, password, client)
        except WrongCredentials as error:
            raise WrongPassword("password") from error

        def switch(work: UnitOfWork) -> bool:
            if not self._check.accepts(work, person_id, code, client):
                return False
            work.factors.remove(person_id)
            work.audit(AuditEntry("person", person_id, "second_factor_off", caller.actor, ()))
            return True

        if not self._transactions.run(switch):
            raise WrongCode("this is not the code of this moment")

    def reset(self, actor: Actor, person_id: str) -> None:
        """Take away the second factor of somebody who has lost phone and recovery codes; admins only, and audited.

        An admin's own is switched off with password and code, like anyone's: a stolen session must not do it.
        """
        if actor.role is not Role.ADMIN:
            raise Forbidden("for admins only")
        if actor.person_id == person_id:
            raise Forbidden("your own is switched off on your account page, with password and code")

        def take(work: UnitOfWork) -> None:
            if work.accounts.lock(person_id) is None:
                raise NotFound("no such person")
            if work.factors.remove(person_id):
                work.audit(AuditEntry("person", person_id, "second_factor_reset", actor, ()))

        self._transactions.run(take)


def recovery_hash(person_id: str, code: str) -> bytes:
    return hashlib.sha256(f"{person_id}:{code}".encode(errors="replace")).digest()


def _recovery_code() -> str:
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_GROUP_CHARACTERS)) for _ in range(RECOVERY_GROUPS)
    )
    return "-".join(groups)


def _guessed_at(person_id: str) -> str:
    return f"code of {person_id}"
