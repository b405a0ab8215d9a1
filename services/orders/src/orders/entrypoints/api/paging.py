"""Pages of a list: how many, from where, and the way to the next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from flask import request

from orders.application.queries import Page
from orders.domain.errors import FieldError, Invalid
from orders.domain.order import is_id

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_TEXT_CHARACTERS = 200


def limit() -> int:
    """Return `?limit=`, 1 to 1,000."""
    given = request.args.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(MAX_LIMIT)) and 1 <= int(given) <= MAX_LIMIT):
        raise Invalid(FieldError("limit", f"a whole number from 1 to {MAX_LIMIT}"))
    return int(given)


def cursor() -> str | None:
    """Return `?cursor=`."""
    return request.args.get("cursor") or None


def id_argument(name: str) -> str | None:
    """Return an id from the query."""
    given = request.args.get(name)
    if given is not None and not is_id(given.lower()):
        raise Invalid(FieldError(name, "not an id"))
    return None if given is None else given.lower()


def text_argument(name: str) -> str | None:
    """Return a bounded text from the query."""
    given = request.args.get(name)
    if given and (len(given) > MAX_TEXT_CHARACTERS or "\x00" in given):
        raise Invalid(FieldError(name, f"at most {MAX_TEXT_CHARACTERS} characters of text"))
    return given or None


def time_argument(name: str) -> datetime | None:
    """Return a time from the query; one without a zone is refused."""
    given = request.args.get(name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given.replace(" ", "+"))  # an unescaped + arrives as a blank
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(FieldError(name, "write a time as 2026-01-08T15:00:00Z")) from error
    if moment.tzinfo is None:
        raise Invalid(FieldError(name, "the time needs a zone, such as Z"))
    return in_utc


def next_path(page: Page[object]) -> str | None:
    """Return the path of the next page with the query of this one, or None."""
    if page.next_cursor is None:
        return None
    query: Mapping[str, str] = {**request.args.to_dict(), "cursor": page.next_cursor}
    return f"{request.path}?{urlencode(query)}"
