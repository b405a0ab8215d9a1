"""`OneTimeCodes` by pyotp; the secrets lie in the database encrypted, with a key that the database does not hold."""

import hmac
import secrets
from datetime import datetime

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STEP_S = 30
KEY_BYTES, NONCE_BYTES = 32, 12
# The first byte names how the rest was sealed, so that another way can be told apart one day.
_VERSION = b"\x01"
_PURPOSE = b"mercadito second factor 1"


class Totp:
    """RFC 6238 as every authenticator app has it: SHA-1, six figures, 30 seconds."""

    def __init__(self, session_secret: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE)
        self._cipher = AESGCM(derived.derive(session_secret.encode()))

    def new_secret(self) -> str:
        """Return 160 random bits in base 32."""
        return pyotp.random_base32()

    def seal(self, person_id: str, secret: str) -> bytes:
        """Encrypt a secret for one person."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), person_id.encode())

    def unseal(self, person_id: str, sealed: bytes) -> str | None:
        """Decrypt it; None when key or person are others."""
        version, nonce, rest = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, person_id.encode()).decode() if version == _VERSION else None
        except (InvalidTag, ValueError):
            return None

    def step_at(self, moment: datetime) -> int:
        """Return the number of the step."""
        return int(moment.timestamp()) // STEP_S

    def is_code(self, secret: str, code: str, step: int) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(pyotp.TOTP(secret, interval=STEP_S).generate_otp(step).encode(), code.encode())

    def address(self, secret: str, account: str, issuer: str) -> str:
        """Return the `otpauth:` address."""
        return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)
