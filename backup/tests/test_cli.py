"""What the command says to whoever started it: a person, a deploy, a Job of a cluster."""

import sys
from pathlib import Path

import pytest
from mercadito_backup import cli, taking
from mercadito_backup.problems import Failed
from mercadito_backup.settings import Settings

ENVIRONMENT = {"BACKUP_RECIPIENTS": "age1" + "q" * 58, "BACKUP_COPY_COMMAND": "echo refused >&2; exit 7"}


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call ``mercadito-backup now``, whose dumps are made elsewhere."""
    (tmp_path / "password").write_text("no-database-is-asked")
    for name, variable in (("backups", "BACKUP_FOLDER"), ("state", "BACKUP_STATE_FOLDER"), ("raw", "USDA_RAW_DIR")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "argv", ["mercadito-backup", "now"])


def stands(settings: Settings, _: object) -> Path:
    return settings.folder / "2026-11-30T103000Z"


def fails(*_: object) -> Path:
    raise Failed("the database does not answer")


@pytest.mark.usefixtures("now")
def test_one_that_stands_and_was_not_copied_is_told_apart_from_one_that_was_not_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Job that failed is tried again: with a full bucket it would dump everything three times each night."""
    monkeypatch.setattr(taking, "_take", stands)
    assert cli.main() == 3
    assert "ended with 7: refused" in capsys.readouterr().err
    monkeypatch.setattr(taking, "_take", fails)
    assert cli.main() == 1
    monkeypatch.setattr(taking, "_take", stands)
    monkeypatch.setenv("BACKUP_COPY_COMMAND", "true")
    assert cli.main() == 0
