"""What is kept of an event that could not be handled: on ``dlq.<durable>``, for an operator to look at and replay."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from mercadito_events.envelope import MAX_BODY_BYTES, Event, MalformedEvent
from mercadito_events.handling import Permanent
from mercadito_events.topology import CONFIDENTIAL_STREAM

PUBLISH_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 300
# What a message that is none of ours keeps of its headers: with an event's largest body and what is added here it must
# fit into DLQ's max_message_kb, and under the 64 kB that a server takes, or it could never be buried.
MAX_HEADERS_BYTES = 8_192
MAX_ATTRIBUTE_CHARS = 256
DEAD_LETTER_STREAM = "DLQ"
_ATTRIBUTES = ("ce-id", "ce-type", "ce-time", "ce-source", "ce-specversion")


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

    Of ACCOUNTS events only the attributes go along, never the body: it holds addresses and one-time links. Of messages
    larger than an event may be, only the beginning: ``x-cut`` says how large they were.
    """
    original = dict(message.headers or {})
    place = message.metadata
    confidential = place.stream == CONFIDENTIAL_STREAM
    body = b"" if confidential else message.data[:MAX_BODY_BYTES]
    headers = _kept(original, confidential=confidential)
    # Delivered again it is the same letter; told again, and failed again, another.
    letter_id = f"{original.get('ce-id', '')[:MAX_ATTRIBUTE_CHARS]}:{durable}:{place.sequence.stream}"
    headers |= {
        "Nats-Msg-Id": letter_id,
        "x-error": describe(error),
        "x-delivered": str(place.num_delivered),
        "x-subject": message.subject[:MAX_ATTRIBUTE_CHARS],
        "x-stream": place.stream,
        "x-stream-seq": str(place.sequence.stream),
    }
    if not confidential and len(body) < len(message.data):
        headers["x-cut"] = str(len(message.data))
    await js.publish(f"dlq.{durable}", body, timeout=PUBLISH_TIMEOUT_S, stream=DEAD_LETTER_STREAM, headers=headers)


def describe(error: Exception) -> str:
    """Return the error for a header: its text only where whoever raised it knew that it would be read."""
    name = type(error).__name__
    if isinstance(error, (Permanent, MalformedEvent, GivenUp)) and str(error):
        # A database's own message may quote a row; those of our own exceptions do not.
        return quote(f"{name}: {error}"[:MAX_ERROR_CHARS], safe=" :;,.'()/=_-")
    return name


def _kept(original: Mapping[str, str], *, confidential: bool) -> dict[str, str]:
    size = sum(len(f"{name}: {value}\r\n".encode()) for name, value in original.items())
    if confidential or size > MAX_HEADERS_BYTES:
        return {name: original[name][:MAX_ATTRIBUTE_CHARS] for name in _ATTRIBUTES if name in original}
    # Nats-… headers are orders to the stream they were sent to; repeated, DLQ would obey or refuse them.
    return {name: value for name, value in original.items() if not name.lower().startswith("nats-")}
