"""The process: looks at the clock, takes backups and drills, and says how old the last good ones are."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mercadito_backup import shelf
from mercadito_backup.drill import drill
from mercadito_backup.logs import say
from mercadito_backup.problems import Failed
from mercadito_backup.settings import Settings
from mercadito_backup.standing import Age, ages, moment
from mercadito_backup.taking import take

LOOK_S = 20.0
RETRY = timedelta(minutes=15)
ALARM_EVERY_S = 3600.0


def serve(settings: Settings) -> None:
    """Work by the clock until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    note_start(settings.state, datetime.now(UTC))
    server = ThreadingHTTPServer(("", settings.http_port), handler(settings))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say("started", backup_at=str(settings.backup_at.at), kept=len(shelf.names(settings.folder)))
    worker = threading.Thread(target=_work_until, args=(settings, stop), daemon=True)
    worker.start()
    stop.wait()
    server.shutdown()


def note_start(state: Path, now: datetime) -> None:
    """Note the first start, and anew where a clock that was wrong then has noted one that is yet to come."""
    if moment(shelf.recall(state), "since", now) is None:
        shelf.remember(state, since=now.isoformat())


def _work_until(settings: Settings, stop: threading.Event) -> None:
    try:
        _work(settings, stop)
    finally:
        # A mistake of ours ends the process, which is started anew: one that only answers probes takes no backups.
        stop.set()


def _work(settings: Settings, stop: threading.Event) -> None:
    alarmed_at = -ALARM_EVERY_S
    while not stop.is_set():
        now = datetime.now(UTC)
        note_start(settings.state, now)
        known = shelf.recall(settings.state)
        try:
            if due(settings.backup_at.last(now, settings.zone), now, known, "backup_at", "failed_at"):
                take(settings)
            elif due(settings.drill_at.last(now, settings.zone), now, known, "drill_at", "drill_failed_at"):
                drill(settings, lambda _line: None)
        except (Failed, OSError) as problem:
            say("not_done", "warning", reason=str(problem), again_in_s=RETRY.total_seconds())
        late = [each for each in standing(settings) if each.late]
        if late and time.monotonic() - alarmed_at >= ALARM_EVERY_S:
            alarmed_at = time.monotonic()
            for each in late:
                say(f"alarm_{each.what}_late", "error", age_s=round(each.age.total_seconds()), words=each.words)
        stop.wait(LOOK_S)


def due(last: datetime, now: datetime, known: Mapping[str, Any], done: str, failed: str) -> bool:
    """Say whether the clock's last moment came after what was done last; a failure is tried again after a while."""
    before = moment(known, done, now) or moment(known, "since", now) or now
    tried = moment(known, failed, now)
    return before < last and (tried is None or tried + RETRY <= now)


def standing(settings: Settings) -> list[Age]:
    """Return how old everything is now."""
    return ages(shelf.recall(settings.state), datetime.now(UTC), copied=bool(settings.copy_command))


def figures(settings: Settings) -> str:
    """Return the metrics, as Prometheus reads them."""
    lines = []
    for each in standing(settings):
        name = f"mercadito_{each.what}"
        lines += [f"# TYPE {name}_age_seconds gauge", f"{name}_age_seconds {each.age.total_seconds():.0f}"]
        lines += [f"# TYPE {name}_late gauge", f"{name}_late {int(each.late)}"]
    known = shelf.recall(settings.state)
    for name, value in (("backup_bytes", known.get("backup_bytes", 0)), ("backups", len(shelf.names(settings.folder)))):
        lines += [f"# TYPE mercadito_{name} gauge", f"mercadito_{name} {value}"]
    disk = os.statvfs(settings.folder)
    for name, blocks in (("disk", disk.f_blocks), ("disk_free", disk.f_bavail)):
        value = f'mercadito_{name}_bytes{{place="backups"}} {blocks * disk.f_frsize}'
        lines += [f"# TYPE mercadito_{name}_bytes gauge", value]
    return "\n".join(lines) + "\n"


def handler(settings: Settings) -> type[BaseHTTPRequestHandler]:
    """Return what answers ``/healthz``, ``/readyz`` (503 when something is late) and ``/metrics``."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            late = [each.words for each in standing(settings) if each.late]
            answers = {
                "/healthz": (200, "ok\n"),
                "/readyz": (503 if late else 200, "\n".join(late or ["ok"]) + "\n"),
                "/metrics": (200, figures(settings)),
            }
            status, text = answers.get(self.path, (404, "not found\n"))
            # A probe that has seen the status line leaves.
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
            """Probes are not worth a line."""

    return Handler
