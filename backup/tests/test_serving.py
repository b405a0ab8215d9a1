"""The process: what it does by the clock cannot end without it."""

import threading
from pathlib import Path

import pytest
from mercadito_backup import serving
from mercadito_backup.settings import from_env


def test_a_mistake_ends_the_process_so_that_it_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(serving, "_work", mistake)
    stop = threading.Event()
    with pytest.raises(RuntimeError):
        serving._work_until(None, stop)  # type: ignore[arg-type]
    assert stop.is_set()


def test_its_figures_say_how_full_the_disk_of_the_backups_is(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "password").write_text("secret")
    environment = {
        "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        "BACKUP_FOLDER": str(tmp_path),
        "BACKUP_STATE_FOLDER": str(tmp_path / "state"),
        "USDA_RAW_DIR": str(tmp_path),
        "BACKUP_RECIPIENTS": "age1" + "q" * 58,
    }
    told = dict(
        line.rsplit(" ", 1) for line in serving.figures(from_env(environment)).splitlines() if not line.startswith("#")
    )
    free = int(told['mercadito_disk_free_bytes{place="backups"}'])
    assert 0 <= free <= int(told['mercadito_disk_bytes{place="backups"}'])
    assert int(told["mercadito_backups"]) == 0
