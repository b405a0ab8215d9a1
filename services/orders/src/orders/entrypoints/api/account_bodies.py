"""The JSON about one's own account: sessions, tokens, the password."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from orders.application.account_records import LiveToken, OpenSession
from orders.domain.passwords import MAX_CHARACTERS, MIN_CHARACTERS
from orders.entrypoints.api.request_bodies import In
from orders.entrypoints.api.response_bodies import Out

# Longer than any password may be, so that the rules name what is wrong with it.
MAX_TYPED_CHARACTERS = 10_000


class SessionOut(Out):
    """`client` names browser and system; `current` is the session that asks."""

    id: str
    client: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, session: OpenSession, current_id: str | None) -> Self:
        """Show a session to its owner."""
        return cls(
            id=session.id,
            client=session.client,
            created_at=session.created_at,
            used_at=session.used_at,
            expires_at=session.expires_at,
            current=session.id == current_id,
        )


class SessionsOut(Out):
    items: list[SessionOut]
    next: str | None


class LiveTokenOut(Out):
    """`used_at` null: never; noted to five minutes. The token itself is never told again."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, token: LiveToken, current_id: str | None) -> Self:
        """Show a token to its owner."""
        return cls(
            id=token.id,
            name=token.name,
            scopes=list(token.scopes),
            created_at=token.created_at,
            used_at=token.used_at,
            expires_at=token.expires_at,
            current=token.id == current_id,
        )


class TokensOut(Out):
    items: list[LiveTokenOut]
    next: str | None


class PasswordIn(In):
    current_password: Annotated[str, Field(max_length=MAX_TYPED_CHARACTERS)]
    new_password: Annotated[
        str,
        Field(
            max_length=MAX_TYPED_CHARACTERS,
            description=f"{MIN_CHARACTERS} to {MAX_CHARACTERS} characters, not about you, not a common one",
        ),
    ]
