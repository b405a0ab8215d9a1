"""Everyone who is connected: how many in all, from one address, of one person; what of each is due when."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from mercadito_events.service.identity import Identity

from realtime.protocol import Close
from realtime.settings import Bounds
from realtime.timers import Timers

BUFFERED_BYTES = 64 * 1024 * 1024
"""When more than this waits in all for clients to read it, those that have not read for longest are cut off."""


class Session(Protocol):
    """One client, whatever carries its frames."""

    @property
    def id(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def opened_at(self) -> float: ...
    @property
    def channels(self) -> Sequence[str]: ...
    @property
    def address(self) -> str: ...
    @property
    def identity(self) -> Identity | None: ...
    @property
    def due(self) -> float: ...
    @property
    def stalled_since(self) -> float | None: ...
    def check(self, now: float) -> None: ...
    def check_sign_out(self) -> None: ...
    def drain(self, retry_ms: int) -> None: ...
    def buffered(self) -> int: ...
    def close(self, code: int, reason: str) -> None: ...
    def abort(self) -> None: ...


class Sessions:
    """The open sessions, and the bounds on them."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._owners: dict[Session, str | None] = {}
        self._addresses: Counter[str] = Counter()
        self._persons: dict[str, set[Session]] = {}
        self._timers: Timers[Session] = Timers()
        self._stalled: dict[Session, None] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._owners))

    def by_transport(self) -> dict[str, int]:
        """Count the sessions by what they are connected by."""
        return {"ws": 0, "sse": 0} | Counter(session.transport for session in self._owners)

    @property
    def is_full(self) -> bool:
        return len(self._owners) >= self._bounds.connections

    def enter(self, session: Session) -> bool:
        """Count a session in; False when its address has too many: it must leave, but is counted until it does."""
        self._owners[session] = None
        self._addresses[session.address] += 1
        self._timers.set(session, session.due)
        return self._addresses[session.address] <= self._bounds.per_address

    def claim(self, session: Session, person_id: str) -> bool:
        """Note whose session it is; False, and nothing noted, when that person has too many."""
        mine = self._persons.get(person_id, set())
        if len(mine) >= self._bounds.per_person:
            return False
        self._owners[session] = person_id
        self._persons.setdefault(person_id, mine).add(session)
        return True

    def leave(self, session: Session) -> None:
        """Count a session out."""
        owner = self._owners.pop(session)
        self._timers.cancel(session)
        self._stalled.pop(session, None)
        self._addresses[session.address] -= 1
        if self._addresses[session.address] <= 0:
            del self._addresses[session.address]
        if owner is not None:
            self._persons[owner].discard(session)
            if not self._persons[owner]:
                del self._persons[owner]

    def of_person(self, person_id: str) -> list[Session]:
        """Return the sessions of one person."""
        return list(self._persons.get(person_id, ()))

    def with_id(self, session_id: str) -> Session | None:
        """Return the session of that id."""
        return next((session for session in self._owners if session.id == session_id), None)

    def due_changed(self, session: Session) -> None:
        """Take note that a session is to be checked at another time, or that it stalls, or no longer."""
        if session not in self._owners:
            return
        self._timers.set(session, session.due)
        if session.stalled_since is None:
            self._stalled.pop(session, None)
        else:
            self._stalled.setdefault(session)

    def check(self, now: float) -> None:
        """Have everyone checked for whom something is due."""
        for session in self._timers.pop_due(now):
            session.check(now)
            if session in self._owners:
                self._timers.set(session, max(session.due, now))
        self._shed()

    @property
    def buffered(self) -> int:
        """How many bytes wait here in all; only for those that stall does anything wait."""
        return sum(session.buffered() for session in self._stalled)

    def _shed(self) -> None:
        waiting = self.buffered
        for session in tuple(self._stalled):
            if waiting <= BUFFERED_BYTES:
                return
            waiting -= session.buffered()
            session.close(Close.TOO_SLOW, "too much waits")
            session.abort()
