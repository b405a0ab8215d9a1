"""The HTTP side: alive, ready, measured."""

from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI, Response
from mercadito_events.service import health
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from realtime import SERVICE, VERSION

KEEP_ALIVE_S = 75
GRACE_S = 1
HTTP_CONCURRENCY = 64
"""Requests beyond it get 503: these answers are for probes and Prometheus."""


def create_app(problems: Callable[[], Sequence[str]], registry: CollectorRegistry) -> FastAPI:
    """Make the application; ``problems`` says what keeps the process from being ready."""
    app = FastAPI(title="Mercadito realtime", version=VERSION, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        return _response(health.alive())

    @app.get("/readyz")
    async def readyz() -> Response:
        return _response(health.readiness(SERVICE, problems()))

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _response(answer: health.Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers)


class HttpServer(uvicorn.Server):
    """uvicorn inside a loop that someone else runs and stops."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                log_level="warning",
                limit_concurrency=HTTP_CONCURRENCY,
            )
        )

    async def run_until_stopped(self) -> None:
        """Serve until ``should_exit``; signals are the process's business, not uvicorn's."""
        await self._serve()
