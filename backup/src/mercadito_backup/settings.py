"""What the environment says; every problem is told at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mercadito_backup.problems import Failed
from mercadito_backup.schedule import Moment

MB = 1_000_000
KEEP_FREE_MB = 512
_AGE_KEY = re.compile(r"age1[0-9a-z]{58,}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server and who we are there, as its programs take it."""

    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where backups lie, who can read them, when they are taken."""

    folder: Path
    state: Path
    raw_files: Path
    migrations: Path
    recipients: tuple[str, ...]
    server: Server
    backup_at: Moment
    drill_at: Moment
    zone: ZoneInfo
    copy_command: str
    keep_free: int
    http_port: int


@dataclass(frozen=True, slots=True)
class _Reader:
    env: Mapping[str, str]
    problems: list[str]

    def text(self, name: str, default: str = "") -> str:
        return self.env.get(name) or default

    def moment(self, name: str, default: str) -> Moment:
        try:
            return Moment.read(self.text(name, default))
        except ValueError:
            self.problems.append(f"{name} is {self.text(name)!r}; it must be like {default}")
            return Moment.read(default)

    def number(self, name: str, default: int) -> int:
        given = self.text(name, str(default))
        if re.fullmatch(r"[0-9]{1,9}", given):
            return int(given)
        self.problems.append(f"{name} is {given!r}; it must be a whole number")
        return default

    def zone(self, name: str, default: str) -> ZoneInfo:
        try:
            return ZoneInfo(self.text(name, default))
        except (ZoneInfoNotFoundError, ValueError):
            self.problems.append(f"{name} is {self.text(name)!r}, which is no time zone")
            return ZoneInfo(default)

    def password(self, name: str) -> str:
        file = Path(self.text(name, "/nonexistent"))
        try:
            secret = file.read_text().strip()
        except OSError:
            secret = ""
        if not secret:
            self.problems.append(f"{name}: {file} can't be read, or is empty")
        return secret

    def recipients(self, name: str) -> tuple[str, ...]:
        given = tuple(each.strip() for each in self.text(name).split(",") if each.strip())
        if not given:
            self.problems.append(
                f"{name} is missing: the public key for which backups are locked (age-keygen makes one)"
            )
        self.problems.extend(
            f"{name}: {each[:12]!r}… is no public key of age" for each in given if not _AGE_KEY.fullmatch(each)
        )
        return given


def from_env(env: Mapping[str, str]) -> Settings:
    """Read all settings.

    Raises:
        Failed: names every problem.

    """
    reader = _Reader(env, [])
    password = reader.password("DATABASE_PASSWORD_FILE")
    settings = Settings(
        folder=Path(reader.text("BACKUP_FOLDER", "/var/lib/mercadito/backups")),
        state=Path(reader.text("BACKUP_STATE_FOLDER", "/var/lib/mercadito/backup-state")),
        raw_files=Path(reader.text("USDA_RAW_DIR", "/var/lib/mercadito/usda-raw")),
        migrations=Path(reader.text("MIGRATIONS_DIR", "/srv/migrations")),
        recipients=reader.recipients("BACKUP_RECIPIENTS"),
        server=server(env, user="backup", password=password),
        backup_at=reader.moment("BACKUP_AT", "02:30"),
        drill_at=reader.moment("BACKUP_DRILL_AT", "sun 04:00"),
        zone=reader.zone("HUB_TIME_ZONE", "America/Los_Angeles"),
        copy_command=reader.text("BACKUP_COPY_COMMAND"),
        keep_free=reader.number("BACKUP_KEEP_FREE_MB", KEEP_FREE_MB) * MB,
        http_port=reader.number("HTTP_PORT", 8000),
    )
    if reader.problems:
        raise Failed("\n".join(reader.problems))
    return settings


def server(env: Mapping[str, str], *, user: str, password: str) -> Server:
    """Return the server that ``DATABASE_HOST`` and ``DATABASE_PORT`` name, with what its programs need besides."""
    # No time-outs: a dump may take longer than what is set for the services' statements.
    options = "-c statement_timeout=0 -c lock_timeout=60s -c idle_in_transaction_session_timeout=0"
    ours = {
        "PGHOST": env.get("DATABASE_HOST") or "postgres",
        "PGPORT": env.get("DATABASE_PORT") or "5432",
        "PGUSER": user,
        "PGPASSWORD": password,
        "PGOPTIONS": options,
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "mercadito-backup",
    }
    return Server({"PATH": env.get("PATH", ""), "HOME": "/tmp", "LC_ALL": "C.UTF-8", **ours})  # noqa: S108 - nothing is kept there
