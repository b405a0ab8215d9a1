"""The system's own nats-server."""

from native.installation import InstallationFailed, find_program
from native.state import ROOT, State

NATS_CONFIGURATION = """\
# Written by `make run`; who may do what is in accounts.conf, the same file as in containers.
server_name: mercadito
host: 127.0.0.1
port: {port}
http: "127.0.0.1:{monitor}"
max_payload: 1MB
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: 1GB
}}
include accounts.conf
"""


def program() -> str:
    """Return the server program's path."""
    found = find_program("nats-server")
    if found is None:
        raise InstallationFailed("nats-server is missing: apt-get install nats-server")
    return found


def prepare(state: State) -> None:
    """Write nats-server's configuration beside a copy of the rights of each service."""
    folder = state.folder / "nats"
    (folder / "accounts.conf").write_text((ROOT / "events" / "server" / "accounts.conf").read_text())
    text = NATS_CONFIGURATION.format(
        port=state.ports["nats"],
        monitor=state.ports["nats-monitor"],
        store=folder / "jetstream",
    )
    (folder / "nats.conf").write_text(text)
