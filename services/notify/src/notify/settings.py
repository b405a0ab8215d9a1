"""The environment, read once; every problem is told at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mercadito_events.connection import NatsSettings
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.service.settings import Environment, Reader, SettingsError, database, nats

from notify.market.quotes import Today, market_day
from notify.market.schedule import USUAL, WEEKDAYS, Schedule
from notify.queueing.pause import PRIMARY, SECONDARY
from notify.queueing.rates import SLOWEST_PER_S, Rates
from notify.recipients.links import Links
from notify.recipients.quiet_hours import QuietHours
from notify.recipients.return_path import MAX_LOCAL_CHARS, ReturnPath
from notify.recipients.signing import Signer
from notify.sending.connections import Bounds
from notify.sending.post import Post
from notify.sending.relay import Relay, Timeouts
from notify.sending.sender import LEASE_S
from notify.text import one_line
from notify.writing.dkim import Dkim, private_key
from notify.writing.mail import Sender
from notify.writing.rendering import Hub

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# What an HMAC-SHA256 takes from its key: a shorter one would be the weakest part of it.
MIN_KEY_BYTES = 32
IMPLICIT_TLS = 465
# As much as any secret file may hold; a key of 4096 bits takes 3 kB.
MAX_KEY_FILE_BYTES = 16_384
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
    bounce_signer: Signer | None = None
    digest: Schedule | None = None
    """When the weekly digest is due; None: never."""
    usda_today: date | None = None
    """The market's day where recorded reports stand for the market."""

    @property
    def market_day(self) -> Today:
        """Return what tells the day that it is at the market."""
        return market_day(self.post.hub.time_zone, self.usda_today)

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
            bounce_signer=_bounce_signer(reader, env),
            digest=_digest(reader),
            usda_today=reader.date("USDA_TODAY"),
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
    def from_env(cls, env: Mapping[str, str], prefix: str = "MIGRATION_DATABASE") -> Self:
        """Read the environment; whoever only waits for the schema does so by the service's own ``DATABASE``.

        Raises:
            SettingsError: with everything that is wrong.

        """
        reader = Reader(env)
        settings = cls(
            log_level=log_level(reader),
            database=database(reader, prefix),
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
    hub, sender = _hub(reader), _mail_from(reader)
    links = Links(hub.public_url, signer(reader, env, "MAIL_LINK_KEY"))
    return Post(
        hub=hub,
        sender=sender,
        domain=domain,
        relays=_relays(reader, env, greet_as=domain or "localhost"),
        bounds=_bounds(reader),
        rates=_rates(reader),
        links=links,
        return_path=_return_path(reader, links.signer),
        quiet=_quiet(reader),
        only_to=_only_to(reader),
        dkim=_dkim(reader, sender),
    )


def _hub(reader: Reader) -> Hub:
    return Hub(
        name=reader.text("HUB_NAME", "Mercadito"),
        time_zone=_zone(reader),
        public_url=_public_url(reader),
        address=one_line(reader.text("HUB_ADDRESS", "")),
    )


def signer(reader: Reader, env: Mapping[str, str], name: str) -> Signer:
    """Read a key and those it replaced: ``<name>[_FILE]``, and ``<name>_PREVIOUS[_FILE]``, separated by commas."""
    keys = [_strong(reader, name, reader.secret(name))]
    previous = f"{name}_PREVIOUS"
    if env.get(previous) or env.get(f"{previous}_FILE"):
        keys += [_strong(reader, previous, key.strip()) for key in reader.secret(previous).split(",")]
    return Signer(keys[0], keys[1:])


def _bounce_signer(reader: Reader, env: Mapping[str, str]) -> Signer | None:
    name = "BOUNCE_WEBHOOK_KEY"
    return signer(reader, env, name) if env.get(name) or env.get(f"{name}_FILE") else None


def _return_path(reader: Reader, key: Signer) -> ReturnPath | None:
    text = reader.text("MAIL_BOUNCE_ADDRESS", "")
    try:
        return ReturnPath.parse(text, key) if text else None
    except ValueError:
        reader.problem(
            f"MAIL_BOUNCE_ADDRESS must be an address as bounces@mail.mercadito.example, without + and with at most"
            f" {MAX_LOCAL_CHARS} characters before the @."
        )
        return None


def _dkim(reader: Reader, sender: Sender) -> Dkim | None:
    file = reader.text("DKIM_KEY_FILE", "")
    if not file:
        for name in ("DKIM_SELECTOR", "DKIM_DOMAIN"):
            if reader.text(name, ""):
                reader.problem(f"{name} means nothing without DKIM_KEY_FILE: mails would leave unsigned.")
        return None
    names = {
        "DKIM_SELECTOR": reader.text("DKIM_SELECTOR"),
        "DKIM_DOMAIN": reader.text("DKIM_DOMAIN", sender.address.domain),
    }
    for name, value in names.items():
        if value and not _DOMAIN.fullmatch(value):
            reader.problem(f"{name} is {value!r}; it must be a name as in the DNS, such as 2026a or mercadito.example.")
    try:
        with Path(file).open("rb") as stream:
            key = private_key(stream.read(MAX_KEY_FILE_BYTES))
    except OSError as error:
        reader.problem(f"DKIM_KEY_FILE: {file} cannot be read ({error.strerror}).")
        return None
    except ValueError as error:
        reader.problem(f"DKIM_KEY_FILE: {file} {error}.")
        return None
    return Dkim(names["DKIM_DOMAIN"].lower(), names["DKIM_SELECTOR"].lower(), key)


def _strong(reader: Reader, name: str, key: str) -> str:
    if key and len(key.encode()) < MIN_KEY_BYTES and reader.environment() == "production":
        reader.problem(f"{name} holds a key of less than {MIN_KEY_BYTES} bytes; make one with: openssl rand -hex 32")
    return key


def _quiet(reader: Reader) -> QuietHours | None:
    text = reader.text("QUIET_HOURS", "21:00-05:00")
    if text == "off":
        return None
    try:
        return QuietHours.parse(text)
    except ValueError:
        reader.problem(f"QUIET_HOURS is {text!r}; write them as 21:00-05:00, or off.")
        return None


def _digest(reader: Reader) -> Schedule | None:
    words = reader.text("DIGEST_AT", USUAL)
    if words == "off":
        return None
    try:
        return Schedule.parse(words)
    except ValueError:
        reader.problem(f"DIGEST_AT is {words!r}; write it as {USUAL}, with one of {', '.join(WEEKDAYS)}, or off.")
        return None


def _bounds(reader: Reader) -> Bounds:
    usual = Bounds()
    return Bounds(
        connections=reader.integer("SMTP_CONNECTIONS", usual.connections, minimum=1, maximum=50),
        idle_s=reader.number("SMTP_IDLE_S", usual.idle_s, minimum=0, maximum=300),
        messages_each=reader.integer("SMTP_MESSAGES_EACH", usual.messages_each, minimum=1, maximum=10_000),
    )


def _only_to(reader: Reader) -> frozenset[str] | None:
    mode = reader.choice("MAIL_MODE", ("send", "hold"), "send")
    listed = [address.strip().lower() for address in reader.text("MAIL_HOLD_EXCEPT", "").split(",") if address.strip()]
    for address in listed:
        try:
            Sender.parse(address)
        except ValueError:
            reader.problem(f"MAIL_HOLD_EXCEPT: {address!r} is no address; write them with commas in between.")
    if listed and mode == "send":
        reader.problem("MAIL_HOLD_EXCEPT only means something with MAIL_MODE=hold: mail is sent to all.")
    return frozenset(listed) if mode == "hold" else None


def _rates(reader: Reader) -> Rates:
    overall, each = (
        reader.number(name, 0, minimum=0, maximum=1_000) for name in ("SEND_PER_SECOND", "SEND_PER_SECOND_AND_DOMAIN")
    )
    for name, rate in (("SEND_PER_SECOND", overall), ("SEND_PER_SECOND_AND_DOMAIN", each)):
        if 0 < rate < SLOWEST_PER_S:
            reader.problem(f"{name} must be 0 (no bound) or at least {SLOWEST_PER_S} mails a second.")
    return Rates(overall, each)


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


def _relays(reader: Reader, env: Mapping[str, str], *, greet_as: str) -> list[Relay]:
    first = _relay(reader, env, "SMTP", PRIMARY, greet_as=greet_as)
    if not reader.text("SMTP_SECOND_HOST", ""):
        return [first]
    return [first, _relay(reader, env, "SMTP_SECOND", SECONDARY, greet_as=greet_as)]


def _relay(reader: Reader, env: Mapping[str, str], prefix: str, name: str, *, greet_as: str) -> Relay:
    host, user = reader.text(f"{prefix}_HOST"), reader.text(f"{prefix}_USER", "")
    starttls = reader.choice(f"{prefix}_STARTTLS", ("required", "off"), "required") == "required"
    if not starttls and host not in LOOPBACK and reader.environment() == "production":
        reader.problem(
            f"{prefix}_STARTTLS=off is refused in production unless {prefix}_HOST is this machine: use required."
        )
    if not starttls and user and host not in LOOPBACK:
        reader.problem(f"{prefix}_USER needs {prefix}_STARTTLS=required: the password would be sent in the clear.")
    port = reader.integer(f"{prefix}_PORT", 587, minimum=1, maximum=65_535)
    if port == IMPLICIT_TLS:
        reader.problem(
            f"{prefix}_PORT is 465, where a relay says nothing before it is encrypted: use 587, with STARTTLS."
        )
    return Relay(
        host=host,
        port=port,
        name=name,
        user=user,
        password=_smtp_password(reader, env, f"{prefix}_PASSWORD") if user else "",
        starttls=starttls,
        greet_as=greet_as,
        timeouts=Timeouts(),
    )


def _smtp_password(reader: Reader, env: Mapping[str, str], name: str) -> str:
    # The relay's operator made it: how long it is, is not ours to judge, so it is read as a test secret would be.
    lenient = Reader({**env, "MERCADITO_ENV": "test"})
    password = lenient.secret(name)
    try:
        lenient.finish()
    except SettingsError as error:
        for problem in error.problems:
            reader.problem(problem)
    return password
