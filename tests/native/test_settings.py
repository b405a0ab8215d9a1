"""What whoever types `make run` may say, and what is refused before anything starts."""

from pathlib import Path

import pytest

from native import settings
from native.state import ROOT, SettingsError, State


@pytest.mark.parametrize("port", ["eighty", "0", "-1", "80.5", "65535", "99999", "8_080", "²"])
def test_a_port_that_is_none_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("MERCADITO_PORT", port)
    with pytest.raises(SettingsError, match=r"MERCADITO_PORT is .*65534"):
        State.from_environment()


def test_an_empty_setting_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERCADITO_PORT", "")
    monkeypatch.setenv("MERCADITO_RUN_DIR", "")
    monkeypatch.setenv("USDA_FILES_DIR", "")
    monkeypatch.setenv("USDA_TODAY", "")
    state = State.from_environment()
    assert state == State(ROOT / ".run", 8080)
    settings.check(state)


def test_every_unusable_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("USDA_FILES_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("USDA_TODAY", "2026-02-30")
    monkeypatch.setenv("USDA_MARS_KEY", "not-to-be-repeated")
    monkeypatch.setenv("USDA_MARS_KEY_FILE", "/etc/mercadito/mars_key")
    with pytest.raises(SettingsError, match=r"(?s)USDA_FILES_DIR.*nowhere.*USDA_TODAY is '2026-02-30'") as refused:
        settings.check(State(tmp_path, 18_000))
    assert "USDA_MARS_KEY_FILE" in str(refused.value)
    assert "not-to-be-repeated" not in str(refused.value)


def test_the_key_of_the_mars_api_is_passed_on_as_a_file_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = State(tmp_path / "run", 18_000)
    monkeypatch.setenv("USDA_MARS_URL", "https://marsapi.ams.usda.gov/services/v1.2")
    monkeypatch.setenv("USDA_MARS_KEY", "x")
    state.prepare()
    environment = settings.usda(state)
    assert environment["USDA_MARS_URL"].startswith("https://marsapi")
    assert "USDA_MARS_KEY" not in environment
    key_file = Path(environment["USDA_MARS_KEY_FILE"])
    assert (key_file.read_text(), key_file.stat().st_mode & 0o777) == ("x\n", 0o600)

    monkeypatch.delenv("USDA_MARS_KEY")
    monkeypatch.setenv("USDA_MARS_KEY_FILE", "/etc/mercadito/mars_key")
    state.prepare()
    assert settings.usda(state)["USDA_MARS_KEY_FILE"] == "/etc/mercadito/mars_key"
    assert not key_file.exists()


def test_samples_never_stand_among_the_usdas_own_prices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("USDA_FILES_DIR", raising=False)
    monkeypatch.delenv("USDA_INDEX_URL", raising=False)
    state = State(tmp_path / "run", 18_000)
    state.prepare()
    assert settings.usda(state)["USDA_INDEX_URL"].startswith("http://127.0.0.1:")
    monkeypatch.setenv("USDA_MARS_URL", "https://marsapi.ams.usda.gov/services/v1.2")
    assert "USDA_INDEX_URL" not in settings.usda(state)
    monkeypatch.setenv("USDA_INDEX_URL", "https://www.ers.usda.gov/data-products/fruit-and-vegetable-prices")
    assert settings.usda(state)["USDA_INDEX_URL"].startswith("https://www.ers")


@pytest.mark.parametrize("day", ["tomorrow", "20260108", "2026-1-8", "2026-13-01"])
def test_a_market_day_that_is_no_date_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, day: str) -> None:
    monkeypatch.delenv("USDA_FILES_DIR", raising=False)
    monkeypatch.setenv("USDA_TODAY", day)
    with pytest.raises(SettingsError, match="USDA_TODAY"):
        settings.check(State(tmp_path, 18_000))


def test_a_folder_of_files_is_relative_to_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = State(tmp_path / "run", 18_000)
    state.prepare()
    monkeypatch.setenv("USDA_FILES_DIR", "docs")
    monkeypatch.setenv("USDA_TODAY", "2026-01-08")
    settings.check(state)
    assert settings.usda_site(state)["USDA_FILES_DIR"] == str(ROOT / "docs")


@pytest.mark.parametrize("folder", ["with blanks", "100%", "a;b", 'a"b'])
def test_a_run_folder_that_the_gateway_would_refuse_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str
) -> None:
    monkeypatch.delenv("USDA_FILES_DIR", raising=False)
    monkeypatch.delenv("USDA_TODAY", raising=False)
    with pytest.raises(SettingsError, match="MERCADITO_RUN_DIR"):
        settings.check(State(tmp_path / folder, 18_000))


def test_links_start_with_the_address_that_the_operator_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = State(tmp_path / "run", 18_000)
    state.prepare()
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    assert settings.notify(state)["PUBLIC_URL"] == "http://localhost:18000"
    monkeypatch.setenv("PUBLIC_URL", "https://shop.example.org")
    assert settings.notify(state)["PUBLIC_URL"] == "https://shop.example.org"
