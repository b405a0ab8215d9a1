"""Pages by keyset: a cursor says after which row to go on, so that a page costs the same however deep it lies."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from usda_ingest.api.problems import Problem

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_CURSOR_CHARS = 2_000
MAX_ID = 2**63 - 1


def page(
    request: Request,
    rows: Sequence[Any],
    limit: int,
    items: Callable[[Any], Mapping[str, Any]],
    key: Callable[[Any], list[str]],
) -> dict[str, Any]:
    """Return ``{items, next}``; ``rows`` holds one more than the page if there is a next one."""
    shown = rows[:limit]
    following = next_page(request, key(shown[-1])) if len(rows) > limit else None
    return {"items": [items(row) for row in shown], "next": following}


def next_page(request: Request, last: list[str]) -> str:
    """Return the address of what comes after a row, with the request's own query."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*query, ('after', encode(request, last))])}"


def encode(request: Request, parts: list[str]) -> str:
    """Return a cursor of the list that the request asks for; what is in it is nobody's business but ours."""
    return (
        base64.urlsafe_b64encode(json.dumps([_list(request), *parts], ensure_ascii=False).encode()).decode().rstrip("=")
    )


def decode(request: Request, cursor: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """Return the parts of a cursor, each read by its kind; None without a cursor.

    Raises:
        Problem: 422, it is not one of this list.

    """
    if cursor is None:
        return None
    try:
        parts = _parts(request, json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
        return [kind(part) for kind, part in zip(kinds, parts, strict=True)]
    except (ValueError, RecursionError):
        errors = [{"field": "after", "message": "take it from `next` of the page before, of the same list"}]
        raise Problem(422, "invalid", "The request is not valid.", errors=errors) from None


def _list(request: Request) -> str:
    """Return what tells lists apart; rows as JSON and as CSV are one list."""
    return request.url.path.removesuffix(".csv")


def _parts(request: Request, cursor: Any) -> list[str]:
    if not isinstance(cursor, list) or not all(isinstance(part, str) for part in cursor) or not cursor:
        raise ValueError
    if cursor[0] != _list(request):
        raise ValueError(cursor[0])
    return cursor[1:]


def row_text(text: str) -> str:
    """Read a row's name from a cursor."""
    if "\x00" in text:
        raise ValueError(text)
    text.encode()  # half of a surrogate pair, which JSON can spell, is a ValueError too
    return text


def row_id(text: str) -> int:
    """Read a row's id from a cursor."""
    number = int(text)
    if not 0 <= number <= MAX_ID:
        raise ValueError(text)
    return number
