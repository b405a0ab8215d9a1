"""What one client watches, fed as fast as it reads: a socket's side of the hub, whatever carries its frames.

A client whose way is full (``pause``) is no longer among the watchers; nothing is kept for it but its positions. Once
it has read what waited (``resume``), it is caught up from memory as if it had come back: only the latest of each
offer and price is sent, so falling behind never costs more than being away.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from mercadito_events.service.identity import Identity

from realtime import protocol
from realtime.chain import Deliver
from realtime.channels import stream_of
from realtime.hub import Hub
from realtime.protocol import Frame, Position, Wish
from realtime.ring import Stretch


class Outlet(Protocol):
    """The way to the client."""

    @property
    def deliver(self) -> Deliver:
        """What the hub calls for each frame of news: ``send``, or what does the same for news and is quicker."""

    def send(self, frame: Frame) -> None:
        """Write a frame without waiting; may call the subscriber's ``pause`` before it returns."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close; what was sent before goes out first if the client reads it."""

    def abort(self) -> None:
        """End the connection without a word."""

    def buffered(self) -> int:
        """Return how many bytes wait to be written."""


Found = Callable[[Stretch | None], None]


class Archive(Protocol):
    """Reads older parts of the streams again."""

    def ask(self, stream: str, channel: str, position: Position, found: Found) -> None:
        """Have ``found`` called with what the stream holds of a channel after that position; None: it can't be had."""


class Subscriber:
    """The channels of one client. ``deliver`` is the outlet's own: the hub calls it for every frame."""

    __slots__ = (
        *("_archive", "_asked", "_behind", "_hub", "_outlet", "_waiting", "_watched"),
        *("deliver", "identity", "is_paused"),
    )

    def __init__(self, outlet: Outlet, hub: Hub, archive: Archive) -> None:
        self._outlet, self._hub, self._archive = outlet, hub, archive
        self.deliver = outlet.deliver
        self.identity: Identity | None = None
        self.is_paused = False
        self._watched: set[str] = set()
        self._behind: dict[str, Position] = {}
        self._waiting: dict[str, Wish] = {}
        self._asked: dict[str, object] = {}

    def __len__(self) -> int:
        return len(self._watched) + len(self._behind) + len(self._waiting) + len(self._asked)

    def __contains__(self, channel: str) -> bool:
        return any(channel in group for group in self._groups())

    @property
    def channels(self) -> list[str]:
        """Name everything that is watched or will be."""
        return sorted(name for group in self._groups() for name in group)

    def watch(self, wish: Wish) -> None:
        """Answer a subscription: now, or once the client has read what waits, or once the stream was read again."""
        self.unwatch(wish.channel)
        if self.is_paused:
            self._waiting[wish.channel] = wish
        elif wish.position is None or self._hub.reaches_back_to(wish):
            self._answer(wish)
        else:
            token = self._asked[wish.channel] = object()
            stream = stream_of(wish.channel)
            self._archive.ask(stream, wish.channel, wish.position, lambda found: self._found(token, wish, found))

    def unwatch(self, channel: str) -> None:
        """Stop watching a channel, whatever became of it so far."""
        for group in (self._behind, self._waiting, self._asked):
            group.pop(channel, None)
        if channel in self._watched:
            self._watched.discard(channel)
            self._hub.unsubscribe(self, channel)

    def leave(self) -> None:
        """Stop watching everything."""
        for channel in self.channels:
            self.unwatch(channel)

    def pause(self) -> None:
        """Send nothing more: the client does not read as fast as news comes."""
        if self.is_paused:
            return
        self.is_paused = True
        for channel in self._watched:
            position = self._hub.unsubscribe(self, channel)
            if position is not None:
                self._behind[channel] = position
        self._watched.clear()

    def resume(self) -> None:
        """Catch up, as far as the way takes it, and go on."""
        self.is_paused = False
        for channel, position in list(self._behind.items()):
            if self.is_paused:
                return
            if self._behind.pop(channel, None) is not None:
                self._catch_up(Wish(channel, position))
        for channel, wish in list(self._waiting.items()):
            if self.is_paused:
                return
            if self._waiting.pop(channel, None) is not None:
                self.watch(wish)

    def _groups(self) -> Iterable[Iterable[str]]:
        return (self._watched, self._behind, self._waiting, self._asked)

    def _found(self, token: object, wish: Wish, found: Stretch | None) -> None:
        if self._asked.get(wish.channel) is not token:
            return  # it has unsubscribed, or asked again
        del self._asked[wish.channel]
        if self.is_paused:
            self._waiting[wish.channel] = wish
        else:
            self._answer(wish, found)

    def _answer(self, wish: Wish, earlier: Stretch | None = None) -> None:
        self._watched.add(wish.channel)
        answer = self._hub.subscribe(self, wish, earlier)
        told = protocol.subscribed(wish.channel, answer.position, recovered=answer.recovered)
        self._outlet.send(told)
        self._send_missed(answer.missed)

    def _catch_up(self, wish: Wish) -> None:
        """Go on where it stopped; its chain goes on too, so there is nothing to say but what it missed."""
        self._watched.add(wish.channel)
        answer = self._hub.subscribe(self, wish)
        if not answer.recovered:
            self._outlet.send(protocol.subscribed(wish.channel, answer.position, recovered=False))
        self._send_missed(answer.missed)

    def _send_missed(self, missed: Frame | None) -> None:
        if missed is not None:
            self._outlet.send(missed)
