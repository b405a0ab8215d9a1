"""Bodies of requests: read up to a bound, so that nobody can fill the memory."""

from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, StringConstraints, ValidationError

from notify.api.problems import Problem

MAX_BYTES = 10_000
MAX_REASON_CHARS = 200
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON_CHARS, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
"""Why somebody does what others will wonder about: one line."""
Model = TypeVar("Model", bound=BaseModel)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI is told of a route that reads such a body by itself, once it knows who asks."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


async def bounded(request: Request, limit: int) -> bytes | None:
    """Return the body; None when it is longer than the limit."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def read(request: Request, *, limit: int = MAX_BYTES) -> bytes:
    """Return the body.

    Raises:
        Problem: 413, it is longer than the limit.

    """
    body = await bounded(request, limit)
    if body is None:
        raise Problem(413, "too-large", "Too large", f"The body has more than {limit} bytes.")
    return body


async def read_json(request: Request, model: type[Model]) -> Model:
    """Return what a JSON body says.

    Raises:
        Problem: 413, as above.
        RequestValidationError: it is not what the model asks for.

    """
    return parse(await read(request), model)


def parse(body: bytes, model: type[Model]) -> Model:
    """Return what JSON says.

    Raises:
        RequestValidationError: it is not what the model asks for.

    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        told = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_context=False)]
        raise RequestValidationError(told) from None
