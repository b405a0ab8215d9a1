"""Positions in lists: what a page begins after, as an opaque text that may come back from anywhere."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from orders.application.queries import Page
from orders.domain.errors import FieldError, Invalid

MAX_BIGINT = 2**63 - 1

T = TypeVar("T")
Position = Sequence[str | int]


def page_of(found: Sequence[T], limit: int, position: Callable[[T], Position]) -> Page[T]:
    """Cut off the item that was read to see whether there is more."""
    items = tuple(found[:limit])
    return Page(items, write_cursor(position(items[-1])) if len(found) > limit else None)


def write_cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(kind(part) for kind, part in zip(kinds, position, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(FieldError("cursor", "not a cursor of this list")) from error


def as_number(part: float) -> int:
    number = int(part)
    if not 0 <= number <= MAX_BIGINT:
        raise ValueError("not a number of the database")
    return number


def as_text(part: object) -> str:
    text = str(part)
    text.encode()  # a lone surrogate can't be sent to the database
    if "\x00" in text:
        raise ValueError("not a text of the database")
    return text


def as_moment(part: str) -> datetime:
    return datetime.fromisoformat(part)


def as_uuid(part: str) -> str:
    return str(UUID(part))


def as_truth(part: object) -> bool:
    if not isinstance(part, bool):
        raise TypeError("neither true nor false")
    return part
