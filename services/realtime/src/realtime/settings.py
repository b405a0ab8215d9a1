"""Everything the environment says, read once at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mercadito_events.connection import NatsSettings
from mercadito_events.service.settings import Reader, nats

MAX_PORT = 65_535
MAX_WORKERS = 16
_ORIGIN = re.compile(r"https?://[^/\s?#]+")
_LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Bounds:
    """How many sockets may be open: in all, of one person, from one address."""

    connections: int = 5_000
    per_person: int = 20
    per_address: int = 200


@dataclass(frozen=True)
class Settings:
    """What ``realtime serve`` needs to know; the README's table describes each."""

    log_level: str
    http_host: str
    http_port: int
    ws_host: str
    ws_port: int
    allowed_origins: frozenset[str]
    jwks_file: Path
    nats: NatsSettings
    bounds: Bounds
    ping_s: int
    drain_s: float
    viewers_s: float
    workers: int
    admin_token: str | None
    """None: the admin API shows, and does nothing."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the environment.

        Raises:
            SettingsError: it names every problem.

        """
        reader = Reader(env)
        reader.environment()
        host = reader.text("HTTP_HOST", "127.0.0.1")
        settings = cls(
            log_level=reader.choice("LOG_LEVEL", _LOG_LEVELS, "info"),
            http_host=host,
            http_port=reader.integer("HTTP_PORT", minimum=1, maximum=MAX_PORT),
            ws_host=reader.text("WS_HOST", host),
            ws_port=reader.integer("WS_PORT", minimum=1, maximum=MAX_PORT),
            allowed_origins=_origins(reader),
            jwks_file=reader.path("IDENTITY_JWKS_FILE"),
            nats=nats(reader),
            bounds=_bounds(reader),
            ping_s=reader.integer("WS_PING_S", 25, minimum=1, maximum=50),
            drain_s=reader.number("WS_DRAIN_S", 20.0, minimum=1.0, maximum=60.0),
            viewers_s=reader.number("VIEWERS_S", 5.0, minimum=0.2, maximum=60.0),
            workers=reader.integer("WS_WORKERS", 1, minimum=1, maximum=MAX_WORKERS),
            admin_token=reader.secret("ADMIN_TOKEN") if env.get("ADMIN_TOKEN") or env.get("ADMIN_TOKEN_FILE") else None,
        )
        reader.finish()
        return settings


def _bounds(reader: Reader) -> Bounds:
    default = Bounds()
    return Bounds(
        connections=reader.integer("WS_MAX_CONNECTIONS", default.connections, minimum=1, maximum=100_000),
        per_person=reader.integer("WS_MAX_PER_PERSON", default.per_person, minimum=1, maximum=100_000),
        per_address=reader.integer("WS_MAX_PER_ADDRESS", default.per_address, minimum=1, maximum=100_000),
    )


def _origins(reader: Reader) -> frozenset[str]:
    given = [part.strip().lower() for part in reader.text("ALLOWED_ORIGINS", "").split(",")]
    for origin in given:
        if origin and not _ORIGIN.fullmatch(origin):
            reader.problem(f"ALLOWED_ORIGINS contains {origin!r}; write origins such as https://shop.example.")
    return frozenset(origin for origin in given if origin)
