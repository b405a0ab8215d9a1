"""Connections to one relay: so many at once, each used for several messages while these follow closely enough."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from notify.errors import Refused, Stale
from notify.sending.relay import Relay
from notify.sending.smtp import LEAVING, Envelope, Reply, Session, Watch, opened


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections, how long one is kept without work, and how many messages it carries."""

    connections: int = 10
    idle_s: float = 5.0
    messages_each: int = 100


class Connections:
    """All of one process to one relay."""

    def __init__(self, relay: Relay, bounds: Bounds, watch: Watch = lambda *_: None) -> None:
        self.relay = relay
        self._bounds = bounds
        self._watch = watch
        self._places = asyncio.Semaphore(bounds.connections)
        self._idle: list[Session] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def submit(
        self, envelope: Envelope, before_dot: Callable[[], Awaitable[None]], at_turn: Callable[[], Awaitable[None]]
    ) -> Reply:
        """Hand the message over, on a kept connection if there is one; return the answer of the relay that took it.

        Args:
            envelope: the message.
            before_dot: see ``Session.submit``.
            at_turn: awaited when its turn has come; if it raises, the relay hears nothing of it.

        Raises:
            DeliveryError: it was not taken, or nobody knows; see ``Session.submit``.

        """
        async with self._places:
            await at_turn()
            if self._idle:
                session = self._idle.pop()
                try:
                    if await session.ready_again():
                        return await self._over(session, envelope, before_dot)
                    self._let_go(session)
                except Stale:
                    # Nothing was told yet. The others have waited for longer still: they may be gone as well.
                    self.close_idle(all_of_them=True)
            return await self._over(await opened(self.relay, self._watch), envelope, before_dot)

    def close_idle(self, *, all_of_them: bool = False) -> None:
        """Say goodbye on connections that have had no work for long."""
        before = time.monotonic() - self._bounds.idle_s
        late = [session for session in self._idle if all_of_them or session.idle_since <= before]
        self._idle = [session for session in self._idle if session not in late]
        self._let_go(*late)

    async def close(self) -> None:
        """Say goodbye on every connection that is not at work."""
        self.close_idle(all_of_them=True)
        await asyncio.gather(*self._leaving)

    async def _over(self, session: Session, envelope: Envelope, before_dot: Callable[[], Awaitable[None]]) -> Reply:
        keep = False
        try:
            reply = await session.submit(envelope, before_dot)
            keep = True
        except Refused as refusal:
            keep = refusal.code != LEAVING
            raise
        finally:
            if keep and session.served < self._bounds.messages_each:
                session.idle_since = time.monotonic()
                self._idle.append(session)
            else:
                self._let_go(session, politely=keep)
        return reply

    def _let_go(self, *sessions: Session, politely: bool = True) -> None:
        # Beside the work: the answer to a goodbye is nothing that a message should wait for.
        for session in sessions:
            task = asyncio.create_task(_ended(session, politely=politely))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


async def _ended(session: Session, *, politely: bool) -> None:
    if politely:
        await session.quit()
    await session.close()
