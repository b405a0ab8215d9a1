"""What every event looks like on the wire: CloudEvents 1.0, NATS binding, binary mode.

Attributes travel as ``ce-…`` headers, the body is JSON. ``ce-type`` equals the NATS subject: rights are given by
subject, so an event whose type says otherwise claims to come from someone it does not.
"""

import json
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, unquote

MAX_BODY_BYTES = 256_000
MAX_HEADER_CHARS = 1_000
SPEC_VERSION = "1.0"
SCHEMA_BASE = "https://mercadito.example/events/schemas/"

_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]{0,3}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# The NATS binding keeps printable ASCII as it is and percent-encodes the rest, and the percent sign itself.
_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%') + " "


class MalformedEvent(ValueError):
    """A message that no reader can make sense of, now or later."""


class EventTooLarge(ValueError):
    """A body over ``MAX_BODY_BYTES``: the publisher must split it with ``part`` and ``parts``."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; ``data`` is the JSON body, ids in it are strings."""

    id: str
    type: str
    source: str
    time: datetime
    subject: str | None
    data: Mapping[str, Any]
    traceparent: str | None
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def headers(self) -> dict[str, str]:
        """Return the NATS headers; ``Nats-Msg-Id`` makes a repeated publish within 10 minutes harmless."""
        headers = {
            "Nats-Msg-Id": self.id,
            "ce-specversion": SPEC_VERSION,
            "ce-id": self.id,
            "ce-type": self.type,
            "ce-source": _to_header(self.source),
            "ce-time": self.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ce-dataschema": f"{SCHEMA_BASE}{self.type}.schema.json",
            "content-type": "application/json",
        }
        if self.subject is not None:
            headers["ce-subject"] = _to_header(self.subject)
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        return headers

    def body(self) -> bytes:
        """Return the JSON body, made once; NaN, infinity and lone surrogates are refused, they are not JSON."""
        if self._encoded is None:
            encoded = json.dumps(self.data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
            object.__setattr__(self, "_encoded", encoded)
            return encoded
        return self._encoded

    @classmethod
    def from_message(cls, nats_subject: str, headers: Mapping[str, str] | None, body: bytes) -> Self:
        """Read a message; fields and headers nobody asked for are let through.

        Raises:
            MalformedEvent: it is not an event of this subject.

        """
        attributes = {name.lower(): value for name, value in (headers or {}).items()}
        if _required(attributes, "ce-type") != nats_subject:
            raise MalformedEvent("ce-type differs from the subject it was published on")
        subject, traceparent = attributes.get("ce-subject"), attributes.get("traceparent")
        return cls(
            id=_read_id(_required(attributes, "ce-id")),
            type=nats_subject,
            source=_from_header(_required(attributes, "ce-source")),
            time=_read_time(_required(attributes, "ce-time")),
            subject=None if subject is None else _from_header(subject),
            data=_read_body(body),
            # A broken trace context is dropped, not refused: W3C says so, and no business depends on it.
            traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
        )


def new_event(
    type_: str,
    data: Mapping[str, Any],
    *,
    source: str,
    subject: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """Make an event that happened now.

    Args:
        type_: the NATS subject, ``<context>.<noun>.<past verb>.v<major>``.
        data: JSON values only; times are ISO strings, money integer cents.
        source: ``/mercadito/<service>``.
        subject: the id of what it is about.
        traceparent: W3C trace context of the request that caused it.

    Raises:
        ValueError: the type, source or data is not what it must be.
        EventTooLarge: the body exceeds ``MAX_BODY_BYTES``.

    """
    if not _TYPE.fullmatch(type_):
        raise ValueError(f"{type_!r} is not an event type such as orders.order.placed.v1")
    if not source.startswith("/") or len(source) > MAX_HEADER_CHARS or len(subject or "") > MAX_HEADER_CHARS:
        raise ValueError("source starts with a slash; source and subject have at most 1,000 characters")
    if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
        traceparent = None
    event = Event(uuid7(), type_, source, datetime.now(UTC), subject, data, traceparent)
    size = len(event.body())
    if size > MAX_BODY_BYTES:
        raise EventTooLarge(f"{type_} has {size} bytes, {MAX_BODY_BYTES} are allowed; split it with part and parts")
    return event


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562): sorts by time, with a sub-millisecond fraction in ``rand_a``."""
    millis, nanos = divmod(time.time_ns(), 1_000_000)
    fraction = nanos * 4096 // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def _required(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name, "")
    if not value or len(value) > 3 * MAX_HEADER_CHARS:
        raise MalformedEvent(f"header {name} is missing, empty or too long")
    return value


def _read_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise MalformedEvent("ce-id is not a UUID") from None


def _read_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedEvent("ce-time is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise MalformedEvent("ce-time has no zone")
    return moment.astimezone(UTC)


def _read_body(body: bytes) -> Mapping[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise MalformedEvent(f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        data = json.loads(body.decode(), parse_constant=_refuse_constant)
        json.dumps(data, ensure_ascii=False).encode()  # an escaped lone surrogate parses, but can't be stored
    except (ValueError, RecursionError):
        raise MalformedEvent("the body is not JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise MalformedEvent("the body is not a JSON object")
    return data


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _to_header(text: str) -> str:
    return quote(text, safe=_HEADER_SAFE)


def _from_header(text: str) -> str:
    return unquote(text)
