"""What squawk finds in SQL."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.suites import TOOLS

# What each service's server is at least (Debian 12); the images have a newer one.
POSTGRES = "15.0"
# Rules that do not fit here, whatever a step does.
NEVER = {
    "require-lock-timeout": "the kit's runner sets 1 s for its session",
    "require-statement-timeout": "the kit's runner sets 5 s for its session",
    "prefer-bigint-over-int": "counts, cents, versions: far below two thousand million; keys are bigint or uuid",
    "prefer-bigint-over-smallint": "a priority, an SMTP code and a count of tries",
}


def found_in(sql: Mapping[str, str], folder: Path) -> set[tuple[str, str]]:
    """Return what it finds in texts by name: name and rule. The texts are written to the folder."""
    folder.mkdir(exist_ok=True)
    files = []
    for name, text in sql.items():
        files.append(folder / f"{name}.sql")
        files[-1].write_text(text)
    options = ["--reporter=json", f"--pg-version={POSTGRES}", f"--exclude={','.join(NEVER)}"]
    done = subprocess.run([str(TOOLS / "squawk"), *options, *files], check=False, capture_output=True, text=True)
    # 1: it has found something. What it could not read it calls syntax-error.
    assert done.returncode in {0, 1}, done.stderr
    return {(Path(each["file"]).stem, each["rule_name"]) for each in json.loads(done.stdout or "[]")}
