"""Second factors as they are stored, and the codes they are about; what the use cases need of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Factor:
    """`sealed` is the encrypted secret; `confirmed_at` None: shown, not switched on yet."""

    sealed: bytes
    confirmed_at: datetime | None
    last_step: int


class SecondFactorRecords(Protocol):
    def find(self, person_id: str) -> Factor | None: ...

    def lock(self, person_id: str) -> Factor | None:
        """Return the factor and hold its row: codes of one person are judged one after the other."""

    def is_on(self, person_id: str) -> bool: ...

    def begin(self, person_id: str, sealed: bytes) -> bool:
        """Keep a secret that is not switched on yet, instead of an earlier one; False when one is on already."""

    def confirm(self, person_id: str, step: int) -> None: ...

    def accepted(self, person_id: str, step: int) -> None:
        """Remember the step whose code was accepted: neither it nor an earlier one works again."""

    def remove(self, person_id: str) -> bool:
        """Forget the factor and its recovery codes; tell whether one was on."""

    def put_recovery_codes(self, person_id: str, hashes: Sequence[bytes]) -> None:
        """Keep these instead of whatever there was."""

    def use_recovery_code(self, person_id: str, code_hash: bytes) -> bool: ...

    def recovery_codes_left(self, person_id: str) -> int: ...


class OneTimeCodes(Protocol):
    """Six figures that change every 30 seconds (RFC 6238), and the keeping of their secret."""

    def new_secret(self) -> str: ...

    def seal(self, person_id: str, secret: str) -> bytes: ...

    def unseal(self, person_id: str, sealed: bytes) -> str | None:
        """Return the secret; None when it was sealed with another key or for another person."""

    def step_at(self, moment: datetime) -> int: ...

    def is_code(self, secret: str, code: str, step: int) -> bool: ...

    def address(self, secret: str, account: str, issuer: str) -> str:
        """Return the `otpauth:` address that authenticator apps read from a QR code."""
