"""`docker compose config` is clean in every combination of overlays that there is."""

import os
from pathlib import Path

import pytest

from tests.compose.overlays import FOLDER, combinations, compose_problem, config, file_of, needs, overlays

FOLDERS_README = (FOLDER / "README.md").read_text()


@pytest.fixture(autouse=True)
def with_compose() -> None:
    problem = compose_problem()
    if problem and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)


@pytest.mark.parametrize("names", combinations(), ids=lambda names: "+".join(names) or "core")
def test_a_combination_is_clean(names: tuple[str, ...]) -> None:
    done = config(names, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", overlays())
def test_an_overlay_says_over_what_it_comes_and_what_it_is(name: str) -> None:
    assert file_of(name).read_text().startswith("# Over compose.yaml") or needs(name)
    assert needs(name) <= set(overlays())
    assert f"`{Path(file_of(name)).name}`" in FOLDERS_README
