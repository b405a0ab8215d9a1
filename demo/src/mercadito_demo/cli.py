"""The command line: ``mercadito-demo {usda-site|mail-sink|mail-page}``."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import ThreadingHTTPServer

from mercadito_demo import logs
from mercadito_demo.catalogue import Folder, SampleFolder, market_today
from mercadito_demo.mail_page import MailSite
from mercadito_demo.mail_sink import serve
from mercadito_demo.settings import (
    MailPageSettings,
    SettingsError,
    SiteSettings,
    mail_page_settings,
    mail_settings,
    site_settings,
)
from mercadito_demo.site import Site

SETTINGS_EXIT = 2

log = logging.getLogger(__name__)


def _folder(settings: SiteSettings, held: ExitStack) -> Folder:
    files = settings.files_dir
    if files is not None:
        return lambda: files
    return held.enter_context(SampleFolder(lambda: settings.today or market_today()))


def _serve_until_told(server: ThreadingHTTPServer) -> None:
    """Serve until SIGTERM or SIGINT, then finish the answers under way."""

    def stop(number: int, _frame: object) -> None:
        # shutdown() waits for serve_forever, which this handler interrupts: only another thread may call it.
        threading.Thread(target=server.shutdown, name=f"stop-{number}").start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever()


def run_site(settings: SiteSettings) -> None:
    """Serve the site of price files."""
    with ExitStack() as held:
        site = held.enter_context(Site((settings.host, settings.port), _folder(settings, held)))
        source = str(settings.files_dir or "generated samples")
        fields = {"host": settings.host, "port": site.server_port, "source": source, "files": len(site.files())}
        log.info("listening", extra={"fields": fields})
        _serve_until_told(site)
    log.info("stopped")


def run_mail_page(settings: MailPageSettings) -> None:
    """Serve the page of mails."""
    with MailSite((settings.host, settings.port), settings.mail_dir) as site:
        fields = {"host": settings.host, "port": site.server_port, "folder": str(settings.mail_dir)}
        log.info("listening", extra={"fields": fields})
        _serve_until_told(site)
    log.info("stopped")


def run(command: str, env: Mapping[str, str]) -> int:
    """Run one of the helpers; return the exit code."""
    logs.configure(command)
    try:
        if command == "usda-site":
            run_site(site_settings(env))
        elif command == "mail-page":
            run_mail_page(mail_page_settings(env))
        else:
            asyncio.run(serve(mail_settings(env)))
    except SettingsError as problem:
        print(f"mercadito-demo {command}: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return SETTINGS_EXIT
    return 0


def main() -> int:
    """Read the command line and the environment."""
    parser = argparse.ArgumentParser(prog="mercadito-demo", description=__doc__)
    parser.add_argument("command", choices=["usda-site", "mail-sink", "mail-page"])
    return run(parser.parse_args().command, os.environ)
