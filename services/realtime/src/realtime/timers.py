"""When what is due, for thousands of things: what setting and waiting costs does not depend on how many there are."""

import math
from typing import Generic, TypeVar

SLOT_S = 0.5
"""Due times are kept this exact: nothing is called early, and at most so much late."""

Item = TypeVar("Item")


class Timers(Generic[Item]):
    """One due time (monotonic seconds) for each thing; kept in slots of ``SLOT_S``."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Item]] = {}
        self._slot_of: dict[Item, int] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def set(self, item: Item, due: float) -> None:
        """Let a thing be due then, instead of whenever it was."""
        slot = math.ceil(due / SLOT_S)
        if self._slot_of.get(item) == slot:
            return
        self.cancel(item)
        self._slot_of[item] = slot
        self._slots.setdefault(slot, set()).add(item)

    def cancel(self, item: Item) -> None:
        """Forget a thing, if it is known."""
        slot = self._slot_of.pop(item, None)
        if slot is None:
            return
        waiting = self._slots[slot]
        waiting.discard(item)
        if not waiting:
            del self._slots[slot]

    def pop_due(self, now: float) -> list[Item]:
        """Return what is due by now, and forget it."""
        last = math.floor(now / SLOT_S)
        due: list[Item] = []
        for slot in sorted(slot for slot in self._slots if slot <= last):
            due.extend(self._slots.pop(slot))
        for item in due:
            del self._slot_of[item]
        return due
