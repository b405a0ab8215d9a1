"""The USDA's answers beside the backups: locked for the keys of now, and never what keeps orders from coming back."""

import hashlib
import shutil
from pathlib import Path

import pytest
from mercadito_backup import raw_files, shelf
from mercadito_backup.problems import NoRoom
from mercadito_backup.settings import KEEP_FREE_MB, MB

from .conftest import Hub


@pytest.fixture
def kept(hub: Hub) -> list[Path]:
    """Answers that the first backup has kept."""
    files = [hub.answer(f"answer {number}") for number in range(3)]
    hub.take()
    return files


def lose(hub: Hub) -> None:
    """As on a fresh server: nothing but the backups is there."""
    shutil.rmtree(hub.settings.raw_files)
    hub.settings.raw_files.mkdir()
    hub.make_databases()


def there(files: list[Path]) -> int:
    return sum(file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == file.name for file in files)


def test_a_backup_for_a_new_key_is_restored_on_a_fresh_server_with_that_key(hub: Hub, kept: list[Path]) -> None:
    second, public = hub.key("second")
    hub.more["BACKUP_RECIPIENTS"] = public
    hub.take()
    lose(hub)
    assert "!" not in hub.run("check", "newest", key=second).stdout
    done = hub.run("load", "newest", key=second)
    assert done.returncode == 0, done.stdout
    assert "✓ 3 answers of the USDA put back" in done.stdout
    assert there(kept) == 3


def test_what_is_under_way_lies_where_a_copy_passes_it_over(hub: Hub, tmp_path: Path) -> None:
    hub.answer("an answer")
    hub.more["BACKUP_KEEP_FREE_MB"] = str(10**9 - 1)
    partial = shelf.begin(hub.settings.folder, "2026-11-30T023000Z")
    with pytest.raises(NoRoom):
        raw_files.keep(hub.settings, partial)
    assert [file.parent for file in hub.settings.folder.rglob("*") if file.is_file()] == [partial]


def test_they_are_locked_once_for_the_same_keys_in_whatever_order(hub: Hub, kept: list[Path]) -> None:
    first, public = hub.more["BACKUP_RECIPIENTS"], hub.key("second")[1]
    hub.more["BACKUP_RECIPIENTS"] = f"{first},{public}"
    hub.take()
    before = sorted((file, file.stat().st_ino) for file in (hub.settings.folder / raw_files.FOLDER).glob("*/*"))
    hub.more["BACKUP_RECIPIENTS"] = f"{public},{first}"
    hub.take()
    assert sorted((file, file.stat().st_ino) for file in (hub.settings.folder / raw_files.FOLDER).glob("*/*")) == before
    assert len(before) == 3


def test_what_would_fill_the_disk_stays_away(
    hub: Hub, kept: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The databases are yet to be changed over, on the same disk."""
    lose(hub)
    monkeypatch.setattr(raw_files, "free_bytes", lambda _: KEEP_FREE_MB * MB)
    done, wrong = raw_files.put_back(hub.settings.folder, hub.settings.raw_files, tmp_path / "no key is asked for")
    assert (done, len(wrong), there(kept)) == (0, 3, 0)
    assert all("512 MB are to stay free" in said for said in wrong)
    assert not any(file.is_file() for file in hub.settings.raw_files.rglob("*"))


def test_orders_come_back_without_the_answers_that_the_key_does_not_open(hub: Hub, kept: list[Path]) -> None:
    """Their old key is lost, and they were not locked anew, since usda's volume was lost before."""
    lose(hub)
    second, public = hub.key("second")
    hub.more["BACKUP_RECIPIENTS"] = public
    hub.take()
    said = hub.run("check", "newest", key=second)
    assert said.returncode == 0
    assert "! 3 of 3 answers of the USDA are locked for other keys" in said.stdout
    done = hub.run("load", "newest", key=second)
    assert done.returncode == 0, done.stdout
    assert "! 3 answers of the USDA can't be put back" in done.stdout
    assert hub.ask("orders_restored", "SELECT count(*) FROM orders") == "1"


def test_a_file_of_several_keys_opens_what_each_of_them_opens(hub: Hub, kept: list[Path]) -> None:
    lose(hub)
    second, public = hub.key("second")
    hub.more["BACKUP_RECIPIENTS"] = public
    hub.take()
    both = hub.folder / "both.key"
    both.write_text((hub.folder / "first.key").read_text() + second.read_text())
    assert "!" not in hub.run("check", "newest", key=both).stdout
    assert "✓ 3 answers of the USDA put back" in hub.run("load", "newest", key=both).stdout
    assert there(kept) == 3


def test_where_locking_anew_was_broken_off_either_file_will_do(hub: Hub, kept: list[Path]) -> None:
    beside = hub.settings.folder / raw_files.FOLDER
    for file in beside.glob("*/*.age"):
        file.with_name(f"{file.name[:64]}.0000000000000000.age").write_bytes(b"of another key")
        file.with_name(f"{file.name[:64]}.ffffffffffffffff.age").write_bytes(b"of another key")
    lose(hub)
    first = hub.folder / "first.key"
    assert "!" not in hub.run("check", "newest", key=first).stdout
    assert "✓ 3 answers of the USDA put back" in hub.run("load", "newest", key=first).stdout
    assert there(kept) == 3


def test_a_damaged_one_is_left_out_and_said(hub: Hub, kept: list[Path]) -> None:
    (damaged,) = (hub.settings.folder / raw_files.FOLDER).glob(f"*/{kept[1].name}*")
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    lose(hub)
    done = hub.run("load", "newest", key=hub.folder / "first.key")
    assert done.returncode == 0, done.stdout
    assert "✓ 2 answers of the USDA put back" in done.stdout
    assert "! 1 answers of the USDA can't be put back" in done.stdout
    assert damaged.name in done.stdout
    assert there(kept) == 2
    assert [file.name for file in hub.settings.raw_files.glob("*/.*")] == []


def test_a_check_says_that_they_were_not_brought_along(hub: Hub, kept: list[Path]) -> None:
    shutil.rmtree(hub.settings.folder / raw_files.FOLDER)
    said = hub.run("check", "newest", key=hub.folder / "first.key")
    assert said.returncode == 0
    assert "! 3 of 3 answers of the USDA are not here" in said.stdout


def test_those_of_before_the_names_said_for_whom_are_locked_anew(hub: Hub, kept: list[Path]) -> None:
    shelf = hub.settings.folder / raw_files.FOLDER
    for file in shelf.glob("*/*.age"):
        file.rename(file.with_name(f"{file.name[:64]}.age"))
    second, public = hub.key("second")
    hub.more["BACKUP_RECIPIENTS"] = public
    hub.take()
    assert len(list(shelf.glob("*/*.age"))) == 3
    lose(hub)
    assert "✓ 3 answers of the USDA put back" in hub.run("load", "newest", key=second).stdout
