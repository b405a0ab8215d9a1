"""A process that starts before its migration waits for it, by the service's own role."""

import os
import subprocess
import sys

from mercadito_events.testing import DatabaseUrls
from sqlalchemy import make_url


def wait(urls: DatabaseUrls, **more: str) -> subprocess.CompletedProcess[str]:
    url = make_url(urls.app_url)
    environment = {
        "PATH": os.environ["PATH"],
        "MERCADITO_ENV": "test",
        "DATABASE_URL": f"postgresql://{url.username}@{url.host}:{url.port}/{url.database}",
        "DATABASE_PASSWORD": str(url.password),
        **more,
    }
    command = [sys.executable, "-m", "notify", "migrate", "--wait"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_ends_where_the_schema_is_there(urls: DatabaseUrls) -> None:
    done = wait(urls)
    assert done.returncode == 0, done.stderr


def test_it_names_what_it_misses(urls: DatabaseUrls) -> None:
    done = wait(urls, DATABASE_URL="")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
