"""Run inside realtime: `drain` asks all open pages to come back in a moment, `count` says how many are open."""

import os
import re
import sys
import urllib.request
from pathlib import Path

TIMEOUT_S = 3
REALTIME = f"http://127.0.0.1:{os.environ['HTTP_PORT']}"


def drain() -> None:
    """Ask them."""
    token = Path(os.environ["ADMIN_TOKEN_FILE"]).read_text().strip()
    asked = urllib.request.Request(
        f"{REALTIME}/admin/drain", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    urllib.request.urlopen(asked, timeout=TIMEOUT_S).close()


def count() -> None:
    """Print how many sockets and streams are open."""
    with urllib.request.urlopen(f"{REALTIME}/metrics", timeout=TIMEOUT_S) as answer:
        told = re.findall(r"^realtime_connections\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE)
    print(int(sum(map(float, told))))


{"drain": drain, "count": count}[sys.argv[1]]()
