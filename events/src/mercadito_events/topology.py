"""The streams and durables of ``streams.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]  # one call; its types add nothing here

CONFIDENTIAL_STREAM = "ACCOUNTS"
"""Its events hold addresses and one-time links: no other stream, log or dead letter repeats them."""

_SHIPPED = Path(__file__).resolve().parent / "shipped"
_KILO, _MEGA, _DAY_S = 1024, 1024 * 1024, 86_400


@dataclass(frozen=True, slots=True)
class Durable:
    """A consumer that the server remembers: ``<service>__<purpose>``."""

    name: str
    filter_subject: str
    ack_wait_s: float
    max_deliver: int
    max_ack_pending: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream with its bounds and durables."""

    name: str
    description: str
    subjects: tuple[str, ...]
    max_bytes: int
    max_age_s: float
    max_message_bytes: int
    duplicate_window_s: float
    discard: Literal["new", "old"]
    replicas: int
    durables: tuple[Durable, ...]


def shipped(name: str) -> Path:
    """Return a file that travels with the package: ``streams.yaml`` or ``accounts.conf``, links into ``events/``."""
    return _SHIPPED / name


def load(file: Path | None = None, *, replicas: int = 1) -> tuple[Stream, ...]:
    """Read ``streams.yaml``; an unknown or missing field is an error, not a default.

    ``replicas`` is how many servers keep each stream: not the file's to say, since it is a matter of where this runs.
    """
    content = yaml.safe_load((file or shipped("streams.yaml")).read_text())
    defaults = content["defaults"]
    defaults["stream"]["replicas"] = replicas
    return tuple(_stream(name, defaults, given) for name, given in content["streams"].items())


@cache
def stream_of(event_type: str) -> str:
    """Return the stream that keeps events of this type.

    Raises:
        LookupError: no stream does.

    """
    for stream in load():
        if any(_matches(subject, event_type) for subject in stream.subjects):
            return stream.name
    raise LookupError(f"no stream in streams.yaml takes {event_type}")


def _matches(pattern: str, subject: str) -> bool:
    return subject.startswith(pattern[:-1]) if pattern.endswith(".>") else subject == pattern


def _stream(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Stream:
    fields = dict(defaults["stream"]) | dict(given)
    durables = fields.pop("durables", {})
    stream = Stream(
        name=name,
        description=fields.pop("description"),
        subjects=tuple(fields.pop("subjects")),
        max_bytes=fields.pop("max_mb") * _MEGA,
        max_age_s=fields.pop("max_age_days") * _DAY_S,
        max_message_bytes=fields.pop("max_message_kb") * _KILO,
        duplicate_window_s=fields.pop("duplicate_window_s"),
        discard=fields.pop("discard"),
        replicas=fields.pop("replicas"),
        durables=tuple(_durable(key, defaults["durable"], value) for key, value in durables.items()),
    )
    if fields:
        raise ValueError(f"streams.yaml: unknown fields of {name}: {', '.join(fields)}")
    return stream


def _durable(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Durable:
    fields = dict(defaults) | dict(given)
    return Durable(name=name, filter_subject=fields.pop("filter"), **fields)
