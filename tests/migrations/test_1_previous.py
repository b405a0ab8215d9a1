"""Which commit is the release before: by tags, without tags, in clones that have no history."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.migrations import previous

AUTHOR = {name: "test" for who in ("AUTHOR", "COMMITTER") for name in (f"GIT_{who}_NAME", f"GIT_{who}_EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **AUTHOR}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, what: str) -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "--message", what)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own in the tree's place; its first commit is the one of before the first tag."""
    folder = tmp_path / "whole"
    folder.mkdir()
    git(folder, "init", "--quiet")
    monkeypatch.setattr(previous, "ROOT", folder)
    monkeypatch.setattr(previous, "BEFORE_THE_FIRST_TAG", commit(folder, "first"))
    return folder


def shallow(history: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    commit(history, "second")
    clone = history.parent / "shallow"
    git(history.parent, "clone", "--quiet", "--depth=1", f"file://{history}", str(clone))
    monkeypatch.setattr(previous, "ROOT", clone)
    return clone


def test_until_a_release_is_tagged_it_is_the_one_named_here(history: Path) -> None:
    commit(history, "second")
    assert previous.commit() == previous.BEFORE_THE_FIRST_TAG


def test_it_is_the_last_tag_before_this_commit_even_where_this_one_has_a_tag(history: Path) -> None:
    released = commit(history, "second")
    git(history, "tag", "v0.1.0")
    commit(history, "third")
    git(history, "tag", "nightly")
    commit(history, "fourth")
    assert previous.commit() == released
    git(history, "tag", "v0.2.0")
    assert previous.commit() == released


def test_a_shallow_clone_fetches_its_history_and_tags(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shallow(history, monkeypatch)
    assert previous.commit() == previous.BEFORE_THE_FIRST_TAG


def test_a_shallow_clone_knows_the_last_tag_then(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = commit(history, "released")
    git(history, "tag", "v0.1.0")
    shallow(history, monkeypatch)
    assert previous.commit() == released


def test_where_it_cannot_be_fetched_the_tests_are_skipped_aloud(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(shallow(history, monkeypatch), "remote", "remove", "origin")
    with pytest.raises(pytest.skip.Exception, match="NO TEST AGAINST THE RELEASE BEFORE: this clone is shallow"):
        previous.commit()


def test_a_whole_history_without_it_is_a_failure(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(history, "second")
    monkeypatch.setattr(previous, "BEFORE_THE_FIRST_TAG", "0" * 40)
    with pytest.raises(pytest.fail.Exception, match="the history is whole"):
        previous.commit()
