"""How compose's scripts read .env; no container is started."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.driver.system import ROOT


def read(tmp_path: Path, text: str, name: str, **environment: str) -> str:
    file = tmp_path / "settings"
    file.write_text(text)
    script = f'set -euo pipefail; source {ROOT}/compose/system; read_env_file "{file}"; printf %s "${{{name}-not set}}"'
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path / "state"), **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("KEY=", ""),
        ("KEY=c2VjcmV0cw==", "c2VjcmV0cw=="),
        ("KEY=a=b=", "a=b="),
        ("KEY=value   # what it is for", "value"),
        ("KEY=a#b", "a#b"),
        ('KEY="two words # all of it"', "two words # all of it"),
        ("KEY='single'  # and why", "single"),
        ('KEY="Hub, Inc." <orders@hub.example>', '"Hub, Inc." <orders@hub.example>'),
        ("# KEY=commented out", "not set"),
        ("key=of nobody", "not set"),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""], ids=["a line", "the last line, unfinished"])
def test_a_value_is_what_stands_there(tmp_path: Path, line: str, value: str, end: str) -> None:
    assert read(tmp_path, f"OTHER=1\n{line}{end}", "KEY") == value


def test_what_the_caller_gives_comes_first(tmp_path: Path) -> None:
    assert read(tmp_path, "KEY=file\n", "KEY", KEY="caller") == "caller"
