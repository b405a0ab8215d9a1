"""The command line: ``notify serve`` and ``notify migrate``."""

import argparse
import asyncio
import os
import sys

from mercadito_events.service import logs
from mercadito_events.service.settings import SettingsError

from notify import __version__

EXIT_SETTINGS = 2


def main() -> int:
    """Run a command; 2 means that the settings have problems, which were told."""
    parser = argparse.ArgumentParser(prog="notify", description="Mails to the people of Mercadito's stores.")
    parser.add_argument("command", choices=["serve", "migrate"])
    command = parser.parse_args().command
    try:
        return _serve() if command == "serve" else _migrate()
    except SettingsError as problems:
        print(problems, file=sys.stderr)  # noqa: T201 - for the person at the terminal
        return EXIT_SETTINGS


def _serve() -> int:
    from notify.service import serve  # noqa: PLC0415 - migrate needs no web framework
    from notify.settings import Settings  # noqa: PLC0415 - the same

    settings = Settings.from_env(os.environ)
    logs.configure("notify", __version__, settings.log_level)
    asyncio.run(serve(settings))
    return 0


def _migrate() -> int:
    from mercadito_events.service.migrations import upgrade  # noqa: PLC0415 - serve needs no Alembic in memory

    from notify.settings import MigrationSettings  # noqa: PLC0415 - the same

    settings = MigrationSettings.from_env(os.environ)
    logs.configure("notify", __version__, settings.log_level)
    upgrade(settings.database.url, settings.migrations_dir)
    return 0
