"""The command line: ``notify serve``, ``migrate``, ``bounce`` for mail servers, ``self-test`` and ``digest``."""

import argparse
import asyncio
import os
import sys
from ipaddress import ip_address

from mercadito_events.service import logs
from mercadito_events.service.settings import SettingsError

from notify import __version__

EXIT_SETTINGS = 2
# Seconds that `self-test` may be told to wait for an answer.
SHORTEST_WAIT_S = 0.2
LONGEST_WAIT_S = 300.0


def main() -> int:
    """Run a command; 2 means that the settings have problems, which were told."""
    given = _parser().parse_args()
    try:
        match given.command:
            case "serve":
                return _serve()
            case "migrate":
                return _await_schema() if given.wait else _migrate()
            case "bounce":
                return _bounce(given.to)
            case "digest":
                return _digest(make=given.now)
            case _:
                return _self_test(given)
    except SettingsError as problems:
        print(problems, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return EXIT_SETTINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="notify", description="Mails to the people of Mercadito's stores.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="the service")
    migrate = commands.add_parser("migrate", help="bring the database to this version")
    migrate.add_argument("--wait", action="store_true", help="only wait until another one has brought it there")
    bounce = commands.add_parser("bounce", help="take a report from standard input")
    bounce.add_argument("--to", default="", help="the address that the report came to")
    digest = commands.add_parser("digest", help="tell what this week's price digest would hold")
    digest.add_argument("--now", action="store_true", help="make it, unless it was made")
    self_test = commands.add_parser("self-test", help="check what stands between here and a delivered mail")
    self_test.add_argument("--to", default="", metavar="ADDRESS", help="also send one real mail, past the queue")
    self_test.add_argument("--json", action="store_true", help="print the findings as JSON")
    self_test.add_argument(
        "--resolver", type=_server, metavar="ADDRESS:PORT", help="a DNS server to ask instead of the machine's own"
    )
    self_test.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="how long to wait for each answer of a relay (15)"
    )
    return parser


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return str(ip_address(host.strip("[]"))), int(port)


def _seconds(text: str) -> float:
    if not SHORTEST_WAIT_S <= (seconds := float(text)) <= LONGEST_WAIT_S:
        raise ValueError(text)
    return seconds


def _serve() -> int:
    from notify.service import serve  # noqa: PLC0415 - migrate needs no web framework
    from notify.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings.from_env(os.environ)
    logs.configure("notify", __version__, settings.log_level)
    asyncio.run(serve(settings))
    return 0


def _bounce(to: str) -> int:
    from notify.bounce_command import take  # noqa: PLC0415 - serve and migrate need none of it
    from notify.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings.from_env(os.environ)
    logs.configure("notify", __version__, settings.log_level)
    return take(settings, sys.stdin.buffer, to)


def _self_test(given: argparse.Namespace) -> int:
    from notify.self_test.command import WAIT_S, Options, run  # noqa: PLC0415 - only this command asks the DNS

    options = Options(to=given.to, resolver=given.resolver, wait_s=given.timeout or WAIT_S, as_json=given.json)
    return run(os.environ, options)


def _digest(*, make: bool) -> int:
    from notify.digest_command import tell  # noqa: PLC0415 - serve and migrate need none of it
    from notify.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings.from_env(os.environ)
    # Its sentence is for a person: what went well needs no line beside it.
    logs.configure("notify", __version__, "warning")
    code, words = tell(settings, make=make)
    print(words)  # noqa: T201 - for the person at the terminal
    return code


def _migrate() -> int:
    from mercadito_events.service.migrations import has_upgraded  # noqa: PLC0415 - serve needs no Alembic in memory

    from notify.settings import MigrationSettings  # noqa: PLC0415 - the same

    settings = MigrationSettings.from_env(os.environ)
    logs.configure("notify", __version__, settings.log_level)
    return 0 if has_upgraded(settings.database.url, settings.migrations_dir) else 1


def _await_schema() -> int:
    from mercadito_events.service.migrations import has_schema  # noqa: PLC0415 - the same

    from notify.settings import MigrationSettings  # noqa: PLC0415 - the same

    settings = MigrationSettings.from_env(os.environ, prefix="DATABASE")
    logs.configure("notify", __version__, settings.log_level)
    return 0 if has_schema(settings.database.url, settings.migrations_dir) else 1
