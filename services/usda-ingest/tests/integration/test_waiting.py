"""A process that starts before its migration waits for it, by the service's own role."""

import os
import subprocess
import sys
from typing import Any


def wait(db: Any, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "MERCADITO_ENV": "test", **db.environment(), **more}
    command = [sys.executable, "-m", "usda_ingest", "migrate", "--wait"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_ends_where_the_schema_is_there(db: Any) -> None:
    done = wait(db)
    assert done.returncode == 0, done.stderr


def test_it_names_what_it_misses(db: Any) -> None:
    done = wait(db, DATABASE_URL="")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
