"""The system's own PostgreSQL cluster: made once, never run as root, reachable on loopback only."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from native.installation import InstallationFailed, postgres_bin
from native.state import ROOT, State

ELSEWHERE = Path("/var/lib/mercadito")
SETTINGS = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 80
shared_buffers = 32MB
timezone = 'UTC'
log_timezone = 'UTC'
password_encryption = 'scram-sha-256'
fsync = on
full_page_writes = on
synchronous_commit = on
idle_in_transaction_session_timeout = '60s'
tcp_keepalives_idle = 10
tcp_keepalives_interval = 5
tcp_keepalives_count = 2
tcp_user_timeout = 20000
"""
READY_WITHIN_S = 60


def program() -> Path:
    """Return the folder of PostgreSQL's programs."""
    found = postgres_bin()
    if found is None:
        raise InstallationFailed("PostgreSQL's server programs are missing: apt-get install postgresql")
    return found


def _as_server_user(command: Sequence[object]) -> list[str]:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    return [*prefix, *map(str, command)]


def server_user() -> str:
    """Return who runs the server: PostgreSQL refuses root, so root gives it to the user that Debian made for it."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def cluster(state: State) -> Path:
    """Return the data folder: elsewhere, linked from the run folder, when the server's user can't enter that."""
    inside = state.folder / "postgres"
    if os.geteuid() != 0 or inside.is_symlink():
        return inside.resolve()
    enters = ["test", "-x", state.folder]
    if not subprocess.run(_as_server_user(enters), check=False, cwd="/").returncode:
        return inside
    outside = ELSEWHERE / state.fingerprint / "postgres"
    # What lies there without a link belonged to a run folder that was deleted, and its password went with that.
    shutil.rmtree(outside, ignore_errors=True)
    outside.parent.mkdir(parents=True, exist_ok=True)
    inside.symlink_to(outside)
    return outside


def prepare(state: State) -> None:
    """Make the cluster if there is none, and write its settings."""
    data = cluster(state)
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        data.chmod(0o700)
        with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="mercadito-") as password:
            password.write(state.secret("postgres_db_password") + "\n")
            password.flush()
            if os.geteuid() == 0:
                shutil.chown(password.name, "postgres")
            initdb = [
                program() / "initdb",
                "--pgdata",
                data,
                "--username",
                "postgres",
                "--pwfile",
                password.name,
            ]
            options: list[object] = [
                *initdb,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
            ]
            done = subprocess.run(_as_server_user(options), check=False, capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise InstallationFailed(f"initdb failed: {done.stderr[-1000:]}")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write("include_if_exists = 'mercadito.conf'\n")
    extra = data / "mercadito.conf"
    extra.write_text(f"port = {state.ports['postgres']}\n{SETTINGS}")
    if os.geteuid() == 0:
        shutil.chown(extra, "postgres", "postgres")


def _psql(state: State, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PGPASSWORD": state.secret("postgres_db_password"),
        "SECRETS_DIR": str(state.secrets_dir),
        "PGCONNECT_TIMEOUT": "3",
    }
    connection = ["-h", "127.0.0.1", "-p", str(state.ports["postgres"]), "-U", "postgres", "-d", "postgres"]
    command: list[object] = [program() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *connection, *arguments]
    return subprocess.run(list(map(str, command)), env=environment, check=False, capture_output=True, text=True)


def wait_until_ready(state: State) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + READY_WITHIN_S
    while (tried := _psql(state, "-c", "select 1")).returncode:
        if time.monotonic() > deadline:
            raise InstallationFailed(
                f"PostgreSQL does not answer: {tried.stderr.strip()} (see {state.logs_dir}/postgres.log)"
            )
        time.sleep(0.1)


def make_databases(state: State) -> None:
    """Make each service's database and its two roles (compose/postgres/databases.sql, the same in containers)."""
    done = _psql(state, "-f", ROOT / "compose" / "postgres" / "databases.sql")
    if done.returncode:
        raise InstallationFailed(f"making the databases failed: {done.stderr[-1000:]}")
