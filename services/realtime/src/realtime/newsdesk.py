"""Where events become news: reads each message, cuts whom it signs out, hands the rest to the hub."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import structlog
from mercadito_events.envelope import Event, MalformedEvent
from mercadito_events.service import tracing

from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.projection import SHOWN, News, news_of
from realtime.sessions import Session
from realtime.tickets import Tickets

SIGNED_OUT = "orders.person.signed_out.v1"
MAX_ID_CHARS = 64
TICK_S = 0.05
MAX_UNWRITTEN = 10_000
"""Of so many events that wait for a tick the age is measured when it comes."""

REST_SHARE = 0.5
"""After a tick that took long, this share of a tick passes before the next: sockets must be read, too."""

_log = structlog.get_logger(__name__)


class Message(Protocol):
    """What is read of a message of a stream."""

    @property
    def subject(self) -> str: ...
    @property
    def headers(self) -> dict[str, str] | None: ...
    @property
    def data(self) -> bytes: ...


class NewsDesk:
    """Takes the streams' messages in order; one that makes no sense is logged and passed over."""

    def __init__(
        self, hub: Hub, tickets: Tickets, metrics: Metrics, sessions_of: Callable[[str], Iterable[Session]]
    ) -> None:
        self._hub, self._tickets, self._metrics, self._sessions_of = hub, tickets, metrics, sessions_of
        self._tick: asyncio.Handle | None = None
        self._urgent: asyncio.Handle | None = None
        self._next_tick = 0.0
        self._unwritten: list[tuple[float, tracing.Span]] = []

    def restart(self, stream: str, epoch: str, floor: int, floor_ms: int) -> None:
        """Begin a stream (anew): see ``Hub.restart``."""
        self._hub.restart(stream, epoch, floor, floor_ms)

    def take(self, stream: str, offset: int, at_ms: int, message: Message, *, is_live: bool) -> None:
        """Publish the news of a message, at once or at the next tick."""
        self._metrics.events.labels(stream).inc()
        if message.subject not in SHOWN:
            return self._hub.publish(stream, offset, at_ms, ())
        try:
            event = Event.from_message(message.subject, message.headers, message.data)
            news = news_of(event)
            if event.type == SIGNED_OUT:
                self._tickets.sign_out(event)
        except MalformedEvent as problem:
            _log.warning("event_malformed", problem=str(problem), **self._skipped(stream, offset, message))
            return self._hub.publish(stream, offset, at_ms, ())
        except Exception:  # noqa: BLE001 - the outermost frame of an event: our fault with one must not stop the stream
            _log.exception("event_failed", **self._skipped(stream, offset, message))
            return self._hub.publish(stream, offset, at_ms, ())
        self._hub.publish(stream, offset, at_ms, news)
        if event.type == SIGNED_OUT:
            self._hub.send_urgent()  # they are told before they are cut
            self._cut(str(event.data["person_id"]))
        if is_live and news and len(self._unwritten) < MAX_UNWRITTEN:
            span = tracing.begin(f"show {event.type}", "consumer", event.traceparent, event_id=event.id)
            self._unwritten.append((event.time.timestamp(), span))
        self._arm()
        return None

    def _skipped(self, stream: str, offset: int, message: Message) -> dict[str, Any]:
        """Count an event that is passed over; return what an operator needs to find it."""
        self._metrics.skipped.labels(stream).inc()
        event_id = (message.headers or {}).get("ce-id", "")[:MAX_ID_CHARS]
        return {"stream": stream, "offset": offset, "subject": message.subject, "event_id": event_id}

    def _cut(self, person_id: str) -> None:
        for session in self._sessions_of(person_id):
            session.check_sign_out()

    def _arm(self) -> None:
        """See to it that what waits is sent: what is urgent once this batch of events was read, the rest by ticks."""
        loop = asyncio.get_running_loop()
        if self._hub.is_urgent and self._urgent is None:
            self._urgent = loop.call_soon(self._on_urgent)
        if self._hub.is_waiting and self._tick is None:
            self._tick = loop.call_later(max(0.0, self._next_tick - time.monotonic()), self._on_tick)

    def _note_written(self) -> None:
        """Observe how old the events were when all of their news had been written."""
        if self._hub.is_waiting or self._hub.is_urgent:
            return
        now = time.time()
        for at, span in self._unwritten:
            self._metrics.event_age_s.observe(max(0.0, now - at))
            span.end()
        self._unwritten.clear()

    def _on_urgent(self) -> None:
        self._urgent = None
        self._hub.send_urgent()
        self._note_written()

    def _on_tick(self) -> None:
        self._tick = None
        began = time.monotonic()
        self._hub.tick()
        ended = time.monotonic()
        self._metrics.tick_s.observe(ended - began)
        self._next_tick = max(began + TICK_S, ended + TICK_S * REST_SHARE)
        self._note_written()
        self._arm()


def news_in(message: Message) -> Sequence[News]:
    """Return the news in a message of a stream; none when it makes no sense, which was logged when it came."""
    if message.subject not in SHOWN:
        return ()
    try:
        return news_of(Event.from_message(message.subject, message.headers, message.data))
    except MalformedEvent:
        return ()
    except Exception:  # noqa: BLE001 - the outermost frame of an event: our fault with one must not stop the others
        _log.exception("event_failed", subject=message.subject)
        return ()
