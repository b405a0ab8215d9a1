"""Ed25519 keys: made and rotated by `orders keys rotate`, used to sign who someone is."""

import base64
import json
import os
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mercadito_events.service.identity import ISSUER, KeySet
from mercadito_events.service.identity import Unauthenticated as BadToken

from orders.application.sessions import Caller, SignedToken
from orders.domain.errors import Unauthenticated, Unavailable

OLD_KEYS_LISTED_DAYS = 31
ALGORITHM = "EdDSA"
_RETIRED_AT = "mercadito_retired_at"


class KeyFileSigner:
    """`Signer` with the key of a file, read again when it changes: a rotation needs no restart."""

    def __init__(self, key_file: Path, jwks_file: Path) -> None:
        self._key_file = key_file
        self._jwks_file = jwks_file
        self._key_set = KeySet(jwks_file)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._current: tuple[str, Ed25519PrivateKey] | None = None

    def sign(
        self,
        caller: Caller,
        audience: str,
        *,
        lifetime_s: int,
        token_id: str | None = None,
        now: datetime | None = None,
    ) -> SignedToken:
        """Sign who the caller is; a ticket names the session (`sid`) or the API token (`tid`) it came from."""
        key_id, key = self._signing_key()
        issued_at = now or datetime.now(UTC)
        expires_at = issued_at.replace(microsecond=0) + timedelta(seconds=lifetime_s)
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": caller.actor.person_id,
            "role": caller.actor.role.value,
            "stores": sorted(caller.actor.store_ids),
            "aud": audience,
            # With its fraction: a sign-out of everything refuses what was issued until then, and nothing after it.
            "iat": issued_at.timestamp(),
            "exp": int(expires_at.timestamp()),
            "jti": token_id or str(uuid4()),
        }
        if caller.session_id is not None:
            claims["sid"] = caller.session_id
        if audience != "api" and caller.token_id is not None:
            claims["tid"] = caller.token_id
        if audience == "api":
            claims["scope"] = " ".join(sorted(caller.scopes))
        return SignedToken(jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id}), expires_at)

    def api_token_id(self, token: str) -> str:
        """Return the id inside a good API token."""
        try:
            return self._key_set.verify(token, {"api"}).token_id
        except BadToken as error:
            raise Unauthenticated(str(error)) from error

    def public_keys(self) -> Mapping[str, Any]:
        """Return the JWK set as the file has it."""
        try:
            keys: dict[str, Any] = json.loads(self._jwks_file.read_bytes())
        except (OSError, ValueError) as error:
            raise Unavailable("the public keys cannot be read", not_processed=True) from error
        return keys

    def problem(self) -> str | None:
        """Return what keeps this process from signing, or None."""
        try:
            self._signing_key()
        except Unavailable as error:
            return str(error)
        return None if self._key_set.ready else "no public key is known"

    def _signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        try:
            status = self._key_file.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            with self._lock:
                if self._current is None or stamp != self._stamp:
                    self._current, self._stamp = _read_private_key(self._key_file), stamp
                return self._current
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable("the signing key cannot be read", not_processed=True) from error


def rotate_keys(key_file: Path, jwks_file: Path, now: datetime | None = None) -> str:
    """Make a new key; publish it beside the old ones, then sign with it; return its id.

    The public set is written first: a token signed by the new key must never meet a reader that cannot know it.
    Old keys stay listed for 31 days, a day longer than what they signed can live.
    """
    now = now or datetime.now(UTC)
    private = Ed25519PrivateKey.generate()
    key_id = now.strftime("%Y%m%d") + "-" + secrets.token_hex(4)
    public = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": key_id, "x": _public_x(private)}
    known = json.loads(jwks_file.read_bytes())["keys"] if jwks_file.exists() else []
    kept = [entry for entry in (_retired(entry, now) for entry in known) if not _is_over(entry, now)]
    _write(jwks_file, json.dumps({"keys": [public, *kept]}, indent=2), mode=0o644)
    secret = _encoded(
        private.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    )
    _write(key_file, json.dumps({**public, "d": secret}), mode=0o600)
    return key_id


def _retired(entry: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {_RETIRED_AT: int(now.timestamp()), **entry}


def _is_over(entry: Mapping[str, Any], now: datetime) -> bool:
    return int(entry[_RETIRED_AT]) < (now - timedelta(days=OLD_KEYS_LISTED_DAYS)).timestamp()


def _read_private_key(file: Path) -> tuple[str, Ed25519PrivateKey]:
    entry = json.loads(file.read_bytes())
    secret = entry["d"] + "=" * (-len(entry["d"]) % 4)
    return entry["kid"], Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(secret))


def _public_x(private: Ed25519PrivateKey) -> str:
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return _encoded(raw)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write(file: Path, content: str, *, mode: int) -> None:
    """Replace the file in one step: a reader sees the old one or the new one, and a secret is never readable."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
