"""The scripts' own tests, run by Node."""

import subprocess
from pathlib import Path

SERVICE = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60


def test_the_scripts_pass_their_own_tests() -> None:
    done = subprocess.run(
        ["npm", "test", "--silent"], cwd=SERVICE, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-1_000:]
