"""What each route of the API takes and gives, said beside its view; the OpenAPI document is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from flask import Response
from pydantic import BaseModel

Security = Literal["signed-in", "password", "session", "public"]
View = TypeVar("View", bound=Callable[..., Response])


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the address or a header."""

    name: str
    where: Literal["query", "header", "path"]
    description: str
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented route; `problems` are the slugs it may answer with besides those that every route may."""

    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    problems: Mapping[int, tuple[str, ...]]
    security: Security
    body: type[BaseModel] | None
    parameters: tuple[Parameter, ...]
    upload: str | None = None
    """The media type of a body that is no JSON."""
    changes_nothing: bool = False


def operation(
    summary: str,
    *,
    answers: Mapping[int, type[BaseModel] | None],
    problems: Mapping[int, tuple[str, ...]] | None = None,
    security: Security = "signed-in",
    body: type[BaseModel] | None = None,
    parameters: tuple[Parameter, ...] = (),
    upload: str | None = None,
    changes_nothing: bool = False,
) -> Callable[[View], View]:
    """Describe a view; what is not described is answered with 500, so nothing goes undocumented or unguarded.

    `changes_nothing`: a token that may only read may use it, whatever its method.
    """
    described = Operation(summary, answers, problems or {}, security, body, parameters, upload, changes_nothing)

    def describe(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return describe


def operation_of(view: Callable[..., Any]) -> Operation:
    """Return what was said of a view."""
    found: Operation = view.operation  # type: ignore[attr-defined]
    return found


LIMIT = Parameter(
    "limit", "query", "how many items", schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
)
CURSOR = Parameter("cursor", "query", "where to go on; part of `next`")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "the same key and request give the first answer again, for 48 hours; forms may say ?idempotency_key= instead",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]+$"},
)
IF_MATCH = Parameter("If-Match", "header", "the ETag of what is changed, the weak form too")
