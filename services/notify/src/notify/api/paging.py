"""Lists, newest first, in pages: by the id before which the next one begins."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Path, Query

MAX_CURSOR = 2**63 - 1
DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Before = Annotated[int, Query(ge=1, le=MAX_CURSOR)]
Id = Annotated[int, Path(ge=1, le=MAX_CURSOR)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


class _Listed(Protocol):
    id: str


Item = TypeVar("Item", bound=_Listed)


def page(found: Sequence[Item], limit: int, path: str, query: Mapping[str, object]) -> tuple[list[Item], str | None]:
    """Return the items of a page and the path of the one after it, if there is one.

    Args:
        found: up to one more than ``limit``.
        limit: how many a page shows.
        path: of the list.
        query: what else was asked for.

    """
    if len(found) <= limit:
        return list(found), None
    return list(found[:limit]), f"{path}?{urlencode({**query, 'limit': limit, 'before': found[limit - 1].id})}"
