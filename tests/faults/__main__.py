"""python -m tests.faults: every fault in its full length, in containers and natively, and what each cost as a table."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.driver.system import ROOT
from tests.faults.shopping import Cost

CONTAINERS = tuple(f"tests/containers/test_5_{name}.py" for name in ("faults", "partitions", "full_disk", "memory"))
# Each with a system of its own.
RUNS = (CONTAINERS, ("tests/e2e/test_3_restarts.py",))


def table(costs: list[Cost]) -> str:
    """Return the costs as the rows of a table in Markdown."""
    rows = [
        "| fault | lasted | requests | held, the longest | refused, asked again | sockets refused | flows after |",
        "|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        refused = ", ".join(f"{count} of {kind}" for kind, count in sorted(cost.refused.items())) or "none"
        held = f"{cost.held}, {cost.longest_held_s:.1f} s" if cost.held else "none"
        rows.append(
            f"| {cost.fault} | {cost.lasted_s:.0f} s | {cost.requests} | {held} | {refused} | {cost.sockets_refused} |"
            f" {cost.recovered_after_s:.1f} s |"
        )
    return "\n".join(rows)


def main() -> int:
    """Run them; return the exit code of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        ledger.touch()
        code = 0
        for files in RUNS:
            environment = {**os.environ, "REQUIRE_DOCKER": "1", "FAULTS_LEDGER": str(ledger)}
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-v", *files], cwd=ROOT, env=environment, check=False
            )
            code = code or done.returncode
        print(table([Cost(**json.loads(line)) for line in ledger.read_text().splitlines()]))
    return code


if __name__ == "__main__":
    sys.exit(main())
