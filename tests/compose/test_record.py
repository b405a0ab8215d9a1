"""What a deploy writes down is there whole: the old or the new, whenever the machine stops."""

import os
import subprocess
from pathlib import Path

from tests.driver.polling import eventually
from tests.driver.system import ROOT

WITHIN_S = 30
WRITES = 'source compose/system; source compose/release/record; put_into "$FILE"'


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "releases"
    file.write_text("before\n")
    environment = {"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path), "FILE": str(file)}
    # A disk that is full after the first half; and as a condition, where `set -e` ends nothing.
    full = "cat() { printf half; return 1; }"
    done = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f"{full}; if {WRITES}; then echo written; fi",
            str(ROOT / "compose" / "deploy"),
        ],
        cwd=ROOT,
        env=environment,
        input="after\n",
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    assert file.read_text() == "before\n"


def test_until_all_of_it_has_come_the_file_is_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "releases"
    file.write_text("before\n")
    environment = {"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path), "FILE": str(file)}
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", WRITES, str(ROOT / "compose" / "deploy")],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        text=True,
    ) as writing:
        assert writing.stdin
        writing.stdin.write("the first half\n")
        writing.stdin.flush()
        written = tmp_path / "releases.new"
        eventually(lambda: written.exists() and written.read_text(), within_s=WITHIN_S, what="the first half")
        assert file.read_text() == "before\n"
        writing.stdin.write("and the second\n")
    assert writing.returncode == 0
    assert file.read_text() == "the first half\nand the second\n"
    assert [each.name for each in tmp_path.iterdir()] == ["releases"]
