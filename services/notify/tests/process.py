"""A real ``notify serve``, started, killed and asked from outside."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mercadito_events.connection import connect
from mercadito_events.envelope import Event
from mercadito_events.testing import DatabaseUrls, NatsServer, free_port, wait_until
from world import DOMAIN

LEASE_S = 1


@dataclass
class NotifyProcess:
    """One process at a time; ``start`` again after ``kill`` is the supervisor's restart."""

    urls: DatabaseUrls
    nats_server: NatsServer
    folder: Path
    smtp_port: int
    http_port: int = field(default_factory=free_port)
    running: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)
    """Settings beside the usual ones."""

    def environment(self) -> dict[str, str]:
        jwks = self.folder / "jwks.json"
        if not jwks.exists():
            jwks.write_text('{"keys": []}')
        return {
            "PATH": os.environ["PATH"],
            "MERCADITO_ENV": "test",
            "LOG_LEVEL": "info",
            "HTTP_PORT": str(self.http_port),
            "IDENTITY_JWKS_FILE": str(jwks),
            "PUBLIC_URL": "http://localhost:8080",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.smtp_port),
            "SMTP_STARTTLS": "off",
            "MAIL_FROM": "Mercadito <orders@mercadito.example>",
            "MAIL_MESSAGE_ID_DOMAIN": DOMAIN,
            "MAIL_LINK_KEY": "the key of the tests, long enough",
            "SEND_LEASE_S": str(LEASE_S),
            **self.urls.environment(),
            **self.nats_server.environment("notify"),
            **self.more,
        }

    @property
    def log(self) -> str:
        return (self.folder / "notify.log").read_text()

    def start(self, *, ready: bool = True) -> None:
        with (self.folder / "notify.log").open("ab") as log:
            command = [sys.executable, "-m", "notify", "serve"]
            self.running = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        if ready:
            wait_until(self.is_ready, 60)

    def is_ready(self) -> bool:
        assert self.running is not None
        assert self.running.poll() is None, self.log
        return self.ask("/readyz")[0] == 200

    def ask(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.running is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.running.send_signal(number)
        code = self.running.wait(timeout=30)
        self.running = None
        return code


def publish(nats_server: NatsServer, *events: Event, user: str = "orders") -> None:
    """Publish as that service, each in its own message, without an outbox in between."""
    asyncio.run(_publish(nats_server, events, user))


async def _publish(nats_server: NatsServer, events: tuple[Event, ...], user: str) -> None:
    nc = await connect(nats_server.settings(user), name="test")
    try:
        for event in events:
            await nc.jetstream().publish(event.type, event.body(), headers=event.headers())
    finally:
        await nc.close()
