"""Where a list goes on: the place of its last item, opaque to whoever carries it."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from orders.domain.errors import FieldError, Invalid

MAX_INTEGER = 2**31 - 1


def write(place: Sequence[str | int | bool]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


def read(cursor: str, *kinds: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the place a cursor names, each part checked by its kind; raise Invalid for anything else."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(kind(part) for kind, part in zip(kinds, place, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(FieldError("cursor", "not a cursor of this list")) from error


def an_integer(part: object) -> int:
    if type(part) is not int or not 0 <= part <= MAX_INTEGER:
        raise ValueError("not a number of the database")
    return part


def a_text(part: object) -> str:
    if not isinstance(part, str) or "\x00" in part:
        raise ValueError("not a text of the database")
    part.encode()  # a lone surrogate can't be sent to the database
    return part


def an_id(part: object) -> str:
    return str(UUID(a_text(part)))


def a_truth(part: object) -> bool:
    if not isinstance(part, bool):
        raise TypeError("neither true nor false")
    return part
