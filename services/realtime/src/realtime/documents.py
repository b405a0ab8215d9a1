"""What integrators read: the AsyncAPI document of the channels and the OpenAPI document of this HTTP side."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response

PREFIX = "/api/v1/realtime"
MAX_AGE_S = 300
_SOURCE = Path(__file__).with_name("asyncapi.yaml")
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "What If-None-Match names is still the newest."}}
routes = APIRouter(prefix=PREFIX, tags=["documents"])


@routes.get("/asyncapi.json", responses=_NOT_MODIFIED, operation_id="asyncapi", summary="AsyncAPI")
async def asyncapi(request: Request) -> Response:
    """Return the AsyncAPI 3 document of ``/ws`` and ``/sse``."""
    return _answer(request, _asyncapi())


@routes.get("/openapi.json", responses=_NOT_MODIFIED, operation_id="openapi", summary="OpenAPI")
async def openapi(request: Request) -> Response:
    """Return this document."""
    app: FastAPI = request.app
    return _answer(request, orjson.dumps(app.openapi()))


@cache
def _asyncapi() -> bytes:
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - most processes are never asked

    document = yaml.safe_load(_SOURCE.read_text(encoding="utf-8"))
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def _answer(request: Request, body: bytes) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE_S}"}
    # Weak forms too: a proxy that compresses on the way weakens the tag.
    if tag in (each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
