"""Cursors: where the next page of a list begins, opaque to whoever carries it back."""

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
Cursor = Sequence[str | int]


def page_of(found: Sequence[T], limit: int, position: Callable[[T], Cursor]) -> Page[T]:
    """Cut off the item that was read to see whether there is more."""
    items = tuple(found[:limit])
    return Page(items, write_cursor(position(items[-1])) if len(found) > limit else None)


def write_cursor(position: Cursor) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(kind(part) for kind, part in zip(kinds, position, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(FieldError("cursor", "not a cursor of this list")) from error


def number(part: float) -> int:
    value = int(part)
    if not 0 <= value <= MAX_BIGINT:
        raise ValueError("not a number of the database")
    return value


def text_part(part: object) -> str:
    text = str(part)
    text.encode()  # a lone surrogate can't be sent to the database
    if "\x00" in text:
        raise ValueError("not a text of the database")
    return text


def moment(part: str) -> datetime:
    return datetime.fromisoformat(part)


def uuid(part: str) -> str:
    return str(UUID(part))
