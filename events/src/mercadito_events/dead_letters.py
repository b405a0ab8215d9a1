"""What is kept of an event that could not be handled: on ``dlq.<durable>``, for an operator to look at and replay."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from mercadito_events.envelope import Event, MalformedEvent
from mercadito_events.handling import Permanent
from mercadito_events.topology import CONFIDENTIAL_STREAM

PUBLISH_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 300
DEAD_LETTER_STREAM = "DLQ"
_KEPT_OF_CONFIDENTIAL = ("ce-id", "ce-type", "ce-time", "ce-source", "ce-specversion")


class GivenUp(Exception):
    """The event failed, or killed its process, as often as it may."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled, as it came, for a service that keeps its own and handles them again.

    The body may be confidential: it belongs into no log.
    """

    durable: str
    stream: str
    stream_seq: int
    subject: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    error: str

    @classmethod
    def of(cls, message: Msg, *, durable: str, error: Exception) -> "DeadLetter":
        """Describe a message that ``error`` ended."""
        place, headers = message.metadata, dict(message.headers or {})
        sequence = place.sequence.stream
        return cls(durable, place.stream, sequence, message.subject, headers, message.data, describe(error))

    def event(self) -> Event:
        """Return the event.

        Raises:
            MalformedEvent: it is none.

        """
        return Event.from_message(self.subject, self.headers, self.body)


async def publish(js: JetStreamContext, message: Msg, *, durable: str, error: Exception) -> None:
    """Publish a message as a dead letter of this durable and wait for the acknowledgement.

    Of ACCOUNTS events only the attributes go along, never the body: it holds addresses and one-time links.
    """
    original = dict(message.headers or {})
    place = message.metadata
    confidential = place.stream == CONFIDENTIAL_STREAM
    headers = _kept(original, confidential=confidential) | {
        "Nats-Msg-Id": f"{original.get('ce-id') or f'{place.stream}:{place.sequence.stream}'}:{durable}",
        "x-error": describe(error),
        "x-delivered": str(place.num_delivered),
        "x-subject": message.subject,
        "x-stream": place.stream,
        "x-stream-seq": str(place.sequence.stream),
    }
    body = b"" if confidential else message.data
    await js.publish(f"dlq.{durable}", body, timeout=PUBLISH_TIMEOUT_S, stream=DEAD_LETTER_STREAM, headers=headers)


def describe(error: Exception) -> str:
    """Return the error for a header: its text only where whoever raised it knew that it would be read."""
    name = type(error).__name__
    if isinstance(error, (Permanent, MalformedEvent, GivenUp)) and str(error):
        # A database's own message may quote a row; those of our own exceptions do not.
        return quote(f"{name}: {error}"[:MAX_ERROR_CHARS], safe=" :;,.'()/=_-")
    return name


def _kept(original: Mapping[str, str], *, confidential: bool) -> dict[str, str]:
    if confidential:
        return {name: original[name] for name in _KEPT_OF_CONFIDENTIAL if name in original}
    # Nats-… headers are orders to the stream they were sent to; repeated, DLQ would obey or refuse them.
    return {name: value for name, value in original.items() if not name.lower().startswith("nats-")}
