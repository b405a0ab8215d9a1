"""One client: it signs in, watches channels, answers pings, and is let go when it breaks a rule or falls behind."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from mercadito_events.service.identity import Identity, Unauthenticated

from realtime import channels, protocol
from realtime.hub import Hub, unix_ms
from realtime.protocol import (
    MAX_CHANNELS_PER_CLIENT,
    Auth,
    BadFrame,
    Close,
    Command,
    Pong,
    Subscribe,
    Unsubscribe,
    Wish,
)
from realtime.tickets import Tickets

AUTH_S = 5.0
PONG_S = 10.0
COMMANDS_PER_S = 20.0
COMMANDS_BURST = 40.0
OUT_BUFFER_BYTES = 64 * 1024
"""A client that has more than this waiting for longer than ``STALL_S`` is too slow (4008)."""

STALL_S = 1.0
OUT_BUFFER_HARD_BYTES = 4 * OUT_BUFFER_BYTES
"""With more than this it is too slow at once."""


class Outlet(Protocol):
    """The way to the client."""

    def send(self, frame: bytes) -> None:
        """Write a text frame without waiting."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close; what was sent before goes out first if the client reads it."""

    def abort(self) -> None:
        """End the connection without a word."""

    def buffered(self) -> int:
        """Return how many bytes wait to be written."""

    async def drained(self) -> None:
        """Wait until little waits to be written, or until the session's sweep has closed it."""


class Session:
    """The state of one socket; someone calls ``check`` twice a second for what is due.

    ``claim`` says whether this person may have one more. ``closed_with`` is the code it was closed with by us, None
    while it is open.
    """

    def __init__(
        self,
        outlet: Outlet,
        *,
        hub: Hub,
        tickets: Tickets,
        claim: Callable[["Session", str], bool],
        address: str,
        ping_s: int,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.address = address
        self.identity: Identity | None = None
        self.closed_with: int | None = None
        self._outlet, self._hub, self._tickets, self._claim = outlet, hub, tickets, claim
        self._channels: set[str] = set()
        self._ping_s = ping_s
        now = time.monotonic()
        self._deadline = now + AUTH_S
        self._ping_at = now + ping_s
        self._pings = 0
        self._silent_since: float | None = None
        self._full_since: float | None = None
        self._allowance, self._allowed_at = COMMANDS_BURST, now

    async def receive(self, message: str | bytes) -> None:
        """Take a client's frame."""
        self._silent_since = None
        if not self._may_speak():
            return self.close(Close.TOO_MANY, "too many commands")
        if isinstance(message, bytes):
            return self.close(Close.NOT_TEXT, "text frames only")
        try:
            command = protocol.parse(message)
        except BadFrame:
            if self.identity is None:
                return self._refuse("auth first")
            return self._tell(protocol.error("malformed"))
        if self.identity is None and not isinstance(command, Auth):
            return self._refuse("auth first")
        await self._obey(command)
        return None

    def deliver(self, frame: bytes) -> None:
        """Write news to the client, unless it is too far behind."""
        if self._keeps_up(time.monotonic()):
            self._tell(frame)

    def check(self, now: float) -> None:
        """Do what is due: sign-in deadline or ticket expiry, ping, silence, a full buffer."""
        if self.closed_with is not None or not self._keeps_up(now):
            return
        if now >= self._deadline:
            self._refuse("no sign-in in time" if self.identity is None else "ticket expired")
        elif self._silent_since is not None and now - self._silent_since >= PONG_S:
            self.close(Close.TOO_SLOW, "no answer to a ping")
        elif self.identity is not None and now >= self._ping_at:
            self._ping(now)

    def check_sign_out(self) -> None:
        """Close when what let the client in was signed out."""
        if self.identity is not None and not self._tickets.still_holds(self.identity):
            self._refuse("signed out")

    def drain(self, retry_ms: int) -> None:
        """Ask the client to come back after that time, and close."""
        self._tell(protocol.drain(retry_ms))
        self.close(Close.RESTART, "restart")

    def close(self, code: int, reason: str) -> None:
        """Stop watching and close; the first code counts."""
        if self.closed_with is None:
            self.closed_with = code
            self.leave()
            self._outlet.close(code, reason)

    def abort(self) -> None:
        """End the connection at once: it was asked to close and did not."""
        self._outlet.abort()

    def leave(self) -> None:
        """Stop watching everything."""
        for name in self._channels:
            self._hub.unsubscribe(self, name)
        self._channels.clear()

    def _tell(self, frame: bytes) -> None:
        if self.closed_with is None:
            self._outlet.send(frame)

    def _refuse(self, reason: str) -> None:
        self._tell(protocol.error("unauthenticated"))
        self.close(Close.UNAUTHENTICATED, reason)

    async def _obey(self, command: Command) -> None:
        match command:
            case Auth(ticket):
                self._sign_in(ticket)
            case Subscribe(wishes):
                for wish in wishes:
                    await self._outlet.drained()
                    if self.closed_with is not None:
                        return
                    self._watch(wish)
            case Unsubscribe(names):
                for name in self._channels.intersection(names):
                    self._channels.remove(name)
                    self._hub.unsubscribe(self, name)
            case Pong():
                pass  # whatever a client says shows that it is there

    def _sign_in(self, ticket: str) -> None:
        try:
            identity = self._tickets.identify(ticket)
        except Unauthenticated as refusal:
            return self._refuse(str(refusal))
        if self.identity is not None and self.identity.person_id != identity.person_id:
            return self.close(Close.FORBIDDEN, "another person's ticket")
        if self.identity is None and not self._claim(self, identity.person_id):
            return self.close(Close.TOO_MANY, "too many connections of this person")
        self.identity = identity
        self._deadline = time.monotonic() + (identity.expires_at - datetime.now(UTC)).total_seconds()
        self._tell(protocol.welcome(self.id, self._ping_s))
        self._drop_lost_rights(identity)
        return None

    def _drop_lost_rights(self, identity: Identity) -> None:
        for name in sorted(self._channels):
            channel = channels.parse(name)
            if channel is None or not channels.may_watch(identity, channel):
                self._channels.remove(name)
                self._hub.unsubscribe(self, name)
                self._tell(protocol.error("forbidden", name))

    def _watch(self, wish: Wish) -> None:
        problem = self._problem_with(wish.channel)
        if problem:
            return self._tell(protocol.error(problem, wish.channel))
        self._channels.add(wish.channel)
        answer = self._hub.subscribe(self, wish)
        self._tell(protocol.subscribed(wish.channel, answer.position, recovered=answer.recovered))
        if answer.missed:
            self._tell(protocol.batch(wish.channel, answer.position.offset, answer.missed, unix_ms()))
        return None

    def _problem_with(self, name: str) -> str | None:
        channel = channels.parse(name)
        if channel is None:
            return "unknown-channel"
        if self.identity is None or not channels.may_watch(self.identity, channel):
            return "forbidden"
        if name not in self._channels and len(self._channels) >= MAX_CHANNELS_PER_CLIENT:
            return "too-many-channels"
        return None

    def _ping(self, now: float) -> None:
        self._pings += 1
        self._ping_at = now + self._ping_s
        if self._silent_since is None:
            self._silent_since = now
        self._tell(protocol.ping(self._pings))

    def _may_speak(self) -> bool:
        now = time.monotonic()
        earned = (now - self._allowed_at) * COMMANDS_PER_S
        self._allowance, self._allowed_at = min(COMMANDS_BURST, self._allowance + earned) - 1, now
        return self._allowance >= 0

    def _keeps_up(self, now: float) -> bool:
        waiting = self._outlet.buffered()
        if waiting <= OUT_BUFFER_BYTES:
            self._full_since = None
            return True
        if self._full_since is None:
            self._full_since = now
        if waiting <= OUT_BUFFER_HARD_BYTES and now - self._full_since < STALL_S:
            return True
        self.close(Close.TOO_SLOW, "too slow")
        return False
