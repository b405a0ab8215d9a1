"""Work that is cheaper together: what comes while a batch is at work goes into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Result]):
    item: Item
    done: asyncio.Future[Result]


class Batches(Generic[Item, Result]):
    """One batch at a time, in the order in which its items came; nobody waits longer than for the one before."""

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], most: int) -> None:
        """``work`` returns for each item its result or its error, and raises nothing; ``most`` go into a batch."""
        self._work = work
        self._most = most
        self._waiting: list[_Entry[Item, Result]] = []
        self._working: asyncio.Task[None] | None = None

    async def through(self, item: Item) -> Result:
        """Return what became of the item, or raise its error."""
        entry: _Entry[Item, Result] = _Entry(item, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._working is None:
            self._working = asyncio.create_task(self._work_off())
        return await entry.done

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                for entry, result in zip(batch, await self._work([entry.item for entry in batch]), strict=True):
                    if entry.done.done():
                        continue  # whoever waited was told to end
                    if isinstance(result, Exception):
                        entry.done.set_exception(result)
                    else:
                        entry.done.set_result(result)
        finally:
            self._working = None
