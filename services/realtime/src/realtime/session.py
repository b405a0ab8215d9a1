"""One WebSocket's conversation: it signs in, watches channels, answers pings, and is let go when it breaks a rule."""

import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from mercadito_events.service.identity import Identity, Unauthenticated

from realtime import channels, protocol
from realtime.hub import Hub
from realtime.protocol import (
    MAX_CHANNELS_PER_CLIENT,
    Auth,
    BadFrame,
    Close,
    Command,
    Frame,
    Pong,
    Subscribe,
    Unsubscribe,
    Wish,
)
from realtime.subscriber import Archive, Outlet, Subscriber
from realtime.tickets import Tickets

AUTH_S = 5.0
PONG_S = 10.0
COMMANDS_PER_S = 20.0
COMMANDS_BURST = 40.0
STALL_S = 5.0
"""A client that has not read what waits for it for so long is too slow (4008)."""

CLOSE_S = 3.0
"""So long a client may take to answer our closing; then the connection is cut. One that does not read has less."""

STALLED_CLOSE_S = 1.0

MAX_AGE_S = 30 * 60
AGE_SPREAD = 0.2
"""A socket older than ``MAX_AGE_S``, give or take this share of it, is asked to come back: to whichever process."""

MOVE_MS = 2_000
"""Within so long it comes back then."""


class Session:
    """The state of one socket; whoever runs it calls ``check`` when ``due`` has come.

    ``claim`` says whether this person may have one more; ``due_changed`` is called when ``due`` became earlier.
    ``closed_with`` is the code it was closed with by us, None while it is open.
    """

    transport = "ws"
    __slots__ = (
        *("_age_at", "_allowance", "_allowed_at", "_claim", "_deadline", "_due_changed", "_hub", "_outlet"),
        *("_ping_at", "_ping_s", "_pings", "_silent_since", "_tickets"),
        *("address", "closed_with", "id", "opened_at", "stalled_since", "subscriber"),
    )

    def __init__(
        self,
        outlet: Outlet,
        *,
        hub: Hub,
        archive: Archive,
        tickets: Tickets,
        claim: Callable[["Session", str], bool],
        due_changed: Callable[["Session"], None],
        address: str,
        ping_s: int,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.address = address
        self.subscriber = Subscriber(outlet, hub, archive)
        self.closed_with: int | None = None
        self.stalled_since: float | None = None
        self._outlet, self._hub, self._tickets = outlet, hub, tickets
        self._claim, self._due_changed = claim, due_changed
        self._ping_s = ping_s
        now = self.opened_at = time.monotonic()
        self._deadline = now + AUTH_S
        self._age_at = now + MAX_AGE_S * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)
        self._ping_at = now + ping_s * random.uniform(0.5, 1)
        self._pings = 0
        self._silent_since: float | None = None
        self._allowance, self._allowed_at = COMMANDS_BURST, now

    @property
    def identity(self) -> Identity | None:
        return self.subscriber.identity

    @property
    def channels(self) -> list[str]:
        return self.subscriber.channels

    @property
    def due(self) -> float:
        """When ``check`` is to be called next."""
        if self.identity is None or self.closed_with is not None:
            return self._deadline
        if self.stalled_since is not None:
            return min(self._deadline, self.stalled_since + STALL_S)
        silent = self._ping_at if self._silent_since is None else self._silent_since + PONG_S
        return min(self._deadline, self._age_at, self._ping_at, silent)

    def receive(self, message: str) -> None:
        """Take a client's frame."""
        if self.closed_with is not None:
            return None
        self._silent_since = None
        if not self._may_speak():
            return self.close(Close.TOO_MANY, "too many commands")
        try:
            command = protocol.parse(message)
        except BadFrame:
            if self.identity is None:
                return self._refuse("auth first")
            return self._tell(protocol.error("malformed"))
        if self.identity is None and not isinstance(command, Auth):
            return self._refuse("auth first")
        return self._obey(command)

    def check(self, now: float) -> None:
        """Do what is due: sign-in deadline or ticket expiry, a stall, silence, a ping, the socket's age."""
        if self.closed_with is not None:
            return self._outlet.abort() if now >= self._deadline else None
        if now >= self._deadline:
            return self._refuse("no sign-in in time" if self.identity is None else "ticket expired")
        if self.stalled_since is not None:
            return self._check_stall(now)
        if self._silent_since is not None and now - self._silent_since >= PONG_S:
            return self.close(Close.TOO_SLOW, "no answer to a ping")
        if now >= self._age_at:
            return self.drain(random.randint(0, MOVE_MS))
        if now >= self._ping_at:
            self._ping(now)
        return None

    def check_sign_out(self) -> None:
        """Close when what let the client in was signed out."""
        if self.identity is not None and not self._tickets.still_holds(self.identity):
            self._refuse("signed out")

    def pause(self) -> None:
        """Note that the client's way is full."""
        if self.closed_with is None and self.stalled_since is None:
            self.stalled_since = time.monotonic()
            self.subscriber.pause()
            self._due_changed(self)

    def resume(self) -> None:
        """Go on: the client has read what waited."""
        if self.closed_with is None and self.stalled_since is not None:
            self.stalled_since = None
            self.subscriber.resume()
            self._due_changed(self)

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
            self._deadline = time.monotonic() + (CLOSE_S if self.stalled_since is None else STALLED_CLOSE_S)
            self._due_changed(self)

    def abort(self) -> None:
        """End the connection at once: it was asked to close and did not."""
        self._outlet.abort()

    def buffered(self) -> int:
        """Return how many bytes wait here for the client to read."""
        return self._outlet.buffered()

    def leave(self) -> None:
        """Stop watching everything."""
        self.subscriber.leave()

    def _tell(self, frame: Frame) -> None:
        if self.closed_with is None:
            self._outlet.send(frame)

    def _refuse(self, reason: str) -> None:
        self._tell(protocol.error("unauthenticated"))
        self.close(Close.UNAUTHENTICATED, reason)

    def _obey(self, command: Command) -> None:
        match command:
            case Auth(ticket):
                self._sign_in(ticket)
            case Subscribe(wishes):
                for wish in wishes:
                    self._watch(wish)
            case Unsubscribe(names):
                for name in names:
                    self.subscriber.unwatch(name)
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
        self.subscriber.identity = identity
        self._deadline = time.monotonic() + (identity.expires_at - datetime.now(UTC)).total_seconds()
        self._due_changed(self)
        self._tell(protocol.welcome(self.id, self._ping_s))
        self._drop_lost_rights(identity)
        return None

    def _drop_lost_rights(self, identity: Identity) -> None:
        for name in self.subscriber.channels:
            channel = channels.parse(name)
            if channel is None or not channels.may_watch(identity, channel):
                self.subscriber.unwatch(name)
                self._tell(protocol.error("forbidden", name))

    def _watch(self, wish: Wish) -> None:
        problem = self._problem_with(wish.channel)
        if problem:
            self._tell(protocol.error(problem, wish.channel))
        elif self.closed_with is None:
            self.subscriber.watch(wish)

    def _problem_with(self, name: str) -> str | None:
        channel = channels.parse(name)
        if channel is None:
            return "unknown-channel"
        if self.identity is None or not channels.may_watch(self.identity, channel):
            return "forbidden"
        if name not in self.subscriber and len(self.subscriber) >= MAX_CHANNELS_PER_CLIENT:
            return "too-many-channels"
        return None

    def _check_stall(self, now: float) -> None:
        if self.stalled_since is not None and now - self.stalled_since >= STALL_S:
            self.close(Close.TOO_SLOW, "too slow")

    def _ping(self, now: float) -> None:
        self._pings += 1
        self._ping_at = now + self._ping_s
        if self._silent_since is None:
            self._silent_since = now
        self._tell(protocol.ping(self._pings, self._hub.seen()))

    def _may_speak(self) -> bool:
        now = time.monotonic()
        earned = (now - self._allowed_at) * COMMANDS_PER_S
        self._allowance, self._allowed_at = min(COMMANDS_BURST, self._allowance + earned) - 1, now
        return self._allowance >= 0
