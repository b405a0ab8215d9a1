"""Who is asking: sign-in, sessions, API tokens. What the entry points hold of them."""

from dataclasses import dataclass
from datetime import datetime

from orders.domain.people import Actor

READ, WRITE = "read", "write"
ALL_SCOPES = frozenset({READ, WRITE})


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh server-side session: `secret` goes into the `mercadito_session` cookie and is stored only as a hash."""

    id: str
    secret: str
    person_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A signed JWT for a cookie, a socket or an API client."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A fresh API token, told this once, with the id under which it is listed."""

    id: str
    signed: SignedToken


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, by what: a session (cookie) or an API token. Rights are as they stand in the database now."""

    actor: Actor
    name: str
    email: str
    locale: str
    session_id: str | None
    token_id: str | None
    scopes: frozenset[str] = ALL_SCOPES

    @property
    def by_cookie(self) -> bool:
        return self.session_id is not None

    @property
    def may_write(self) -> bool:
        """Whether it may change things: a session always may, a token when it was made for it."""
        return WRITE in self.scopes
