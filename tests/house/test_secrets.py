"""How a secret is changed stands in docs/operations.md, for each of them, and what it tells to type does it."""

import os
import re
import subprocess
from pathlib import Path

from tests.house.test_repository import ROOT, text_of

OPERATIONS = text_of(ROOT / "docs" / "operations.md")
SHORTEST = 24


def section() -> str:
    found = re.search(r"^### Another secret\n(.*?)^##", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert found
    return found.group(1)


def test_every_secret_that_is_made_has_its_row_and_each_row_is_of_one() -> None:
    made = re.search(r"^readonly SECRETS=\((.*?)^\)", text_of(ROOT / "compose" / "secrets"), re.MULTILINE | re.DOTALL)
    assert made
    first_cells = re.findall(r"^\| (`[a-z_`, ]+`) \|", section(), re.MULTILINE)
    told = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(told) == sorted(made.group(1).split())


def test_a_new_value_takes_the_place_of_the_old_one_in_the_same_file(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)
    file = tmp_path / "orders_db_password"
    file.write_text("the old one\n")
    file.chmod(0o444)
    before = file.stat()
    script = block.replace("/srv/mercadito/state/secrets", str(tmp_path))
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], env={"PATH": os.environ["PATH"]}, check=True)
    after = file.stat()
    # What a container has mounted is the file, not its name.
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert len(file.read_text().strip()) >= SHORTEST
    assert file.read_text() != "the old one\n"
