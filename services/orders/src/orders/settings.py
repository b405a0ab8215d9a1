"""What the environment says, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mercadito_events.connection import NatsSettings
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.settings import Reader, database, nats

Environment = Literal["production", "demo", "test"]


@dataclass(frozen=True, slots=True)
class Hub:
    """The non-profit this runs for."""

    name: str
    time_zone: ZoneInfo
    usda_today: date | None


@dataclass(frozen=True, slots=True)
class WebSettings:
    environment: Environment
    log_level: str
    host: str
    port: int
    workers: int
    threads: int
    public_url: str
    session_secret: str
    key_file: Path
    jwks_file: Path
    database: DatabaseSettings
    hub: Hub

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "WebSettings":
        """Read and check everything `orders web` needs; raise SettingsError naming every problem."""
        reader = Reader(env)
        environment = reader.environment()
        settings = cls(
            environment=environment,
            log_level=log_level(reader),
            host=reader.text("HTTP_HOST", "127.0.0.1"),
            port=reader.integer("HTTP_PORT", minimum=1, maximum=65_535),
            workers=reader.integer("WEB_WORKERS", 2, minimum=1, maximum=32),
            threads=reader.integer("WEB_THREADS", 8, minimum=1, maximum=64),
            public_url=_public_url(reader, environment),
            session_secret=reader.secret("SESSION_SECRET"),
            key_file=reader.path("IDENTITY_KEY_FILE"),
            jwks_file=reader.path("IDENTITY_JWKS_FILE"),
            database=database(reader),
            hub=_hub(reader),
        )
        reader.finish()
        return settings


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    environment: Environment
    log_level: str
    host: str
    port: int
    database: DatabaseSettings
    nats: NatsSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "WorkerSettings":
        """Read and check everything `orders worker` needs."""
        reader = Reader(env)
        settings = cls(
            environment=reader.environment(),
            log_level=log_level(reader),
            host=reader.text("HTTP_HOST", "127.0.0.1"),
            port=reader.integer("HTTP_PORT", minimum=1, maximum=65_535),
            database=database(reader),
            nats=nats(reader),
        )
        reader.finish()
        return settings


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """For commands that do one thing in the database and end: demo, republish."""

    environment: Environment
    log_level: str
    database: DatabaseSettings
    hub: Hub

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "TaskSettings":
        """Read and check what a one-off command needs."""
        reader = Reader(env)
        settings = _task(reader)
        reader.finish()
        return settings


@dataclass(frozen=True, slots=True)
class InvitationSettings:
    """For `orders invite-admin`: a one-off command whose link starts with the public address."""

    task: TaskSettings
    public_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "InvitationSettings":
        """Read and check what inviting needs."""
        reader = Reader(env)
        public_url = _public_url(reader, reader.environment())
        settings = cls(task=_task(reader), public_url=public_url)
        reader.finish()
        return settings


def log_level(reader: Reader) -> str:
    return reader.choice("LOG_LEVEL", ("debug", "info", "warning", "error"), "info")


def _task(reader: Reader) -> TaskSettings:
    return TaskSettings(
        environment=reader.environment(), log_level=log_level(reader), database=database(reader), hub=_hub(reader)
    )


def _public_url(reader: Reader, environment: Environment) -> str:
    schemes = ("https",) if environment == "production" else ("https", "http")
    return reader.url("PUBLIC_URL", schemes=schemes).rstrip("/")


def _hub(reader: Reader) -> Hub:
    zone = reader.text("HUB_TIME_ZONE", "America/Los_Angeles")
    try:
        time_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        reader.problem(f"HUB_TIME_ZONE: {zone} is no time zone")
        time_zone = ZoneInfo("UTC")
    return Hub(name=reader.text("HUB_NAME", "Mercadito"), time_zone=time_zone, usda_today=reader.date("USDA_TODAY"))
