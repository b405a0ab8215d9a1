"""What one worker can be asked and told, by the admin API or by a sibling that an operator reached instead."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from realtime.gathering import samples_of
from realtime.protocol import Close
from realtime.sessions import Session, Sessions

MAX_PAGE = 1_000
_log = structlog.get_logger(__name__)


class Channels(Protocol):
    """What is asked of the hub."""

    def overview(self) -> Iterable[tuple[str, int, int]]:
        """Name each channel with how many watch it and how many recent messages it holds."""


class Commands:
    """Answers for one worker; ``move`` asks everyone to come back."""

    def __init__(
        self,
        registry: CollectorRegistry,
        hub: Channels,
        sessions: Sessions,
        move: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._registry, self._hub, self._sessions, self._move = registry, hub, sessions, move
        self._moving: asyncio.Task[None] | None = None
        self._answers: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "metrics": self._metrics,
            "channels": self._channels,
            "session": self._session,
            "disconnect": self._disconnect,
            "drain": self._drain,
            "log-level": self._log_level,
        }

    async def answer(self, question: Mapping[str, Any]) -> Any:
        """Do what ``do`` names, with the rest of the question.

        Raises:
            ValueError: there is no such command; one of another version asked.

        """
        do = self._answers.get(str(question.get("do")))
        if do is None:
            raise ValueError("no such command")
        return await do(question)

    async def _metrics(self, _question: Mapping[str, Any]) -> Any:
        return samples_of(self._registry)

    async def _channels(self, question: Mapping[str, Any]) -> Any:
        """Return the first ``limit`` channels after a name, in order: [name, watchers, recent messages]."""
        after, limit = str(question["after"]), min(MAX_PAGE + 1, int(question["limit"]))
        return sorted(entry for entry in self._hub.overview() if entry[0] > after)[:limit]

    async def _session(self, question: Mapping[str, Any]) -> Any:
        session = self._sessions.with_id(str(question["id"]))
        return None if session is None else _shown(session)

    async def _disconnect(self, question: Mapping[str, Any]) -> Any:
        person_id, session_id = question.get("person_id"), question.get("session")
        one = None if session_id is None else self._sessions.with_id(session_id)
        found = [*([] if one is None else [one]), *([] if person_id is None else self._sessions.of_person(person_id))]
        for session in found:
            session.close(Close.RESTART, "disconnected by an operator")
        _log.info("disconnected", person_id=person_id, session=session_id, clients=len(found))
        return len(found)

    async def _drain(self, _question: Mapping[str, Any]) -> Any:
        """Begin to ask every client to move on; a drain under way is not begun anew."""
        clients = len(self._sessions)
        if self._moving is None or self._moving.done():
            _log.info("moving_on", clients=clients)
            self._moving = asyncio.create_task(self._move())
        return clients

    async def _log_level(self, question: Mapping[str, Any]) -> Any:
        logging.getLogger().setLevel(str(question["level"]).upper())
        _log.info("log_level_set", to=question["level"])
        return True


def _shown(session: Session) -> dict[str, Any]:
    """Say of a client what an operator may see: no address, no ticket."""
    since = datetime.now(UTC) - timedelta(seconds=time.monotonic() - session.opened_at)
    return {
        "id": session.id,
        "transport": session.transport,
        "person_id": session.identity.person_id if session.identity else None,
        "channels": sorted(session.channels),
        "since": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "buffered_bytes": session.buffered(),
    }
