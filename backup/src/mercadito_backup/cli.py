"""``mercadito-backup serve | settings | now | drill | list | newest``, and the steps of a restore."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from mercadito_backup import restoring, settings, shelf
from mercadito_backup.drill import drill
from mercadito_backup.manifest import read
from mercadito_backup.problems import Failed, NotCopied, Refused
from mercadito_backup.serving import serve
from mercadito_backup.settings import MB, Server
from mercadito_backup.taking import take

NOT_DONE, SETTINGS_PROBLEM, NOT_COPIED = 1, 2, 3
LONGEST_KEY = 64_000


def main() -> int:
    """Run a command; 1: it could not be done, and why; 2: the settings have problems; 3: taken, and not copied."""
    options = _parser().parse_args()
    try:
        run: Callable[[argparse.Namespace], None] = options.run
        run(options)
    except (Failed, OSError) as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return NOT_COPIED if isinstance(problem, NotCopied) else NOT_DONE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mercadito-backup", description="Backups of Mercadito's databases.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", _serve, "take backups and drills by the clock"),
        ("settings", _settings_alone, "say whether `serve` would start with these settings"),
        ("now", _now, "take a backup now"),
        ("drill", _drill, "restore the newest backup into a server of its own, and check it"),
        ("list", _list, "list the backups"),
        ("newest", _newest, "say which one is the newest"),
        ("swap", _swap, "put what `load` restored into the place of what is in use (superuser)"),
        ("finish", _finish, "all is in its place: the next restore puts this aside in its turn (superuser)"),
        ("forget", _forget, "drop what the last restore put aside (superuser)"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    for name, run_on, text in (
        ("check", _check, "say whether a backup can be restored; the private key comes by standard input"),
        ("load", _load, "restore it beside what is in use (superuser); the key as above"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("name", help="the backup's name, or newest")
        command.set_defaults(run=run_on)
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the person at the terminal


def _settings() -> settings.Settings:
    try:
        return settings.from_env(os.environ)
    except Failed as problems:
        print(problems, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        raise SystemExit(SETTINGS_PROBLEM) from None


def _settings_alone(_: argparse.Namespace) -> None:
    _settings()


def _serve(_: argparse.Namespace) -> None:
    serve(_settings())


def _now(_: argparse.Namespace) -> None:
    take(_settings())


def _drill(_: argparse.Namespace) -> None:
    drill(_settings(), _say)


def _list(_: argparse.Namespace) -> None:
    ahead = shelf.ahead(_folder(), datetime.now(UTC))
    for name in shelf.names(_folder()):
        wrong = "  ! of a day to come: the clock was wrong" if name in ahead else ""
        try:
            made = read(_folder() / name)
        except Refused as problem:
            # The others are what somebody looks for whose server was cut off.
            _say(f"{name}  ! damaged: {problem}{wrong}")
            continue
        rows = sum(sum(dump.rows.values()) for dump in made.databases.values())
        _say(f"{name}  {made.size / MB:.1f} MB  {rows:,} rows{wrong}")


def _newest(_: argparse.Namespace) -> None:
    _say(shelf.find(_folder(), "newest").name)


def _check(options: argparse.Namespace) -> None:
    superuser = None
    # Where its password is not, as in the process that takes backups, the files alone are looked at.
    with suppress(FileNotFoundError):
        superuser = _superuser()
    with _key() as key:
        restoring.check(shelf.find(_folder(), options.name), key, _migrations(), _say, superuser)


def _load(options: argparse.Namespace) -> None:
    folder = shelf.find(_folder(), options.name)
    with _key() as key:
        made = restoring.check(folder, key, _migrations(), _say, _superuser())
        restoring.load_beside(folder, key, made, _superuser(), _say)
        raw_files = Path(os.environ.get("USDA_RAW_DIR") or "/var/lib/mercadito/usda-raw")
        restoring.put_back_raw_files(_folder(), raw_files, key, _say)


def _swap(_: argparse.Namespace) -> None:
    restoring.swap(_superuser())


def _finish(_: argparse.Namespace) -> None:
    restoring.finish(_superuser())


def _forget(_: argparse.Namespace) -> None:
    restoring.forget(_superuser())


def _folder() -> Path:
    return Path(os.environ.get("BACKUP_FOLDER") or "/var/lib/mercadito/backups")


def _migrations() -> Path:
    return Path(os.environ.get("MIGRATIONS_DIR") or "/srv/migrations")


def _superuser() -> Server:
    file = Path(os.environ.get("DATABASE_PASSWORD_FILE") or "/run/secrets/postgres_db_password")
    return settings.server(os.environ, user="postgres", password=file.read_text().strip())


@contextmanager
def _key() -> Iterator[Path]:
    """Keep the private key in a file for as long as it is needed: in a container /tmp is memory."""
    with tempfile.NamedTemporaryFile("w", prefix="key-") as file:
        file.write(sys.stdin.read(LONGEST_KEY))
        file.flush()
        yield Path(file.name)
