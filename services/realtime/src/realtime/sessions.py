"""Everyone who is connected: how many in all, from one address, of one person."""

from collections import Counter
from collections.abc import Iterator

from realtime.session import Session
from realtime.settings import Bounds


class Sessions:
    """The open sessions, and the bounds on them."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._owners: dict[Session, str | None] = {}
        self._addresses: Counter[str] = Counter()
        self._persons: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._owners)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._owners))

    @property
    def is_full(self) -> bool:
        return len(self._owners) >= self._bounds.connections

    def enter(self, session: Session) -> bool:
        """Count a session in; False when its address has too many: it must leave, but is counted until it does."""
        self._owners[session] = None
        self._addresses[session.address] += 1
        return self._addresses[session.address] <= self._bounds.per_address

    def claim(self, session: Session, person_id: str) -> bool:
        """Note whose session it is; False, and nothing noted, when that person has too many."""
        if self._persons[person_id] >= self._bounds.per_person:
            return False
        self._owners[session] = person_id
        self._persons[person_id] += 1
        return True

    def leave(self, session: Session) -> None:
        """Count a session out."""
        owner = self._owners.pop(session)
        _count_down(self._addresses, session.address)
        if owner is not None:
            _count_down(self._persons, owner)

    def of_person(self, person_id: str) -> list[Session]:
        """Return the sessions of one person."""
        return [session for session, owner in self._owners.items() if owner == person_id]


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
