"""Writing straight into a database of a running system: what no user could do in a test's time."""

import json
import os
import subprocess

from tests.driver.system import System

STATEMENT_WITHIN_S = 60


def run_sql(system: System, script: str, service: str = "orders") -> str:
    """Run a script as a service's own role in its own database, all or nothing; return what it prints."""
    ports = json.loads((system.run_dir / "ports.json").read_text())
    password = (system.run_dir / "secrets" / f"{service}_db_password").read_text().strip()
    address = ["-h", "127.0.0.1", "-p", str(ports["postgres"]), "-U", service, "-d", service]
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-1", "-v", "ON_ERROR_STOP=1", *address],
        input=script,
        env={**os.environ, "PGPASSWORD": password},
        check=False,
        capture_output=True,
        text=True,
        timeout=STATEMENT_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
