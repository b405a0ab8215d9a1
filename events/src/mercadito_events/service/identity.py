"""Who is asking: the JWTs that orders signs (Ed25519), and what has been signed out since."""

import json
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from mercadito_events.envelope import Event, MalformedEvent

ISSUER = "mercadito"
ALGORITHM = "EdDSA"
LEEWAY = timedelta(seconds=60)
MAX_TOKEN_CHARS = 8_192
MAX_STORES = 500
MAX_REVOCATIONS = 100_000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Role = Literal["buyer", "staff", "admin"]
_Key = tuple[str, str | None, str | None]
_log = structlog.get_logger(__name__)


class Unauthenticated(Exception):
    """The token proves nothing; the text may be shown to its bearer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Someone whose token was found good."""

    person_id: str
    role: Role
    store_ids: tuple[str, ...]
    audience: str
    token_id: str
    """The API token it is or was made from (``tid`` of a ticket), else the ``jti``."""
    session_id: str | None
    expires_at: datetime
    issued_at: datetime
    scopes: frozenset[str] | None = None
    """What an API token was made for (``scope``); None, as in cookies and older tokens: everything its person may."""

    def may(self, method: str) -> bool:
        """Say whether the token was made for requests of this HTTP method: to read, or to change things."""
        wanted = "read" if method in SAFE_METHODS else "write"
        return self.scopes is None or wanted in self.scopes


class KeySet:
    """The public keys of orders, from a file that is read again when it changes."""

    def __init__(self, jwks_file: Path) -> None:
        self._file = jwks_file
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._is_away = False
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether at least one key is known; without one, nobody can be recognised."""
        return bool(self._current())

    def verify(self, token: str, audiences: Collection[str], now: datetime | None = None) -> Identity:
        """Return whom the token names.

        Args:
            token: a compact JWS.
            audiences: those that the caller serves.
            now: the time to judge by; tests set it.

        Raises:
            Unauthenticated: signature, issuer, audience, times or form are not as they must be.

        """
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("the token is too long")
        try:
            claims = self._signed_claims(token, audiences)
            identity = _identity(claims)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            raise Unauthenticated("the token is not valid here") from None
        moment = now or datetime.now(UTC)
        if identity.expires_at + LEEWAY <= moment:
            raise Unauthenticated("the token has expired")
        if identity.issued_at - LEEWAY > moment:
            raise Unauthenticated("the token is not valid yet")
        return identity

    def _signed_claims(self, token: str, audiences: Collection[str]) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise jwt.InvalidTokenError
        options = {"require": ["exp", "iat", "sub", "aud", "jti", "iss"], "verify_exp": False, "verify_iat": False}
        return cast(
            "Mapping[str, Any]",
            jwt.decode(
                token,
                self._current()[header["kid"]],
                algorithms=[ALGORITHM],
                audience=list(audiences),
                issuer=ISSUER,
                options=cast("Any", options),
            ),
        )

    def _current(self) -> dict[str, Ed25519PublicKey]:
        try:
            info = os.stat(self._file)  # noqa: PTH116 - three fields of one call, on every request
            stamp = (info.st_mtime_ns, info.st_ino, info.st_size)
            if stamp != self._stamp:
                self._read_again(stamp)
                self._is_away = False
        except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            # Half-written or away for a moment: the keys known so far still hold.
            if not (self._is_away and isinstance(error, OSError)):
                _log.warning("jwks_unreadable", path=str(self._file), problem=type(error).__name__)
            self._is_away = isinstance(error, OSError)
        return self._keys

    def _read_again(self, stamp: tuple[int, int, int]) -> None:
        with self._lock:
            if stamp == self._stamp:
                return  # another thread was quicker
            try:
                self._keys = _read_keys(self._file)
            finally:
                self._stamp = stamp  # a broken file is read again when it changes, not at every request


class Revocations:
    """What was signed out before its tokens expired; in memory, for the process's life."""

    def __init__(self) -> None:
        self._until: dict[_Key, tuple[datetime, datetime]] = {}
        self._lock = threading.Lock()

    def add(
        self,
        person_id: str,
        session_id: str | None,
        token_id: str | None,
        until: datetime,
        *,
        at: datetime | None = None,
    ) -> None:
        """Refuse a session, a token, or with neither everything of that person issued up to ``at`` (default: now)."""
        now = datetime.now(UTC)
        if until + LEEWAY <= now:
            return
        key, at = (person_id, session_id, token_id), at or now
        with self._lock:
            known = self._until.get(key, (until, at))
            self._until[key] = (max(known[0], until), max(known[1], at))
            if len(self._until) > MAX_REVOCATIONS:
                self._shrink(now)

    def add_event(self, event: Event) -> None:
        """Take over an ``orders.person.signed_out.v1``.

        Raises:
            MalformedEvent: its body is not what the schema says.

        """
        data = event.data
        try:
            until = datetime.fromisoformat(data["until"])
            person_id, session_id, token_id = str(data["person_id"]), data.get("session_id"), data.get("token_id")
            self.add(person_id, session_id, token_id, until.astimezone(UTC), at=event.time)
        except (KeyError, TypeError, ValueError):
            raise MalformedEvent("not a sign-out: person_id or until is missing or wrong") from None

    def allows(self, identity: Identity) -> bool:
        """Say whether nothing that covers this identity was signed out."""
        person = identity.person_id
        if identity.session_id is not None and (person, identity.session_id, None) in self._until:
            return False
        if (person, None, identity.token_id) in self._until:
            return False
        everything = self._until.get((person, None, None))
        return everything is None or identity.issued_at > everything[1]

    def _shrink(self, now: datetime) -> None:
        self._until = {key: value for key, value in self._until.items() if value[0] + LEEWAY > now}
        while len(self._until) > MAX_REVOCATIONS:
            del self._until[min(self._until, key=lambda key: self._until[key][0])]
            _log.error("revocation_dropped", bound=MAX_REVOCATIONS)


def _identity(claims: Mapping[str, Any]) -> Identity:
    stores = claims["stores"]
    if claims["role"] not in ("buyer", "staff", "admin") or not isinstance(stores, list) or len(stores) > MAX_STORES:
        raise ValueError
    session_id = claims.get("sid")
    scope = claims.get("scope")
    texts = [
        *([] if scope is None else [scope]),
        claims["sub"],
        claims["aud"],
        claims.get("tid", claims["jti"]),
        *stores,
    ]
    if not all(isinstance(text, str) and text for text in [*texts, *([] if session_id is None else [session_id])]):
        raise TypeError
    return Identity(
        person_id=claims["sub"],
        role=claims["role"],
        store_ids=tuple(stores),
        audience=claims["aud"],
        token_id=claims.get("tid", claims["jti"]),
        session_id=session_id,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        scopes=None if scope is None else frozenset(scope.split()),
    )


def _read_keys(file: Path) -> dict[str, Ed25519PublicKey]:
    keys: dict[str, Ed25519PublicKey] = {}
    for entry in json.loads(file.read_bytes())["keys"]:
        if entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
            continue
        if "d" in entry:
            _log.error("jwks_holds_a_private_key", path=str(file), kid=entry.get("kid"))
            continue
        key = OKPAlgorithm.from_jwk(entry)
        if isinstance(key, Ed25519PublicKey):
            keys[str(entry["kid"])] = key
    return keys
