"""The command line: ``realtime serve``."""

import argparse
import asyncio
import os
import signal
import sys
from functools import partial

import structlog
import uvloop
from mercadito_events.service import tracing
from mercadito_events.service.logs import configure
from mercadito_events.service.settings import SettingsError

from realtime import SERVICE, VERSION
from realtime.service import Realtime
from realtime.settings import Settings
from realtime.workers import ALONE, Crew, Seat

SETTINGS_PROBLEM = 2
_log = structlog.get_logger(__name__)


def main() -> int:
    """Run the command line; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="realtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve /ws on WS_PORT, and /sse, health, metrics and admin on HTTP_PORT")
    parser.parse_args()
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - there is no log yet, and the operator is looking
        return SETTINGS_PROBLEM
    configure(SERVICE, VERSION, settings.log_level)
    work = partial(_work, settings)
    return work(ALONE) if settings.workers == 1 else Crew(settings.workers, work, settings.drain_s).run()


def _work(settings: Settings, seat: Seat) -> int:
    tracing.start(SERVICE, VERSION, os.environ)
    return uvloop.run(_serve(settings, seat))


async def _serve(settings: Settings, seat: Seat) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await Realtime(settings, seat).run(stop)
    except ExceptionGroup as failures:  # the outermost frame: say why, and let the supervisor start the process anew
        _log.critical("failed", problems=[str(failure) for failure in failures.exceptions], exc_info=failures)
        return 1
    return 0
