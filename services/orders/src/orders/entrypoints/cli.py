"""The `orders` command."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mercadito_events.service.settings import Reader, SettingsError, database

NOT_DONE, SETTINGS_PROBLEM = 1, 2
# Left to itself, glibc takes the 19 MB that checking a password needs for a size to keep at hand: after some sign-ins
# each worker held 60 MB of such memory. A fixed threshold gives every large block back as soon as it is freed.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "131072"}

# Each command imports what it needs itself: the worker has no use for Flask, the web none for NATS; memory is short.


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; settings that have problems are all listed, with exit code 2."""
    options = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the terminal, before there is a log
        return SETTINGS_PROBLEM


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="orders", description="Market days, orders and the pages of Mercadito")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        ("web", _web, "serve pages and API (gunicorn)"),
        ("worker", _worker, "relay events, follow those of others, keep the clock"),
        ("demo", _demo, "make the demo world, or what is missing of it"),
        ("republish", _republish, "tell contacts, stores and open cycles again"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
    _add_migrate(commands)
    _add_invite(commands)
    _add_seed(commands)
    keys = commands.add_parser("keys", help="the keys that identities are signed with")
    rotate = keys.add_subparsers(required=True, metavar="action").add_parser(
        "rotate", help="sign with a new key; the old ones stay listed for 31 days"
    )
    rotate.set_defaults(run=_rotate_keys)
    return parser


def _add_migrate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "bring the database to the newest schema"
    command = commands.add_parser("migrate", help=text, description=text)
    command.add_argument("--wait", action="store_true", help="only wait until another one has brought it there")
    command.set_defaults(run=_migrate)


def _add_invite(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "mail the first admin of a fresh system a link to choose a password; again: a new link"
    invite = commands.add_parser("invite-admin", help=text, description=text)
    invite.add_argument("email", help="the admin's e-mail address")
    invite.add_argument("--name", required=True, help="the admin's name, as pages and mails say it")
    invite.add_argument("--locale", choices=("en", "es"), default="en", help="the language of the mail (default: en)")
    invite.set_defaults(run=_invite_admin)


def _add_seed(commands: Any) -> None:
    text = "make a large made-up world to measure with: past orders and an open market day"
    command = commands.add_parser("seed", help=text, description=text)
    for name, default in (("products", 10_000), ("stores", 500), ("orders", 250_000), ("offers", 3_000), ("seed", 1)):
        command.add_argument(f"--{name}", type=int, default=default, help=f"default: {default}")
    command.set_defaults(run=_seed)


def _web(_options: argparse.Namespace) -> int:
    from orders.settings import WebSettings  # noqa: PLC0415 - see above

    settings = WebSettings.from_env(os.environ)
    metrics = _metrics_dir(settings.port)
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", "python:orders.entrypoints.gunicorn_config"),
        *("--bind", f"{settings.host}:{settings.port}"),
        *("--workers", str(settings.workers), "--threads", str(settings.threads)),
        "orders.entrypoints.wsgi:app()",
    ]
    environment = {**_ALLOCATOR, **os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own interpreter, no shell


def _metrics_dir(port: int) -> Path:
    """Make an empty folder where the workers add up their counters; what a killed predecessor left is removed."""
    folder = Path(tempfile.gettempdir()) / f"orders-web-{os.getuid()}-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _worker(_options: argparse.Namespace) -> int:
    from orders.entrypoints.worker import main as work  # noqa: PLC0415 - see above
    from orders.settings import WorkerSettings  # noqa: PLC0415 - see above

    return work(WorkerSettings.from_env(os.environ))


def _migrate(options: argparse.Namespace) -> int:
    from mercadito_events.service.migrations import has_schema, has_upgraded  # noqa: PLC0415 - see above

    from orders.bootstrap import migrations_dir  # noqa: PLC0415 - see above

    reader = _logged(os.environ)
    settings = database(reader) if options.wait else database(reader, "MIGRATION_DATABASE")
    reader.finish()
    reach = has_schema if options.wait else has_upgraded
    return 0 if reach(settings.url, migrations_dir()) else NOT_DONE


def _rotate_keys(_options: argparse.Namespace) -> int:
    from orders.bootstrap import rotate_keys  # noqa: PLC0415 - see above

    reader = Reader(os.environ)
    key_file, jwks_file = reader.path("IDENTITY_KEY_FILE"), reader.path("IDENTITY_JWKS_FILE")
    reader.finish()
    print(f"signing with {rotate_keys(key_file, jwks_file)}")  # noqa: T201 - the answer to the command
    return 0


def _demo(_options: argparse.Namespace) -> int:
    from orders.entrypoints.demo import main as make  # noqa: PLC0415 - see above
    from orders.settings import TaskSettings  # noqa: PLC0415 - see above

    return make(TaskSettings.from_env(os.environ))


def _seed(options: argparse.Namespace) -> int:
    from orders.application.seed_plan import Scale  # noqa: PLC0415 - see above
    from orders.entrypoints.seed import main as make  # noqa: PLC0415 - see above
    from orders.settings import TaskSettings  # noqa: PLC0415 - see above

    scale = Scale(options.products, options.stores, options.orders, options.offers, options.seed)
    return make(TaskSettings.from_env(os.environ), scale)


def _republish(_options: argparse.Namespace) -> int:
    from orders.application.republish import republish  # noqa: PLC0415 - see above
    from orders.bootstrap import build_transactions  # noqa: PLC0415 - see above
    from orders.settings import TaskSettings  # noqa: PLC0415 - see above

    settings = TaskSettings.from_env(os.environ)
    told = republish(build_transactions(settings), settings.hub.time_zone.key)
    print(", ".join(f"{count} {what}" for what, count in told.items()))  # noqa: T201 - the answer to the command
    return 0


def _invite_admin(options: argparse.Namespace) -> int:
    from orders.application.invitations import InviteAdmin, invite_admin  # noqa: PLC0415 - see above
    from orders.bootstrap import build_transactions  # noqa: PLC0415 - see above
    from orders.domain.errors import Refused  # noqa: PLC0415 - see above
    from orders.settings import InvitationSettings  # noqa: PLC0415 - see above

    settings = InvitationSettings.from_env(os.environ)
    time_zone = settings.task.hub.time_zone.key
    command = InviteAdmin(options.email, options.name, options.locale, settings.public_url, time_zone)
    try:
        invited = invite_admin(build_transactions(settings.task), command)
    except Refused as refused:
        print(refused, file=sys.stderr)  # noqa: T201 - the answer to the command
        return NOT_DONE
    made = "made" if invited.is_new else "there already"
    print(f"admin {made}; the link to choose a password is on its way by mail, good until {invited.expires_at:%c %Z}")  # noqa: T201 - likewise
    return 0


def _logged(env: Mapping[str, str]) -> Reader:
    from mercadito_events.service.logs import configure  # noqa: PLC0415 - see above

    from orders import __version__  # noqa: PLC0415 - see above
    from orders.settings import log_level  # noqa: PLC0415 - see above

    reader = Reader(env)
    configure("orders", __version__, log_level(reader))
    return reader
