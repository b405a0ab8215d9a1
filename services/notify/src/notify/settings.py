"""The environment, read once; every problem is told at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mercadito_events.connection import NatsSettings
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.settings import Environment, Reader, SettingsError, database, nats

from notify.mail import Sender
from notify.rendering import Hub
from notify.sender import LEASE_S, Post
from notify.smtp import Relay, Timeouts

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``notify serve`` needs."""

    environment: Environment
    log_level: str
    http_host: str
    http_port: int
    database: DatabaseSettings = field(repr=False)
    nats: NatsSettings = field(repr=False)
    identity_jwks_file: Path
    post: Post
    lease_s: float

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the environment.

        Raises:
            SettingsError: with everything that is wrong.

        """
        reader = Reader(env)
        settings = cls(
            environment=reader.environment(),
            log_level=log_level(reader),
            http_host=reader.text("HTTP_HOST", "127.0.0.1"),
            http_port=reader.integer("HTTP_PORT", minimum=1, maximum=65_535),
            database=database(reader),
            nats=nats(reader),
            identity_jwks_file=reader.path("IDENTITY_JWKS_FILE"),
            post=_post(reader, env),
            lease_s=reader.number("SEND_LEASE_S", LEASE_S, minimum=1, maximum=300),
        )
        reader.finish()
        return settings


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """What ``notify migrate`` needs: the owner's connection, not the service's."""

    log_level: str
    database: DatabaseSettings = field(repr=False)
    migrations_dir: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the environment.

        Raises:
            SettingsError: with everything that is wrong.

        """
        reader = Reader(env)
        settings = cls(
            log_level=log_level(reader),
            database=database(reader, "MIGRATION_DATABASE"),
            migrations_dir=reader.path("MIGRATIONS_DIR", MIGRATIONS),
        )
        reader.finish()
        return settings


def log_level(reader: Reader) -> str:
    """Read ``LOG_LEVEL``."""
    return reader.choice("LOG_LEVEL", ("debug", "info", "warning", "error"), "info")


def _post(reader: Reader, env: Mapping[str, str]) -> Post:
    domain = reader.text("MAIL_MESSAGE_ID_DOMAIN")
    if domain and not _DOMAIN.fullmatch(domain):
        reader.problem("MAIL_MESSAGE_ID_DOMAIN must be a domain name such as mercadito.example.")
    return Post(
        hub=Hub(reader.text("HUB_NAME", "Mercadito"), _zone(reader), _public_url(reader)),
        sender=_mail_from(reader),
        domain=domain,
        relay=_relay(reader, env, greet_as=domain or "localhost"),
    )


def _zone(reader: Reader) -> ZoneInfo:
    name = reader.text("HUB_TIME_ZONE", "America/Los_Angeles")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reader.problem(f"HUB_TIME_ZONE is {name!r}; write it as America/Los_Angeles.")
        return ZoneInfo("UTC")


def _public_url(reader: Reader) -> str:
    schemes = ("https",) if reader.environment() == "production" else ("https", "http")
    return reader.url("PUBLIC_URL", schemes=schemes)


def _mail_from(reader: Reader) -> Sender:
    text = reader.text("MAIL_FROM")
    try:
        return Sender.parse(text)
    except ValueError:
        if text:
            reader.problem("MAIL_FROM must be one address, as Mercadito <orders@mercadito.example>.")
        return Sender.parse("nobody@localhost.invalid")


def _relay(reader: Reader, env: Mapping[str, str], *, greet_as: str) -> Relay:
    host, user = reader.text("SMTP_HOST"), reader.text("SMTP_USER", "")
    starttls = reader.choice("SMTP_STARTTLS", ("required", "off"), "required") == "required"
    if not starttls and host not in LOOPBACK and reader.environment() == "production":
        reader.problem("SMTP_STARTTLS=off is refused in production unless SMTP_HOST is this machine: use required.")
    if not starttls and user and host not in LOOPBACK:
        reader.problem("SMTP_USER needs SMTP_STARTTLS=required: the password would be sent in the clear.")
    return Relay(
        host=host,
        port=reader.integer("SMTP_PORT", 587, minimum=1, maximum=65_535),
        user=user,
        password=_smtp_password(reader, env) if user else "",
        starttls=starttls,
        greet_as=greet_as,
        timeouts=Timeouts(),
    )


def _smtp_password(reader: Reader, env: Mapping[str, str]) -> str:
    # The relay's operator made it: how long it is, is not ours to judge, so it is read as a test secret would be.
    lenient = Reader({**env, "MERCADITO_ENV": "test"})
    password = lenient.secret("SMTP_PASSWORD")
    try:
        lenient.finish()
    except SettingsError as error:
        for problem in error.problems:
            reader.problem(problem)
    return password
