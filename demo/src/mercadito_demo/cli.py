"""The command line: ``mercadito-demo {usda-site|mail-sink}``."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack

from mercadito_demo import logs
from mercadito_demo.catalogue import Folder, SampleFolder, market_today
from mercadito_demo.mail_sink import serve
from mercadito_demo.settings import SettingsError, SiteSettings, mail_settings, site_settings
from mercadito_demo.site import Site

SETTINGS_EXIT = 2

log = logging.getLogger(__name__)


def _folder(settings: SiteSettings, held: ExitStack) -> Folder:
    files = settings.files_dir
    if files is not None:
        return lambda: files
    return held.enter_context(SampleFolder(lambda: settings.today or market_today()))


def run_site(settings: SiteSettings) -> None:
    """Serve the site until SIGTERM or SIGINT, then finish the downloads under way."""
    with ExitStack() as held:
        site = held.enter_context(Site((settings.host, settings.port), _folder(settings, held)))

        def stop(number: int, _frame: object) -> None:
            # shutdown() waits for serve_forever, which this handler interrupts: only another thread may call it.
            threading.Thread(target=site.shutdown, name=f"stop-{number}").start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        source = str(settings.files_dir or "generated samples")
        fields = {"host": settings.host, "port": site.server_port, "source": source, "files": len(site.files())}
        log.info("listening", extra={"fields": fields})
        site.serve_forever()
    log.info("stopped")


def run(command: str, env: Mapping[str, str]) -> int:
    """Run one of the helpers; return the exit code."""
    logs.configure(command)
    try:
        if command == "usda-site":
            run_site(site_settings(env))
        else:
            asyncio.run(serve(mail_settings(env)))
    except SettingsError as problem:
        print(f"mercadito-demo {command}: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return SETTINGS_EXIT
    return 0


def main() -> int:
    """Read the command line and the environment."""
    parser = argparse.ArgumentParser(prog="mercadito-demo", description=__doc__)
    parser.add_argument("command", choices=["usda-site", "mail-sink"])
    return run(parser.parse_args().command, os.environ)
