"""What a rollback leaves as it is; stand-ins say what an engine would."""

import os
import re
import subprocess

import pytest

from tests.driver.system import ROOT

# Of the rollback's own functions the one that decides; images of ours are another one's to compare.
SCRIPT = """
set -euo pipefail
docker() {{ printf '%s\\n' "$IMAGE"; }}
is_running() {{ [ "$STATE" = running ]; }}
runs_wanted_image() {{ echo compared; }}
{function}
is_as_wanted postgres container && echo stays
"""


@pytest.mark.parametrize(
    ("image", "state", "said"),
    [
        # What the release that is left could not start is not tried again, whatever its settings name.
        ("postgres:17-trixie", "running", "stays\n"),
        ("postgres:17-trixie", "exited", ""),
        ("mercadito/orders:0.2.0", "running", "compared\nstays\n"),
    ],
)
def test_a_database_that_runs_stays_and_our_own_images_are_compared(image: str, state: str, said: str) -> None:
    (function,) = re.findall(
        r"^is_as_wanted\(\) \{.*?^\}$", (ROOT / "compose/rollback").read_text(), re.DOTALL | re.MULTILINE
    )
    done = subprocess.run(
        ["bash", "-c", SCRIPT.format(function=function)],
        env={"PATH": os.environ["PATH"], "IMAGE": image, "STATE": state},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == said, done.stderr
