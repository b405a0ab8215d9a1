"""Entity tags that are version numbers, and the condition under which a change is meant."""

from collections.abc import Callable

from flask import request

from orders.entrypoints.problems import PreconditionRequired

MAX_VERSION_DIGITS = 9
NO_VERSION = 0
"""Nothing ever has it: an If-Match that names none of ours conflicts."""


def etag(version: int) -> str:
    return f'"{version}"'


def require_if_match() -> None:
    if not request.headers.get("If-Match", "").strip(" ,"):
        raise PreconditionRequired("send the ETag as If-Match")


def expected_version(current: Callable[[], int], *, required: bool) -> int | None:
    """Read If-Match: None for no condition or `*`, otherwise a version; of several tags the current one, if it is one.

    Weak tags count too: a proxy that compresses weakens what we sent. `current` is asked only where several are given.
    """
    if required:
        require_if_match()
    wanted = request.if_match
    if not wanted or wanted.star_tag:
        return None
    tags = {tag for tag in wanted.as_set(include_weak=True) if tag and tag.isascii() and tag.isdigit()}
    versions = {int(tag) for tag in tags if len(tag) <= MAX_VERSION_DIGITS}
    if len(versions) == 1:
        return versions.pop()
    now = current()
    return now if now in versions else NO_VERSION
