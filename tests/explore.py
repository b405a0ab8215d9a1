"""python -m tests.explore [NAME...]: the tests that make their examples up, with many of them, and others at each run.

`make test` tries few, the same ones each time. What is found here names the example that failed, for a test of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.suites import ROOT, SERVICES

PROJECTS = ("events", *SERVICES, "gateway")
MAKES_UP = ("from hypothesis", "import hypothesis", "mercadito_events.testing.exploring")
# The gateway's tests know nothing of the kit.
MANY = {"EXPLORE": "1", "GATEWAY_RANDOM_EXAMPLES": "2000"}
WITHIN_S = 4 * 3_600


def files(project: str) -> list[Path]:
    """Return the project's test files that make examples up."""
    folder = ROOT / project / ("t" if project == "gateway" else "tests")
    return [file for file in sorted(folder.rglob("test_*.py")) if any(each in file.read_text() for each in MAKES_UP)]


def main(wanted: list[str]) -> int:
    """Run them, project after project; return 1 where one found something."""
    unknown = set(wanted) - set(PROJECTS)
    if unknown:
        print(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(PROJECTS)}")
        return 2
    # Hypothesis' profile "ci" would try the same examples each time.
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | MANY
    found = False
    for project in wanted or PROJECTS:
        print(f"… {project}", flush=True)
        python = str(ROOT / project / ".venv" / "bin" / "python")
        command = [python, "-m", "pytest", "-q", *map(str, files(project))]
        done = subprocess.run(command, cwd=ROOT / project, env=environment, check=False, timeout=WITHIN_S)
        found = found or done.returncode != 0
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
