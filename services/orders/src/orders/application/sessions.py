"""Who is asking: sign-in, sessions, API tokens. What the entry points hold of them."""

from dataclasses import dataclass
from datetime import datetime

from orders.domain.people import Actor


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
class Caller:
    """Who is asking, by what: a session (cookie) or an API token. Rights are as they stand in the database now."""

    actor: Actor
    name: str
    email: str
    locale: str
    session_id: str | None
    token_id: str | None

    @property
    def by_cookie(self) -> bool:
        return self.session_id is not None
