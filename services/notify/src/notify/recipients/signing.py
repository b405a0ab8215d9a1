"""What proves that words came from us: HMAC-SHA256, under a key that can be exchanged while old mails live."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

MAX_TOKEN_CHARS: Final = 1_000
# Signatures that have to fit into the local part of an address: 80 bits, and each guess costs a mail or a request.
SHORT_BYTES: Final = 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
_PARTED_BY = "\n"


class Signer:
    """Sign with the current key, take also what the previous ones signed.

    Nothing signed here expires by itself: a mail is opened years later, and must still let its reader go. Taking a
    key out of the previous ones is what ends its links.
    """

    def __init__(self, current: str, previous: Sequence[str] = ()) -> None:
        self._keys = tuple(key.encode() for key in (current, *previous))

    def token(self, purpose: str, *parts: str) -> str:
        """Return ``parts`` with their signature as one path segment; good for this purpose alone."""
        said = _encoded(_PARTED_BY.join(parts).encode())
        return f"{said}.{_encoded(_mac(self._keys[0], purpose, said))}"

    def parts(self, purpose: str, token: str) -> tuple[str, ...] | None:
        """Return what a token says, or None when it was not signed by us for this purpose."""
        if len(token) > MAX_TOKEN_CHARS or not _TOKEN.fullmatch(token):
            return None
        said, _, mac = token.partition(".")
        if not any(hmac.compare_digest(_encoded(_mac(key, purpose, said)), mac) for key in self._keys):
            return None
        return tuple(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode().split(_PARTED_BY))

    def verifies(self, data: bytes, mac: bytes) -> bool:
        """Say whether ``mac`` is the plain HMAC-SHA256 of these bytes, as others make it."""
        return any(hmac.compare_digest(hmac.digest(key, data, hashlib.sha256), mac) for key in self._keys)

    def short(self, purpose: str, said: str) -> str:
        """Return a signature of small letters and digits: mail servers may change the case of an address."""
        return _short(self._keys[0], purpose, said)

    def is_short(self, purpose: str, said: str, mac: str) -> bool:
        """Say whether ``mac`` is such a signature, in whatever case it comes back."""
        given = mac.lower().encode()
        return any(hmac.compare_digest(_short(key, purpose, said).encode(), given) for key in self._keys)


def _mac(key: bytes, purpose: str, said: str) -> bytes:
    return hmac.digest(key, f"mercadito notify {purpose}\0{said}".encode(), hashlib.sha256)


def _short(key: bytes, purpose: str, said: str) -> str:
    return base64.b32encode(_mac(key, purpose, said)[:SHORT_BYTES]).decode().lower()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
