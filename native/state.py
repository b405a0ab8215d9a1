"""The run folder: where everything of one running system lies, its ports and its secrets."""

import contextlib
import hashlib
import json
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTENERS = (
    "postgres",
    "nats",
    "nats-monitor",
    "orders-web",
    "orders-worker",
    "realtime",
    "realtime-http",
    "usda",
    "notify",
    "usda-site",
    "smtp",
)
PASSWORDS = (
    "postgres_db_password",
    *(f"{name}{owner}_db_password" for name in ("orders", "usda", "notify") for owner in ("", "_owner")),
    "backup_db_password",
    *(f"nats_{user}_password" for user in ("provisioner", "orders", "realtime", "usda", "notify", "operator")),
    "session_secret",
    "mail_link_key",
    "bounce_webhook_key",
    "gateway_admin_token",
    "realtime_admin_token",
)
LONGEST_SOCKET_PATH = 100
# The gateway's admin listener takes the port after it.
HIGHEST_GATEWAY_PORT = 65_534
# Below the range that the kernel gives to outgoing connections, so that none of those sits on a server's port.
PORT_RANGE = range(20_000, 32_000)


class SettingsError(Exception):
    """A setting of whoever typed `make` can't be used; the message says which and why."""


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))  # noqa: S104 - the gateway listens on every address; nothing is served here
            return True
    return False


def _gateway_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= HIGHEST_GATEWAY_PORT):
        raise SettingsError(f"MERCADITO_PORT is {text!r}; it must be a whole number from 1 to {HIGHEST_GATEWAY_PORT}")
    return int(text)


def _free_port() -> int:
    while not port_is_free(port := secrets.choice(PORT_RANGE)):
        pass
    return port


@dataclass(frozen=True)
class State:
    """One system's folder and the gateway's public port (its admin listener is the next one)."""

    folder: Path
    gateway_port: int

    @classmethod
    def from_environment(cls) -> "State":
        """Read MERCADITO_RUN_DIR and MERCADITO_PORT, the two settings that tell systems apart."""
        folder = os.environ.get("MERCADITO_RUN_DIR") or ".run"
        return cls((ROOT / folder).resolve(), _gateway_port(os.environ.get("MERCADITO_PORT") or "8080"))

    @property
    def secrets_dir(self) -> Path:
        """The folder of the secrets, one file each, readable by their owner alone."""
        return self.folder / "secrets"

    @property
    def jwks_file(self) -> Path:
        """The public identity keys, which every service reads."""
        return self.folder / "identity" / "jwks.json"

    @property
    def logs_dir(self) -> Path:
        """One log file for each process, rotated by the supervisor."""
        return self.folder / "logs"

    @property
    def ready_file(self) -> Path:
        """Appears when the first crawl's quotes are in the demo offers."""
        return self.folder / "ready"

    @cached_property
    def control_socket(self) -> Path:
        """The supervisor's socket; elsewhere where the run folder's path is too long for one."""
        wanted = self.folder / "supervisor.sock"
        if len(str(wanted)) <= LONGEST_SOCKET_PATH:
            return wanted
        return Path(tempfile.gettempdir()) / f"mercadito-{self.fingerprint}.sock"

    @property
    def fingerprint(self) -> str:
        """A short name for this folder, the same at every start."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    @property
    def url(self) -> str:
        """The address that people open: that of the system that runs, whatever MERCADITO_PORT says by now."""
        return f"http://localhost:{self.ports['gateway']}"

    @property
    def mars_key_file(self) -> Path:
        """Where the operator's `USDA_MARS_KEY` lies: environments are written down for the supervisor, keys are not."""
        return self.secrets_dir / "usda_mars_key"

    def secret(self, name: str) -> str:
        """Return one secret's text."""
        return (self.secrets_dir / name).read_text().strip()

    @cached_property
    def ports(self) -> dict[str, int]:
        """The ports chosen for this system (`ports.json`)."""
        chosen: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return chosen

    def prepare(self) -> None:
        """Make the folders, choose ports that are free now and make the secrets that are missing."""
        for name in ("logs", "mail", "usda-raw", "identity", "nats", "gateway"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.secrets_dir.mkdir(mode=0o700, exist_ok=True)
        for name in PASSWORDS:
            file = self.secrets_dir / name
            if not file.exists():
                _write_privately(file, f"s{secrets.token_hex(24)}\n")
        self.mars_key_file.unlink(missing_ok=True)
        if key := os.environ.get("USDA_MARS_KEY"):
            _write_privately(self.mars_key_file, f"{key}\n")
        self._choose_ports()

    def _choose_ports(self) -> None:
        """Keep the ports of the last start where they are still free, so that tools find things again."""
        file = self.folder / "ports.json"
        before: dict[str, int] = {}
        # A start that was cut short may leave half a file: then all are chosen anew.
        with contextlib.suppress(FileNotFoundError, ValueError):
            before = json.loads(file.read_text())
        chosen = {"gateway": self.gateway_port, "gateway-admin": self.gateway_port + 1}
        for name in LISTENERS:
            port = before.get(name)
            taken = port is None or port in chosen.values() or not port_is_free(port)
            chosen[name] = _free_port() if taken or port is None else port
        file.write_text(json.dumps(chosen, indent=2) + "\n")
        self.__dict__.pop("ports", None)


def _write_privately(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
