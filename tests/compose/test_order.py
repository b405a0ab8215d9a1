"""Which release may follow which, and which secrets may be made: what a deploy looks at, with no engine at all."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.driver.system import ROOT

COMPOSE = ROOT / "compose"
PARTS = "system release/record secrets files release/steps release/images release/preflight"


def looked(state: Path, body: str, **settings: str) -> str:
    """Run commands of a deploy; return what they print and every problem that they found."""
    script = (
        f"set -euo pipefail; for part in {PARTS}; do source {COMPOSE}/$part; done; MERCADITO_ENV=production\n{body}"
    )
    done = subprocess.run(
        ["bash", "-c", f'{script}\nprintf "✗ %s\\n" "${{problems[@]}}"'],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(state), **settings},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


WITH_DATA = "has_data() { :; }; look_at_secrets"


def test_a_secret_that_comes_with_a_release_is_made_where_there_are_data(tmp_path: Path) -> None:
    looked(tmp_path, "has_data() { false; }; look_at_secrets")
    secrets = tmp_path / "secrets"
    # As if this release were the first that knows it.
    (secrets / "bounce_webhook_key").unlink()
    made = tmp_path / "secrets.made"
    made.write_text("".join(line for line in made.read_text().splitlines(keepends=True) if "bounce" not in line))
    assert looked(tmp_path, WITH_DATA) == "✗ \n"
    assert len((secrets / "bounce_webhook_key").read_text()) > 24
    assert "bounce_webhook_key\n" in made.read_text()


def test_a_secret_that_was_there_and_is_lost_is_not_made_anew(tmp_path: Path) -> None:
    looked(tmp_path, "has_data() { false; }; look_at_secrets")
    lost = tmp_path / "secrets" / "session_secret"
    lost.unlink()
    assert f"✗ secret {lost} is missing, and there are data that need it" in looked(tmp_path, WITH_DATA)
    assert not lost.exists()


def test_of_a_server_that_keeps_no_list_yet_no_secret_is_made_anew(tmp_path: Path) -> None:
    looked(tmp_path, "has_data() { false; }; look_at_secrets")
    (tmp_path / "secrets.made").unlink()
    assert looked(tmp_path, WITH_DATA) == "✗ \n"
    assert "session_secret\n" in (tmp_path / "secrets.made").read_text()
    (tmp_path / "secrets.made").unlink()
    (tmp_path / "secrets" / "session_secret").unlink()
    assert "session_secret is missing" in looked(tmp_path, WITH_DATA)


@pytest.fixture
def history(tmp_path: Path) -> Callable[..., str]:
    """A checkout with the releases 0.1.0, 0.1.1, 0.2.0, 0.2.1, 0.3.0 in a line, and a commit after each."""
    checkout = tmp_path / "checkout"
    author = ("-c", "user.name=Hub", "-c", "user.email=hub@example.org")

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(checkout), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    checkout.mkdir()
    git("init", "--quiet")
    for release in ("v0.1.0", "v0.1.1", "v0.2.0", "v0.2.1", "v0.3.0"):
        for name in (release, f"after-{release}"):
            git("commit", "--quiet", "--allow-empty", "--message", name)
            git("tag", name)

    def problems(release: str, *, runs: str, schema: str = "") -> str:
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        (state / "releases").write_text(f"2026-01-01T00:00:00Z {runs} production\n")
        (state / "release.schema").write_text(f"{schema}\n" if schema else "")
        order = f"root={checkout}; source $here/release/order; look_at_order"
        return looked(state, order, MERCADITO_VERSION=release).removeprefix("✗ ").strip()

    return problems


@pytest.mark.parametrize(
    ("runs", "release"),
    [
        *(("0.1.0", "0.1.0"), ("0.1.0", "0.1.1"), ("0.1.0", "0.2.0"), ("0.1.0", "0.2.1"), ("0.2.0", "0.3.0")),
        # What git calls a commit between two, and names that are nobody's of git.
        *(("after-v0.1.0", "0.2.0"), ("0.1.0", "after-v0.2.1"), ("0.1.0", "of-my-own"), ("of-my-own", "0.3.0")),
    ],
)
def test_the_next_release_may_come_and_its_corrections(history: Callable[..., str], runs: str, release: str) -> None:
    assert history(release, runs=runs, schema=f"{runs} {runs}") == ""


@pytest.mark.parametrize(("runs", "release"), [("0.1.0", "0.3.0"), ("after-v0.1.1", "after-v0.3.0")])
def test_no_release_is_passed_over_and_the_one_that_is_next_is_named(
    history: Callable[..., str], runs: str, release: str
) -> None:
    assert f"deploy 0.2.1 first: between {runs} and {release}" in history(release, runs=runs)


def test_a_release_whose_deploy_broke_off_after_its_migrations_is_not_passed_over(history: Callable[..., str]) -> None:
    assert "deploy 0.2.1 first" in history("0.3.0", runs="0.1.1", schema="0.2.0 0.1.1")


def test_an_older_release_is_brought_out_only_where_it_runs_on_the_schema(history: Callable[..., str]) -> None:
    assert history("0.2.1", runs="0.3.0", schema="0.3.0 0.2.1") == ""
    assert "the schema is of 0.3.0" in history("0.2.0", runs="0.3.0", schema="0.3.0 0.2.1")
    assert "the schema is of 0.3.0" in history("0.1.0", runs="0.2.1", schema="0.3.0 0.2.1")


def test_going_back_by_a_deploy_leaves_the_schema_to_whoever_made_it(tmp_path: Path) -> None:
    (tmp_path / "release.schema").write_text("b a\n")
    looked(tmp_path, "remember_schema a b")
    assert (tmp_path / "release.schema").read_text() == "b a\n"
    looked(tmp_path, "remember_schema b a")
    looked(tmp_path, "remember_schema c b")
    assert (tmp_path / "release.schema").read_text() == "c b\n"
