"""What is kept of an event that could not be handled: on ``dlq.<durable>``, for an operator to look at and replay."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from nats.aio.msg import Msg
from nats.errors import BadHeaderError
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
# nats-py reads names of other characters, but refuses to publish them (RFC 9110's tokens).
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


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
    attributes = _attributes(original)
    ours = {
        # Delivered again it is the same letter; told again, and failed again, another.
        "Nats-Msg-Id": f"{attributes.get('ce-id', '')}:{durable}:{place.sequence.stream}",
        "x-error": describe(error),
        "x-delivered": str(place.num_delivered),
        "x-subject": message.subject[:MAX_ATTRIBUTE_CHARS],
        "x-stream": place.stream,
        "x-stream-seq": str(place.sequence.stream),
    }
    if not confidential and len(body) < len(message.data):
        ours["x-cut"] = str(len(message.data))
    publish_to = partial(js.publish, f"dlq.{durable}", body, PUBLISH_TIMEOUT_S, DEAD_LETTER_STREAM)
    kept = attributes if confidential else _passed_on(original, attributes)
    try:
        await publish_to(headers=kept | ours)
    except (BadHeaderError, ValueError):
        # No header of others is worth the events behind: what can't be published now never can.
        await publish_to(headers=attributes | ours)


def describe(error: Exception) -> str:
    """Return the error for a header: its text only where whoever raised it knew that it would be read."""
    name = type(error).__name__
    if isinstance(error, (Permanent, MalformedEvent, GivenUp)) and str(error):
        # A database's own message may quote a row; those of our own exceptions do not.
        return quote(f"{name}: {error}"[:MAX_ERROR_CHARS], safe=" :;,.'()/=_-")
    return name


def _attributes(original: Mapping[str, str]) -> dict[str, str]:
    found = {name: original[name][:MAX_ATTRIBUTE_CHARS] for name in _ATTRIBUTES if name in original}
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items()}


def _passed_on(original: Mapping[str, str], attributes: dict[str, str]) -> dict[str, str]:
    """Return the headers that the letter keeps: all that it can, or the attributes alone where they are too many."""
    size = sum(len(f"{name}: {value}\r\n".encode("utf-8", "replace")) for name, value in original.items())
    if size > MAX_HEADERS_BYTES:
        return attributes
    return {name: value for name, value in original.items() if _is_passed_on(name, value)}


def _is_passed_on(name: str, value: str) -> bool:
    """Whether a header can be published, and means nothing to whom the letter passes through.

    ``Nats-…`` headers are orders to the stream they were sent to; repeated, DLQ would obey or refuse them. ``Status``
    is the server's word: nats-py's ``fetch`` would take the letter for one.
    """
    if _NAME.fullmatch(name) is None or name.lower().startswith("nats-") or name.lower() == "status":
        return False
    return value.encode("utf-8", "replace").decode() == value
