"""The recipes of docs/migrations.md as steps: they run, squawk has nothing against them, a broken index is replaced."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from native.state import ROOT
from tests.migrations.databases import Database, Databases
from tests.migrations.services import SERVICES
from tests.migrations.squawk import found_in

STEP = '''"""Step."""
from alembic import op
revision, down_revision = "{revision}", {before}
def upgrade():
{body}
'''
FIRST = """
op.execute("CREATE TABLE owners (id bigint PRIMARY KEY)")
op.execute("CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, state text NOT NULL"
           " DEFAULT 'new' CONSTRAINT things_state CHECK (state IN ('new', 'used')))")
op.execute("INSERT INTO things (state) SELECT 'used' FROM generate_series(1, 2500)")
"""
ENV = "from mercadito_events.service.migrations import run_env\nfrom sqlalchemy import MetaData\nrun_env(MetaData())\n"
NOTIFY = SERVICES[-1]


def recipes() -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs" / "migrations.md").read_text(), re.MULTILINE | re.DOTALL
    )


def write(folder: Path, bodies: list[str]) -> None:
    """Write these as the steps 0001, 0002 …"""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text(ENV)
    for place, body in enumerate(bodies, start=1):
        before = f'"{place - 1:04}"' if place > 1 else None
        text = STEP.format(revision=f"{place:04}", before=before, body=textwrap.indent(body.strip(), "    "))
        (folder / "versions" / f"{place:04}_step.py").write_text(text)


@pytest.fixture
def empty(databases: Databases) -> Database:
    databases.ask("CREATE DATABASE recipes OWNER notify_owner")
    return Database(databases, NOTIFY, "recipes")


def test_they_run_and_an_index_that_a_kill_left_invalid_is_replaced(empty: Database, tmp_path: Path) -> None:
    bodies = [FIRST, *recipes()]
    index = next(place for place, body in enumerate(bodies) if "CREATE INDEX" in body)
    write(tmp_path, bodies[:index])
    empty.migrate(tmp_path)
    empty.rows("CREATE INDEX things_name ON things (name)")
    empty.rows("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'things_name'::regclass")
    write(tmp_path, bodies)
    empty.migrate(tmp_path)
    assert empty.revision() == f"{len(bodies):04}"
    assert empty.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'things_name'::regclass") == [(True,)]
    assert empty.rows("SELECT count(*) FROM things WHERE name IS NULL") == [(0,)]
    assert empty.rows("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(1,)]


def test_squawk_has_nothing_against_them(tmp_path: Path) -> None:
    folder, sql = tmp_path / "migrations", tmp_path / "sql"
    write(folder, [FIRST, *recipes()])
    steps: dict[str, str] = json.loads(NOTIFY.ask("print_sql", migrations=folder))
    assert len(steps) == len(recipes()) > 5
    found = found_in(steps, sql)
    # As the page says of its last recipe.
    assert found == {(max(steps), "ban-drop-constraint")}
