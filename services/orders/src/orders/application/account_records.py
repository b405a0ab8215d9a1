"""People's own accounts as they are stored: password, sessions, tokens; what the use cases about them need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orders.domain.people import Role


@dataclass(frozen=True, slots=True)
class Account:
    """A person whose account is used or changed; `password_hash` None: invited, has not chosen one yet."""

    person_id: str
    email: str
    name: str
    role: Role
    password_hash: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A live session as its owner recognises it; `client` names browser and system, empty when unknown."""

    id: str
    client: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A live API token; `used_at` None: never. `scopes` are read, write."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime


class AccountRecords(Protocol):
    def find(self, person_id: str) -> Account | None: ...

    def lock(self, person_id: str) -> Account | None:
        """Return the account and hold its row, so that two changes of it come one after the other."""

    def by_email(self, email: str) -> Account | None: ...

    def still_opens(self, person_id: str, password_hash: str) -> bool:
        """Tell whether this is still the hash of an active person, and keep it so until the transaction ends."""

    def set_password(self, person_id: str, password_hash: str) -> None: ...

    def end_links(self, person_id: str) -> None:
        """Make every one-time link of the person useless."""

    def sessions(
        self, person_id: str, idle_s: int, limit: int, before: tuple[datetime, str] | None
    ) -> list[OpenSession]:
        """List live sessions, the newest first, from just after `before` (opened, id)."""

    def tokens(self, person_id: str, limit: int, before: tuple[datetime, str] | None) -> list[LiveToken]:
        """List live tokens, likewise."""

    def remove_session(self, person_id: str, session_id: str) -> bool:
        """End a session if it is this person's; tell whether it was."""

    def remove_sessions(self, person_id: str, *, but: str | None, warm_s: int) -> tuple[int, Sequence[str]]:
        """End all sessions but one; return how many, and the ids of those used within `warm_s`."""

    def remove_token(self, person_id: str, token_id: str) -> datetime | None:
        """End a token if it is this person's; return when it would have ended."""

    def remove_tokens(self, person_id: str) -> Sequence[str]:
        """End all tokens; return their ids."""

    def askings(self, address: str, since_s: int) -> int:
        """Count how often this address asked lately for a link by mail."""

    def note_asking(self, address: str) -> None: ...

    def add_invited(self, person: Mapping[str, str]) -> bool:
        """Store a person who has no password yet (id, email, name, locale, role); False when the e-mail is taken."""
