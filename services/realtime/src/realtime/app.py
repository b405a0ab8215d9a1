"""The HTTP side: alive, ready, measured; what operators may ask; the documents of the protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI, Response
from mercadito_events.service import health
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from realtime import SERVICE, VERSION, admin, documents, problems, sse
from realtime.gathering import exposition
from realtime.http_connection import Connection
from realtime.listener import listen
from realtime.siblings import Siblings
from realtime.sse import Streams

KEEP_ALIVE_S = 75
GRACE_S = 1
HTTP_CONCURRENCY = 64
"""So many connections may be open besides the streams, which have bounds of their own; more get 503."""


@dataclass(frozen=True)
class Inside:
    """What the HTTP side shows of the process; ``problems`` says what keeps it from being ready."""

    problems: Callable[[], Sequence[str]]
    registry: CollectorRegistry
    siblings: Siblings
    streams: Streams
    admin_token: str | None


def create_app(inside: Inside) -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Mercadito realtime", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(sse.router(inside.streams))
    app.include_router(documents.routes)
    app.include_router(admin.router(inside.siblings, inside.admin_token))

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return _response(health.alive())

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        return _response(health.readiness(SERVICE, inside.problems()))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(await exposition(inside.registry, inside.siblings), media_type=CONTENT_TYPE_LATEST)

    return app


def _response(answer: health.Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers)


class HttpServer(uvicorn.Server):
    """uvicorn inside a loop that someone else runs and stops."""

    def __init__(self, app: FastAPI, host: str, port: int, max_streams: int) -> None:
        self._host, self._port = host, port
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                log_level="warning",
                limit_concurrency=max_streams + HTTP_CONCURRENCY,
            )
        )

    async def run_until_stopped(self) -> None:
        """Serve until ``should_exit``; signals are the process's business, not uvicorn's.

        Raises:
            OSError: the port can't be had.

        """
        await self._serve([listen(self._host, self._port)])
