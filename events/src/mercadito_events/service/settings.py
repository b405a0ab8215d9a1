"""Settings come from the environment, are read once, and every problem is told at once."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from mercadito_events.connection import NatsSettings

if TYPE_CHECKING:
    from mercadito_events.service.database import DatabaseSettings

Environment = Literal["production", "demo", "test"]

MIN_SECRET_CHARS = 24
MIN_SECRET_DISTINCT_CHARS = 8
MAX_SECRET_FILE_BYTES = 16_384
_DEMO_WORDS = ("mercadito", "changeme", "change-me", "change_me", "password", "secret", "example", "demo", "default")
_UNUSABLE_DATE = date(1970, 1, 1)

T = TypeVar("T")


class SettingsError(Exception):
    """Every problem found in the environment; ``problems`` lists them, the text is ready to print."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("Cannot start, the settings have problems:\n" + "\n".join(f"  - {line}" for line in problems))


class Reader:
    """Read settings strictly; a method that finds a problem notes it and returns something usable until ``finish``.

    An empty value counts as not given. ``default=None`` means the setting is required.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._problems: list[str] = []
        self._environment: Environment | None = None

    def text(self, name: str, default: str | None = None) -> str:
        """Return the value without surrounding blanks."""
        value = self._env.get(name, "").strip()
        if value:
            return value
        if default is None:
            self.problem(f"{name} is not set.")
        return default or ""

    def integer(self, name: str, default: int | None = None, *, minimum: int, maximum: int) -> int:
        """Return a whole number within the bounds, both included."""
        return self._bounded(name, default, int, minimum, maximum)

    def number(self, name: str, default: float | None = None, *, minimum: float, maximum: float) -> float:
        """Return a finite number within the bounds, both included."""
        return self._bounded(name, default, float, minimum, maximum)

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        """Return one of the options."""
        value = self.text(name, default)
        if value and value not in options:
            self.problem(f"{name} is {value!r}; it must be one of {', '.join(options)}.")
            return next(iter(options))
        return value

    def url(self, name: str, default: str | None = None, *, schemes: Collection[str]) -> str:
        """Return an address with a host and one of the schemes, without credentials or a trailing slash."""
        value = self.text(name, default)
        if not value:
            return value
        problem = _url_problem(value, schemes)
        if problem:
            self.problem(f"{name} {problem}.")  # the value is not repeated: it may hold credentials
        return value.rstrip("/")

    def date(self, name: str) -> date | None:
        """Return a day written YYYY-MM-DD, or None when it is not given."""
        value = self.text(name, "")
        if not value:
            return None
        try:
            return date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else _refuse(value)
        except ValueError:
            self.problem(f"{name} is {value!r}; write a day as YYYY-MM-DD.")
            return _UNUSABLE_DATE

    def path(self, name: str, default: str | Path | None = None) -> Path:
        """Return a path; whether something is there is for the one who opens it to say."""
        return Path(self.text(name, None if default is None else str(default)))

    def secret(self, name: str) -> str:
        """Return a secret from ``NAME`` or the file named by ``NAME_FILE``; in production it must be strong."""
        value, file = self._env.get(name, ""), self._env.get(f"{name}_FILE", "").strip()
        if value and file:
            self.problem(f"{name} and {name}_FILE are both set; keep only one.")
            return value
        if file:
            value = self._secret_from(name, Path(file))
        elif not value:
            self.problem(f"{name} is not set; give it, or better {name}_FILE with the path of a file that holds it.")
        if value:
            self._check_secret(name, value)
        return value

    def environment(self) -> Environment:
        """Return ``MERCADITO_ENV``; nothing said means production, with all its demands."""
        if self._environment is None:
            value = self.choice("MERCADITO_ENV", ("production", "demo", "test"), "production")
            self._environment = "demo" if value == "demo" else "test" if value == "test" else "production"
        return self._environment

    def problem(self, text: str) -> None:
        """Note a problem; say what to do, never what a secret is."""
        self._problems.append(text)

    def finish(self) -> None:
        """Raise ``SettingsError`` when any problem was noted."""
        if self._problems:
            raise SettingsError(list(self._problems))

    def _bounded(self, name: str, default: T | None, kind: type[T], minimum: T, maximum: T) -> T:
        value = self.text(name, None if default is None else str(default))
        if not value:
            return minimum
        try:
            # int() and float() also take "1_000" and digits of other scripts, which are typing errors here.
            number = kind(value) if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", value, re.ASCII) else _refuse(value)  # type: ignore[call-arg]
        except ValueError:
            number = None
        if number is None or not minimum <= number <= maximum:  # type: ignore[operator]
            self.problem(f"{name} is {value!r}; it must be a {_KINDS[kind]} from {minimum} to {maximum}.")
            return minimum
        return number

    def _secret_from(self, name: str, file: Path) -> str:
        try:
            with file.open("rb") as stream:
                raw = stream.read(MAX_SECRET_FILE_BYTES + 1)
            value = raw.decode().rstrip("\r\n")
        except OSError as error:
            self.problem(f"{name}_FILE: {file} cannot be read ({error.strerror}).")
            return ""
        except UnicodeDecodeError:
            self.problem(f"{name}_FILE: {file} is not text in UTF-8.")
            return ""
        if not value or len(raw) > MAX_SECRET_FILE_BYTES:
            self.problem(f"{name}_FILE: {file} is {'empty' if not value else 'too large for a secret'}.")
            return ""
        return value

    def _check_secret(self, name: str, value: str) -> None:
        if any(ord(character) < ord(" ") for character in value):
            self.problem(f"{name} contains a line break or control character.")
        if self.environment() != "production":
            return
        advice = "make one with: openssl rand -hex 24"
        if len(value) < MIN_SECRET_CHARS:
            self.problem(f"{name} is shorter than {MIN_SECRET_CHARS} characters; {advice}")
        elif len(set(value)) < MIN_SECRET_DISTINCT_CHARS or any(word in value.lower() for word in _DEMO_WORDS):
            self.problem(f"{name} looks like a demo or placeholder secret, which production refuses; {advice}")


_KINDS: dict[type, str] = {int: "whole number", float: "number"}


def database(reader: Reader, prefix: str = "DATABASE") -> "DatabaseSettings":
    """Read ``<prefix>_URL`` (postgresql://role@host:port/db, no password in it) and ``<prefix>_PASSWORD[_FILE]``."""
    from sqlalchemy import URL, make_url  # noqa: PLC0415 - realtime has no database, and no sqlalchemy either
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - the same

    from mercadito_events.service.database import DRIVER, DatabaseSettings  # noqa: PLC0415 - the same

    name = f"{prefix}_URL"
    value, password = reader.text(name), reader.secret(f"{prefix}_PASSWORD")
    unusable = DatabaseSettings(URL.create(DRIVER))
    if not value:
        return unusable
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        reader.problem(f"{name} is not an address such as postgresql://orders@127.0.0.1:5432/orders.")
        return unusable
    if url.get_backend_name() != "postgresql" or not (url.username and url.host and url.database):
        reader.problem(f"{name} must name role, host and database, as postgresql://orders@127.0.0.1:5432/orders does.")
    if url.password is not None:
        reader.problem(f"{name} contains a password; put it into {prefix}_PASSWORD_FILE instead.")
    # SQLAlchemy 2.1 takes plain "postgresql" for psycopg 3; the driver here is psycopg2.
    return DatabaseSettings(url.set(drivername=DRIVER, password=password))


def nats(reader: Reader) -> NatsSettings:
    """Read ``NATS_URL``, ``NATS_USER`` and ``NATS_PASSWORD[_FILE]``; several servers are separated by commas."""
    servers = [part.strip() for part in reader.text("NATS_URL").split(",") if part.strip()]
    for server in servers:
        problem = _url_problem(server, ("nats", "tls"))
        if problem:
            reader.problem(f"NATS_URL {problem}.")
    return NatsSettings(url=",".join(servers), user=reader.text("NATS_USER"), password=reader.secret("NATS_PASSWORD"))


def _url_problem(value: str, schemes: Collection[str]) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in schemes or not host:
        return f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host"
    if parts.username is not None or parts.password is not None:
        return "contains credentials; they have settings of their own"
    return ""


def _refuse(value: str) -> NoReturn:
    raise ValueError(value)
