"""Which schemas a release can restore: its own, older ones, and those on which it was at work itself."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from mercadito_backup import drill
from mercadito_backup.manifest import NAME
from mercadito_backup.problems import Failed
from mercadito_backup.programs import run

from .conftest import FIRST, SECOND, Hub


@pytest.fixture
def gone_back(hub: Hub) -> Hub:
    """After a rollback: the schema is of a release that this one does not know."""
    hub.migrate(SECOND)
    return hub


def test_a_backup_taken_after_a_rollback_is_restored_by_the_release_that_took_it(gone_back: Hub) -> None:
    gone_back.take()
    # Everything of before is lost: a fresh server with the same release.
    gone_back.make_databases()
    done = gone_back.run("load", "newest", key=gone_back.folder / "first.key")
    assert done.returncode == 0, done.stdout
    assert gone_back.ask("orders_restored", "SELECT version_num FROM alembic_version") == SECOND


def test_a_backup_of_a_newer_release_is_refused_on_a_fresh_server(gone_back: Hub) -> None:
    gone_back.knows(FIRST, SECOND)
    gone_back.take()
    gone_back.knows(FIRST)
    gone_back.make_databases()
    done = gone_back.run("load", "newest", key=gone_back.folder / "first.key")
    assert done.returncode == 1
    assert "is of a newer version: notify has schema 0002, usda" in done.stdout


def test_one_of_the_newer_release_is_restored_where_this_one_is_at_work_on_its_schema(gone_back: Hub) -> None:
    gone_back.knows(FIRST, SECOND)
    gone_back.take()
    gone_back.knows(FIRST)
    done = gone_back.run("check", "newest", key=gone_back.folder / "first.key")
    assert done.returncode == 0, done.stdout


def test_one_that_does_not_say_which_release_took_it_is_judged_by_its_schema(gone_back: Hub) -> None:
    manifest = gone_back.take() / NAME
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "known": None}))
    gone_back.make_databases()
    done = gone_back.run("check", "newest", key=gone_back.folder / "first.key")
    assert "is of a newer version" in done.stdout


@contextmanager
def emptied(hub: Hub) -> Iterator[Mapping[str, str]]:
    """The drill's server, without another one's start."""
    hub.make_databases()
    env = hub.settings.server.environment
    for name in ("notify", "usda", "orders"):
        run(["psql", "-Xq", "-d", name, "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"], env)
    yield env


@pytest.mark.parametrize(("known", "problem"), [((FIRST, SECOND), "it is of a newer version"), ((FIRST,), "")])
def test_a_drill_tells_what_a_restore_would_refuse(
    gone_back: Hub, monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], problem: str
) -> None:
    monkeypatch.setattr(drill, "_scratch_server", lambda _: emptied(gone_back))
    gone_back.knows(*known)
    gone_back.take()
    gone_back.knows(FIRST)
    lines: list[str] = []
    if problem:
        with pytest.raises(Failed, match=problem):
            drill.drill(gone_back.settings, lines.append)
    else:
        drill.drill(gone_back.settings, lines.append)
    assert [problem in line for line in lines if line.startswith("✗")] == ([True] if problem else [])


def test_a_drill_tells_that_answers_of_the_usda_are_gone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "_scratch_server", lambda _: emptied(hub))
    hub.answer("an answer")
    hub.take()
    (kept,) = (hub.settings.folder / "usda-raw").glob("*/*.age")
    kept.unlink()
    with pytest.raises(Failed, match="1 of 1 answers of the USDA are not here"):
        drill.drill(hub.settings, lambda _: None)
