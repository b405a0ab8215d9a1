"""What of the caller's environment reaches a process."""

from pathlib import Path

import pytest

from native import settings
from native.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    chosen = State(tmp_path / "run", 18_000)
    chosen.prepare()
    return chosen


def test_no_secret_of_the_caller_reaches_a_process(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not yours")
    monkeypatch.setenv("DATABASE_PASSWORD", "not yours either")
    for environment in (settings.orders(state), settings.usda(state), settings.notify(state), settings.gateway(state)):
        whole = settings.full_environment(environment)
        assert "AWS_SECRET_ACCESS_KEY" not in whole
        assert "DATABASE_PASSWORD" not in whole


def test_a_setting_reaches_the_service_that_reads_it_and_no_other(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_THREADS", "4")
    monkeypatch.setenv("GATEWAY_HOLD_S", "7")
    assert settings.orders(state)["WEB_THREADS"] == "4"
    assert "WEB_THREADS" not in settings.usda(state)
    assert settings.gateway(state)["GATEWAY_HOLD_S"] == "7"
    assert "GATEWAY_HOLD_S" not in settings.orders(state)


def test_what_this_run_decides_cannot_be_overridden(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "1")
    assert settings.gateway(state)["GATEWAY_PORT"] == "18000"
