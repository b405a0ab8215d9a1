"""The ways into one's own account: the sessions that are open and the tokens that live, and ending them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from orders.application import facts
from orders.application.account_records import LiveToken, OpenSession
from orders.application.accounts import IDENTITY_LIFETIME_S, SESSION_IDLE_S
from orders.application.ports import Transactions, UnitOfWork
from orders.application.queries import Page
from orders.application.sessions import Caller
from orders.domain.errors import FieldError, Invalid, NotFound
from orders.domain.order import is_id

# What a session signed (identity cookie, tickets) lives ten minutes from a request, and requests are noted to five.
WARM_S = 2 * IDENTITY_LIFETIME_S
_Place = tuple[datetime, str]


class _Listed(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T", bound=_Listed)


class OwnAccess:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def sessions(self, caller: Caller, *, limit: int, cursor: str | None = None) -> Page[OpenSession]:
        """List the caller's live sessions, the newest first."""
        person_id = caller.actor.person_id
        return self._page(
            limit, cursor, lambda work, more, place: work.accounts.sessions(person_id, SESSION_IDLE_S, more, place)
        )

    def tokens(self, caller: Caller, *, limit: int, cursor: str | None = None) -> Page[LiveToken]:
        """List the caller's live API tokens, the newest first."""
        person_id = caller.actor.person_id
        return self._page(limit, cursor, lambda work, more, place: work.accounts.tokens(person_id, more, place))

    def end_session(self, caller: Caller, session_id: str) -> None:
        """End one of the caller's sessions, here and, by event, everywhere; NotFound for anybody else's."""

        def end(work: UnitOfWork) -> None:
            if not work.accounts.remove_session(caller.actor.person_id, session_id):
                raise NotFound("no such session")
            until = work.now() + timedelta(seconds=IDENTITY_LIFETIME_S)
            work.publish(facts.signed_out(caller.actor.person_id, until, session_id=session_id))

        self._transactions.run(end)

    def end_other_sessions(self, caller: Caller) -> int:
        """End all of the caller's sessions but the one that asks; return how many."""
        return self._transactions.run(lambda work: end_sessions(work, caller.actor.person_id, but=caller.session_id))

    def end_token(self, caller: Caller, token_id: str) -> None:
        """Revoke one of the caller's API tokens, here and, by event, everywhere; NotFound for anybody else's."""

        def end(work: UnitOfWork) -> None:
            until = work.accounts.remove_token(caller.actor.person_id, token_id)
            if until is None:
                raise NotFound("no such token")
            work.publish(facts.signed_out(caller.actor.person_id, until, token_id=token_id))

        self._transactions.run(end)

    def _page(
        self, limit: int, cursor: str | None, read: Callable[[UnitOfWork, int, _Place | None], Sequence[T]]
    ) -> Page[T]:
        place = None if cursor is None else _place(cursor)
        found = self._transactions.run(lambda work: read(work, limit + 1, place))
        items = tuple(found[:limit])
        return Page(items, _cursor(items[-1]) if len(found) > limit else None)


def end_sessions(work: UnitOfWork, person_id: str, *, but: str | None) -> int:
    """End all sessions but one; of those that were used lately the other services hear, the rest signed nothing."""
    ended, warm = work.accounts.remove_sessions(person_id, but=but, warm_s=WARM_S)
    until = work.now() + timedelta(seconds=IDENTITY_LIFETIME_S)
    for session_id in warm:
        work.publish(facts.signed_out(person_id, until, session_id=session_id))
    return ended


def _cursor(last: _Listed) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).rstrip(b"=").decode()


def _place(cursor: str) -> _Place:
    try:
        at, last = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode().split(" ")
        moment = datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as error:
        raise Invalid(FieldError("cursor", "not a cursor of this list")) from error
    if moment.tzinfo is None or not is_id(last):
        raise Invalid(FieldError("cursor", "not a cursor of this list"))
    return moment, last
