"""Passwords: argon2id, a few at a time, as slow for nobody as for somebody."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from orders.domain.errors import Unavailable

# OWASP's minimum for argon2id: 19 MiB, two passes, one lane. AT_ONCE bounds the memory that sign-ins can take.
MEMORY_KIB = 19 * 1024
PASSES = 2
AT_ONCE = 2
WAIT_S = 5.0
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has, with the same parameters: checked when there is no account, to take as long."""


class Argon2Passwords:
    """`Passwords` by argon2-cffi."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._slots = BoundedSemaphore(AT_ONCE)
        self._held = local()

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Check a password; see the port. Raises Unavailable when no slot frees up within 5 s."""
        with self.turn():
            try:
                return self._hasher.verify(password_hash or _NOBODY, _encodable(password))
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, password_hash: str) -> bool:
        """Tell whether the hash was made with other parameters."""
        return self._hasher.check_needs_rehash(password_hash)

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        with self.turn():
            return self._hasher.hash(_encodable(password))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take a slot, or go on in the one that this thread holds; see the port."""
        if getattr(self._held, "slot", False):
            yield
            return
        if not self._slots.acquire(timeout=WAIT_S):
            raise Unavailable("too many sign-ins at once", not_processed=True)
        self._held.slot = True
        try:
            yield
        finally:
            self._held.slot = False
            self._slots.release()


def _encodable(password: str) -> bytes:
    # Composed, because one keyboard sends the letter and its accent as one character and another as two (NIST).
    # A form can carry a lone surrogate, which UTF-8 can't: it is a wrong password, not a crash.
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
