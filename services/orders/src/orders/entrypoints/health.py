"""/healthz, /readyz and /metrics of the web process."""

import os

from flask import Flask, Response
from mercadito_events.service import health
from mercadito_events.service.memory import tell_memory
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from orders.bootstrap import Container


class Draining:
    """Whether this process was told to end; set by gunicorn's hook, read by /readyz."""

    def __init__(self) -> None:
        self.begun = False


DRAINING = Draining()


def register(app: Flask, container: Container) -> None:
    """Add the three answers; none of them asks who is there."""

    @app.get("/healthz")
    def alive() -> Response:
        return _response(health.alive())

    @app.get("/readyz")
    def ready() -> Response:
        problems = ["draining"] if DRAINING.begun else list(container.problems())
        return _response(health.readiness("orders", problems))

    @app.get("/metrics")
    def metrics() -> Response:
        status, headers, body = health.metrics()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            # Of all workers together: they share a container.
            tell_memory(registry)
            body = generate_latest(registry)
        return _response((status, headers, body))


def _response(answer: health.Answer) -> Response:
    status, headers, body = answer
    return Response(body, status, headers)
