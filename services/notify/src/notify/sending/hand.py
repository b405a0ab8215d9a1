"""The messages under way in this process."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Hand:
    """So many at most; who looks for more is woken when there is room for enough of them."""

    most: int
    enough: int
    """So much room is worth a look at the queue."""
    tasks: dict[asyncio.Task[None], int] = field(default_factory=dict)
    """Each with the id of its message."""
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is enough room, or when it is time to stop."""

    @property
    def free(self) -> int:
        """Return how many more it can hold."""
        return self.most - len(self.tasks)

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the messages by id."""
        return tuple(self.tasks.values())

    def take(self, task: asyncio.Task[None], message_id: int) -> None:
        """Hold a message until its task ends."""
        self.tasks[task] = message_id
        task.add_done_callback(self._put_down)

    def _put_down(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        if self.free >= self.enough:
            self.room.set()
