import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT = """
import sys, time
from pathlib import Path
from mercadito_events.testing.nats_server import NatsServer
from mercadito_events.testing.postgres import PostgresServer
nats, postgres = NatsServer(Path(sys.argv[1])), PostgresServer()
nats.start()
postgres.start()
print(nats._process.pid, postgres._process.pid, postgres._folder, flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a zombie waits for a parent that may be slow to look


def test_servers_do_not_outlive_a_test_process_that_is_killed(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    nats, postgres, folder = process.stdout.readline().split()
    assert is_alive(int(nats))
    assert is_alive(int(postgres))
    os.kill(process.pid, 9)
    process.communicate()
    eventually(lambda: not is_alive(int(nats)) and not is_alive(int(postgres)) and not Path(folder).exists())
