"""What is written of messages under way: all dots that wait to be written share one commit, and so do all outcomes.

A mail costs two commits, before its dot and after the relay's answer. Each waits for the disk; while one does, the
others gather and share the next. A connection waits for the first of them, and nobody for the second: so the dots go by
themselves, in a single statement without a transaction around it.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from notify.outages import DATABASE_AWAY
from notify.queueing import messages, pause
from notify.queueing.messages import Dotted, Lease, Settlement
from notify.sending.batches import Batches

MOST_AT_ONCE = 50

Entry = TypeVar("Entry", Dotted, Settlement)
Recorded = Collection[int]
"""The messages, by id, for which it was written."""
Run = Callable[[Callable[[Connection], Recorded]], Awaitable[Recorded]]
"""Lends a connection for a piece of work, and commits it."""


class Ledger:
    """One writer of dots and one of outcomes, for all messages of a process."""

    def __init__(self, statement: Run, transaction: Run, lease: Lease) -> None:
        """``statement`` commits each statement by itself, ``transaction`` all of them together."""
        self._statement = statement
        self._transaction = transaction
        self._lease = lease
        self._dots = Batches[Dotted, bool](self._write_dots, MOST_AT_ONCE)
        self._outcomes = Batches[Settlement, bool](self._write_outcomes, MOST_AT_ONCE)

    async def mark(self, dotted: Dotted) -> bool:
        """Return once the dot is committed; False when the message was not ours any more and nothing was written."""
        return await self._dots.through(dotted)

    async def settle(self, settlement: Settlement) -> bool:
        """Return once the outcome is committed; False as with ``mark``."""
        return await self._outcomes.through(settlement)

    async def _write_dots(self, batch: Sequence[Dotted]) -> Sequence[bool | Exception]:
        return await _written(batch, self._statement, self._mark)

    async def _write_outcomes(self, batch: Sequence[Settlement]) -> Sequence[bool | Exception]:
        return await _written(batch, self._transaction, self._settle)

    def _mark(self, connection: Connection, batch: Sequence[Dotted]) -> Recorded:
        return messages.mark_dots(connection, self._lease, batch)

    def _settle(self, connection: Connection, batch: Sequence[Settlement]) -> Recorded:
        for relay in sorted({one.recovered for one in batch if one.recovered}):
            pause.resume(connection, relay)
        return messages.settle(connection, self._lease, batch)


async def _written(
    batch: Sequence[Entry], run: Run, record: Callable[[Connection, Sequence[Entry]], Recorded]
) -> Sequence[bool | Exception]:
    try:
        recorded = await run(lambda connection: record(connection, batch))
    except Exception as problem:  # noqa: BLE001 - whatever it is, each message's own task is told
        if len(batch) > 1 and not isinstance(problem, DATABASE_AWAY):
            # One of them cannot be written: the others shall not suffer for it.
            return [found for one in batch for found in await _written([one], run, record)]
        return [problem] * len(batch)
    return [one.message.id in recorded for one in batch]
