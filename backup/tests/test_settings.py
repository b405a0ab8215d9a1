"""Settings: problems are told all at once, and there is no unlocked backup."""

from pathlib import Path

import pytest
from mercadito_backup.problems import Failed
from mercadito_backup.settings import from_env

KEY = "age1" + "q" * 58


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    env = {
        "DATABASE_PASSWORD_FILE": str(tmp_path / "none"),
        "BACKUP_AT": "noon",
        "BACKUP_DRILL_AT": "x",
        "HUB_TIME_ZONE": "Mars/Olympus",
        "BACKUP_KEEP_FREE_MB": "-1",
    }
    with pytest.raises(Failed) as problems:
        from_env(env)
    for name in (*env, "BACKUP_RECIPIENTS is missing"):
        assert name in str(problems.value)


@pytest.mark.parametrize("given", ["AGE-SECRET-KEY-1QQQ", "age1short", "nothing"])
def test_what_is_no_public_key_is_refused_and_not_repeated(tmp_path: Path, given: str) -> None:
    (tmp_path / "password").write_text("secret")
    env = {"DATABASE_PASSWORD_FILE": str(tmp_path / "password"), "BACKUP_RECIPIENTS": f"{KEY},{given}-{'S' * 40}"}
    with pytest.raises(Failed) as problem:
        from_env(env)
    assert "S" * 40 not in str(problem.value)


def test_several_keys_may_open_a_backup(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    env = {"DATABASE_PASSWORD_FILE": str(tmp_path / "password"), "BACKUP_RECIPIENTS": f"{KEY}, ssh-ed25519 AAAA me"}
    settings = from_env(env)
    assert settings.recipients == (KEY, "ssh-ed25519 AAAA me")
    assert settings.server.environment["PGPASSWORD"] == "secret"
