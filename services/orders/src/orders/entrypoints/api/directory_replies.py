"""Answers about stores and people, lists and single ones."""

from typing import Any
from urllib.parse import urlencode

from flask import request

from orders.application.commands import Answer
from orders.application.directory_views import Listed, PersonCard, StoreCard
from orders.domain.errors import FieldError, Invalid
from orders.entrypoints.api.directory_bodies import PersonOut, StoreDetailOut
from orders.entrypoints.api.versions import etag

CREATED, OK, NO_CONTENT = 201, 200, 204


def store_created(store: StoreCard) -> Answer:
    return _store(store, CREATED, ("Location", f"/api/v1/stores/{store.id}"))


def store_changed(store: StoreCard) -> Answer:
    return _store(store, OK)


def person_created(person: PersonCard) -> Answer:
    return _person(person, CREATED, ("Location", f"/api/v1/people/{person.id}"))


def person_changed(person: PersonCard) -> Answer:
    return _person(person, OK)


def nothing_more(_changed: object) -> Answer:
    return Answer(NO_CONTENT, "")


def next_path(found: Listed[Any]) -> str | None:
    """Return the path of the next piece with the query of this one, or None."""
    if found.next_cursor is None:
        return None
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': found.next_cursor})}"


def truth_argument(name: str) -> bool | None:
    """Return a yes or no from the query."""
    given = request.args.get(name)
    if given not in (None, "", "true", "false"):
        raise Invalid(FieldError(name, "true or false"))
    return given == "true" if given else None


def choice_argument(name: str, choices: tuple[str, ...]) -> str | None:
    """Return one of the choices from the query."""
    given = request.args.get(name)
    if given is not None and given not in choices:
        raise Invalid(FieldError(name, f"one of {', '.join(choices)}"))
    return given


def _store(store: StoreCard, status: int, *headers: tuple[str, str]) -> Answer:
    body = StoreDetailOut.of(store).model_dump_json()
    return Answer(status, body, (("ETag", etag(store.version)), *headers))


def _person(person: PersonCard, status: int, *headers: tuple[str, str]) -> Answer:
    body = PersonOut.of(person).model_dump_json()
    return Answer(status, body, (("ETag", etag(person.version)), *headers))
