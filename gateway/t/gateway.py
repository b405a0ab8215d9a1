"""A gateway under test: bin/start with its own state folder, in front of four faulty services."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client import Answer, eventually, fetch
from faulty import Service
from tests.driver.ports import free_port as free_port_on

HOME = Path(__file__).resolve().parent.parent
TOKEN = "operator-token-of-the-tests"


def free_port() -> int:
    return free_port_on("0.0.0.0")  # as the gateway listens


@dataclass
class Gateway:
    folder: Path
    services: Mapping[str, Service]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self.environment["GATEWAY_PORT"])

    @property
    def admin_port(self) -> int:
        return int(self.environment["GATEWAY_ADMIN_PORT"])

    @property
    def orders(self) -> Service:
        return self.services["orders"]

    def start(self) -> "Gateway":
        """Start, and wait until it answers and every service that listens is up."""
        with (self.folder / "log").open("ab") as log, (self.folder / "errors").open("ab") as errors:
            self.process = subprocess.Popen([HOME / "bin/start"], env=self.environment, stdout=log, stderr=errors)
        eventually(self._answers)
        for service in self.services.values():
            if service.listens:
                self.wait_for(service.name, "up")
        return self

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "errors").read_text()
        with contextlib.suppress(OSError):
            return fetch(self.port, "/healthz").status == 200
        return False

    def stop(self) -> None:
        """Stop it, and whatever it left behind."""
        pids = self.workers()
        if self.process:
            self.process.kill()
            self.process.wait()
        for pid in {*pids, *self.workers()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        return [int(file.name) for file in (self.folder / "state/workers").glob("*")]

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def fetch(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        return fetch(self.port, path, method, body, **headers)

    def status(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = fetch(self.admin_port, "/status").json["upstreams"][name]
        return row

    def wait_for(self, name: str, state: str) -> None:
        eventually(lambda: self.status(name)["state"] == state)

    def wait_for_phase(self, name: str, phase: str) -> None:
        eventually(lambda: self.status(name)["phase"] == phase)

    def tell_all_workers(self, name: str = "orders") -> None:
        """Return when every worker knows what one of them knows: a pause is answered no sooner."""
        assert self.pause(name).status == self.resume(name).status == 200

    def wait_until(self, claim: Callable[[], object]) -> None:
        eventually(claim, 60)

    def wait_for_waiting(self, number: int, name: str = "orders") -> None:
        eventually(lambda: self.status(name)["waiting"] == number)

    def pause(self, name: str = "orders", query: str = "") -> Answer:
        path = f"/upstreams/{name}/pause{query}"
        return fetch(self.admin_port, path, "POST", Authorization=f"Bearer {TOKEN}")

    def resume(self, name: str = "orders") -> Answer:
        return fetch(self.admin_port, f"/upstreams/{name}/resume", "POST", Authorization=f"Bearer {TOKEN}")

    def metric(self, start: str) -> float:
        text = fetch(self.admin_port, "/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(start))

    def falls(self, name: str = "orders") -> float:
        """Return how often a service was taken for away; others come up, and ramps end, when they will."""
        return sum(self.metric(f'gateway_transitions_total{{upstream="{name}",to="{to}"') for to in ("suspect", "down"))

    def line_of(self, answer: Answer) -> dict[str, str]:
        """Return the access line of an answer; nginx writes it after the answer has gone."""
        return eventually(lambda: self._find_line(answer.headers["X-Request-Id"]))

    def lines(self) -> list[dict[str, str]]:
        """Return every access line so far; of one that is being written nothing yet."""
        written = (self.folder / "log").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in written.splitlines()]

    def _find_line(self, request_id: str) -> dict[str, str] | None:
        return next((line for line in self.lines() if line["request_id"] == request_id), None)


def settings(folder: Path, services: Mapping[str, Service], **more: str) -> dict[str, str]:
    """Return an environment that bin/start accepts, with short bounds."""
    (folder / "token").write_text(TOKEN + "\n")
    static = folder / "static"
    static.mkdir(exist_ok=True)
    (static / "site.css").write_text("body { color: black }\n" * 200)
    (static / "app.0123abcd.js").write_text("export {}\n")
    realtime = services["realtime"]
    return {
        "PATH": os.environ["PATH"],
        "MERCADITO_ENV": "test",
        "GATEWAY_PORT": str(free_port()),
        "GATEWAY_ADMIN_PORT": str(free_port()),
        "GATEWAY_ADMIN_TOKEN_FILE": str(folder / "token"),
        "GATEWAY_STATE_DIR": str(folder / "state"),
        "STATIC_DIR": str(static),
        "ORDERS_UPSTREAM": f"127.0.0.1:{services['orders'].port}",
        "USDA_UPSTREAM": f"127.0.0.1:{services['usda'].port}",
        "NOTIFY_UPSTREAM": f"127.0.0.1:{services['notify'].port}",
        "REALTIME_HTTP_UPSTREAM": f"127.0.0.1:{realtime.port}",
        "REALTIME_WS_UPSTREAM": f"localhost:{realtime.port}",
        "GATEWAY_PROBE_UP_MS": "200",
        "GATEWAY_HOLD_S": "10",
        "GATEWAY_SHUTDOWN_S": str(max(15, int(more.get("GATEWAY_HOLD_S", "10")))),
        # A test that loads it goes as fast as the machine allows: 2,100 requests/s here, where the demo allows 1,000.
        "GATEWAY_RATE_PER_S": "1000000",
        **more,
    }
