"""What the helpers read from the environment, once, with every problem named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

HIGHEST_PORT = 65_535


class SettingsError(Exception):
    """The environment can't be used; the message lists every problem."""


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Where the USDA site listens and what it serves; no folder means the generated sample set."""

    host: str
    port: int
    files_dir: Path | None
    today: date | None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Where the mail server listens and the folder it keeps messages in."""

    host: str
    port: int
    mail_dir: Path


@dataclass(frozen=True, slots=True)
class MailPageSettings:
    """Where the page of mails listens and the folder that it shows."""

    host: str
    port: int
    mail_dir: Path


def _port(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if text.isascii() and text.isdigit() and int(text) <= HIGHEST_PORT:
        return int(text)
    problems.append(f"{name} must be a port number from 0 (any free one) to {HIGHEST_PORT}, not {text!r}")
    return default


def _today(env: Mapping[str, str], problems: list[str]) -> date | None:
    text = env.get("USDA_TODAY")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.append(f"USDA_TODAY must be a date such as 2026-01-08, not {text!r}")
        return None


def _finish(problems: list[str]) -> None:
    if problems:
        raise SettingsError("; ".join(problems))


def site_settings(env: Mapping[str, str]) -> SiteSettings:
    """Read the site's settings; raises SettingsError with every problem."""
    problems: list[str] = []
    files = env.get("USDA_FILES_DIR")
    folder = Path(files).absolute() if files else None
    if folder and not folder.is_dir():
        problems.append(f"USDA_FILES_DIR: there is no folder {folder}")
    port = _port(env, "HTTP_PORT", 8090, problems)
    today = _today(env, problems)
    _finish(problems)
    return SiteSettings(host=env.get("HTTP_HOST") or "127.0.0.1", port=port, files_dir=folder, today=today)


def mail_settings(env: Mapping[str, str]) -> MailSettings:
    """Read the mail server's settings; raises SettingsError with every problem."""
    problems: list[str] = []
    port = _port(env, "SMTP_PORT", 1025, problems)
    folder = env.get("MAIL_DIR", "")
    if not folder:
        problems.append("MAIL_DIR is missing: the folder to keep messages in")
    _finish(problems)
    return MailSettings(host=env.get("SMTP_HOST") or "127.0.0.1", port=port, mail_dir=Path(folder).absolute())


def mail_page_settings(env: Mapping[str, str]) -> MailPageSettings:
    """Read the settings of the page of mails; raises SettingsError with every problem."""
    problems: list[str] = []
    port = _port(env, "HTTP_PORT", 8025, problems)
    folder = Path(env.get("MAIL_DIR", "")).absolute()
    if not env.get("MAIL_DIR") or not folder.is_dir():
        problems.append("MAIL_DIR must be the folder that the mail server keeps messages in")
    _finish(problems)
    return MailPageSettings(host=env.get("HTTP_HOST") or "127.0.0.1", port=port, mail_dir=folder)
