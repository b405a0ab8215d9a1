"""How many people look at each cycle: sampled, told by each process to the others, summed, never who they are.

Each process counts the signed-in persons among its own watchers and says so on a NATS subject that no stream keeps.
A person with sockets on two processes counts twice: knowing better would take names on that subject.
"""

import asyncio
import random
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from realtime import protocol
from realtime.chain import Watcher
from realtime.protocol import Frame

SUBJECT = "realtime.viewers.v1"
FAMILY = "cycle"
GREET_S = 0.5
"""Who comes to a cycle is told its number within this time; who is there already, within ``period_s``."""

JITTER = 0.2
FORGET_PERIODS = 3
MAX_CYCLES = 200
"""A process tells the counts of its so many most watched cycles; in the others' sums the rest is missing."""

MAX_PROCESSES = 64
MAX_BODY_BYTES = 32 * 1024
MAX_PEOPLE = 1_000_000
PENDING_MESSAGES = 256
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_log = structlog.get_logger(__name__)


class Audience(Protocol):
    """What is asked of the hub."""

    def watched(self, family: str) -> Iterable[str]: ...

    def watchers_of(self, channel: str) -> Sequence[Watcher]: ...

    def turnover(self, channel: str) -> int: ...

    def tell(self, watcher: Watcher, frame: Frame) -> None: ...

    def whisper(self, channel: str, kind: str, data: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Report:
    """What another process said last, and when it was heard."""

    counts: Mapping[str, int]
    heard_at: float


class Viewers:
    """The counts of one process, and what it was told of the others'."""

    def __init__(self, hub: Audience, period_s: float) -> None:
        self._hub, self._period_s = hub, period_s
        self._process = secrets.token_hex(8)
        self._reports: dict[str, _Report] = {}
        self._told: dict[str, int] = {}
        self._greeted: dict[str, frozenset[Watcher]] = {}
        self._turnovers: dict[str, int] = {}

    async def run(self, nc: Client) -> None:
        """Count, tell and listen, for ever; while NATS is away, only what is here counts."""
        await nc.subscribe(SUBJECT, cb=self._hear, pending_msgs_limit=PENDING_MESSAGES)
        next_round = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= next_round:
                next_round = now + self._period_s * random.uniform(1 - JITTER, 1 + JITTER)
                await self._publish(nc)
                self.tell(now)
            self.greet()
            await asyncio.sleep(min(GREET_S, self._period_s))

    def report(self) -> bytes:
        """Return this process's own counts, for the others."""
        counts = {channel.partition(":")[2]: self._own(channel) for channel in self._hub.watched(FAMILY)}
        most = sorted(counts.items(), key=lambda item: -item[1])[:MAX_CYCLES]
        return orjson.dumps({"process": self._process, "cycles": dict(most)})

    def hear(self, body: bytes, now: float) -> None:
        """Take another process's counts; what is not one is passed over."""
        report = _read(body)
        if report is None:
            _log.warning("viewers_malformed", size=len(body))
            return
        process, counts = report
        if process == self._process:
            return
        self._reports.pop(process, None)
        self._reports[process] = _Report(counts, now)
        if len(self._reports) > MAX_PROCESSES:
            del self._reports[next(iter(self._reports))]  # the one not heard of for longest

    def tell(self, now: float) -> None:
        """Tell everyone here the numbers that changed."""
        oldest = now - FORGET_PERIODS * self._period_s
        self._reports = {process: report for process, report in self._reports.items() if report.heard_at >= oldest}
        told = {}
        for channel in list(self._hub.watched(FAMILY)):
            told[channel] = number = self._sum(channel)
            if self._told.get(channel) != number:
                self._hub.whisper(channel, "viewers", {"n": number})
                self._greeted[channel] = frozenset(self._hub.watchers_of(channel))
        self._told = told

    def greet(self) -> None:
        """Tell those who came since the last time."""
        greeted, turnovers = {}, {}
        for channel in list(self._hub.watched(FAMILY)):
            turnovers[channel] = self._hub.turnover(channel)
            if turnovers[channel] == self._turnovers.get(channel) and channel in self._greeted:
                greeted[channel] = self._greeted[channel]
                continue
            here = frozenset(self._hub.watchers_of(channel))
            new = here - self._greeted.get(channel, frozenset())
            if new:
                frame = protocol.whisper(channel, "viewers", {"n": self._sum(channel)}, time.time_ns() // 1_000_000)
                for watcher in new:
                    self._hub.tell(watcher, frame)
            greeted[channel] = here
        self._greeted, self._turnovers = greeted, turnovers

    def _own(self, channel: str) -> int:
        identities = (watcher.identity for watcher in self._hub.watchers_of(channel))
        return len({identity.person_id for identity in identities if identity is not None})

    def _sum(self, channel: str) -> int:
        cycle_id = channel.partition(":")[2]
        return self._own(channel) + sum(report.counts.get(cycle_id, 0) for report in self._reports.values())

    async def _publish(self, nc: Client) -> None:
        if not nc.is_connected:
            return  # it would only wait in the client's buffer and be told when it is no longer true
        try:
            await nc.publish(SUBJECT, self.report())
        except Error as problem:
            _log.warning("viewers_untold", problem=str(problem))

    async def _hear(self, message: Msg) -> None:
        self.hear(message.data, time.monotonic())


def _read(body: bytes) -> tuple[str, dict[str, int]] | None:
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("cycles"), dict):
        return None
    process, counts = told.get("process"), told["cycles"]
    if not isinstance(process, str) or not _ID.fullmatch(process) or len(counts) > MAX_CYCLES:
        return None
    if not all(_ID.fullmatch(cycle_id) and _is_count(count) for cycle_id, count in counts.items()):
        return None
    return process, counts


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PEOPLE
