"""Which relay a message goes to: the first one that can be used; another only while nothing was sent."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence

from notify.errors import ConversationLost, DeliveryError, RelayFault
from notify.queueing import policy
from notify.queueing.pause import FLOWS, Pause
from notify.sending.connections import Bounds, Connections
from notify.sending.relay import Relay
from notify.sending.smtp import Watch

# So many mails refused in doubt, or lost, since the relay last took one: then it is the relay, or what it thinks of us.
SUSPECT_AFTER = 3


class Routes:
    """The relays of one process, in the order in which they are preferred, and how each fares."""

    def __init__(self, relays: Sequence[Relay], bounds: Bounds, watch: Watch) -> None:
        self._ways = {relay.name: Connections(relay, bounds, watch) for relay in relays}
        self._pauses: dict[str, Pause] = {}
        self._probed: set[str] = set()
        self._against: dict[str, set[str]] = {}
        """What speaks against each relay since it last took a mail: domains refused in doubt, mails lost."""

    @property
    def away(self) -> Sequence[str]:
        """The relays that are paused."""
        return [name for name in self._ways if self._of(name).left_s]

    def learn(self, pauses: Mapping[str, Pause]) -> None:
        """Take note of how the relays fare, as all processes see it."""
        self._pauses = dict(pauses)

    def note(self, name: str, pause: Pause) -> None:
        """Take note of what this process has just seen of a relay."""
        self._pauses[name] = pause

    def had_faults(self, name: str) -> bool:
        """Tell whether its last conversation went wrong."""
        return self._of(name).faults > 0

    def took_one(self, name: str) -> None:
        """Take note that a relay took a mail, or judged one by itself after a fault: whatever was held against it."""
        self._against.pop(name, None)

    def fault_in(self, name: str, error: DeliveryError, *, domain: str, mail: int) -> RelayFault | None:
        """Return the fault of a relay that an error tells of; None when it may as well be that of the one message.

        The same mail lost again, or another refused for the same domain, tells nothing new. While the relay is under
        suspicion anyway, one is enough.
        """
        if isinstance(error, RelayFault):
            return error
        if not policy.speaks_against_relay(error):
            return None
        against = self._against.setdefault(name, set())
        against.add(f"lost:{mail}" if isinstance(error, ConversationLost) else f"refused:{domain}")
        if len(against) < SUSPECT_AFTER and not self.had_faults(name):
            return None
        # A probe after a dot without an answer may cost a mail, so there are few: that pause grows as any other.
        may_be_taken = isinstance(error, ConversationLost) and error.after_dot
        return RelayFault(f"it took none of the last mails; now: {error}", in_doubt=not may_be_taken)

    @property
    def usable(self) -> Sequence[str]:
        """The relays that are not paused."""
        return [name for name in self._ways if not self._of(name).left_s]

    def room(self, free: int, in_hand: int) -> int:
        """Return how many more messages may be taken on: after a fault one goes ahead, the others follow it."""
        usable = self.usable
        flows = any(not self.had_faults(name) for name in usable)
        return free if flows else min(free, max(0, len(usable) - in_hand))

    def choices(self, only: str | None) -> list[str]:
        """Return the relays to try, in order; ``only`` that one where it may have taken the message already."""
        usable = [name for name in self.usable if name not in self._probed]
        if only in self._ways:
            return [name for name in usable if name == only]
        return usable

    @contextlib.contextmanager
    def by(self, name: str) -> Iterator[Connections]:
        """Lend the way to a relay; one that had a fault is tried by one message at a time."""
        probing = self.had_faults(name)
        if probing:
            self._probed.add(name)
        try:
            yield self._ways[name]
        finally:
            if probing:
                self._probed.discard(name)

    def close_idle(self) -> None:
        """Say goodbye on connections that have had no work for long."""
        for way in self._ways.values():
            way.close_idle()

    async def close(self) -> None:
        """Say goodbye on every connection that is not at work."""
        await asyncio.gather(*(way.close() for way in self._ways.values()))

    def _of(self, name: str) -> Pause:
        return self._pauses.get(name, FLOWS)
