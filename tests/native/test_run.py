"""Ctrl-C and failures at each stage of `make run`."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from native import control, orphans, run
from native.run import RunFailed
from native.state import State
from native.supervision import Supervisor

STAGES = ("_start", "_start_stores", "_prepare_stores", "_start_services", "_fill", "_until_stopped")
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[State]]:
    """Every stage does nothing; what is stopped is noted."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    for stage in ("install", "_check_ports", "_announce", *STAGES):
        monkeypatch.setattr(run, stage, lambda *_: None)
    monkeypatch.setattr(Supervisor, "answers", lambda _self: False)
    for name in ("USDA_FILES_DIR", "USDA_TODAY"):
        monkeypatch.delenv(name, raising=False)
    noted: list[State] = []
    monkeypatch.setattr(control, "stop", noted.append)
    yield noted
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def fail(*_: object) -> None:
    raise RunFailed("no")


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_stops_what_was_started(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path, stage: str
) -> None:
    monkeypatch.setattr(run, stage, interrupt)
    state = State(tmp_path, 18_000)
    run.run(state)
    assert stopped == [state]


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_failure_stops_what_was_started(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path, stage: str
) -> None:
    monkeypatch.setattr(run, stage, fail)
    with pytest.raises(RunFailed):
        run.run(State(tmp_path, 18_000))
    assert len(stopped) == 1


@pytest.mark.parametrize(("stage", "raised"), [("install", KeyboardInterrupt), ("_check_ports", RunFailed)])
def test_before_anything_was_started_nothing_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
    stopped: list[State],
    tmp_path: Path,
    stage: str,
    raised: type[BaseException],
) -> None:
    monkeypatch.setattr(run, stage, interrupt if raised is KeyboardInterrupt else fail)
    try:
        run.run(State(tmp_path, 18_000))
    except RunFailed:
        assert raised is RunFailed
    assert stopped == []


def test_a_killed_supervisor_is_started_again_with_all_that_it_kept(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path
) -> None:
    state, done = State(tmp_path, 18_000), []
    left = iter([0, 3, 0])  # nothing at the start; three processes once; nothing when somebody stopped it

    def end(_state: State) -> int:
        done.append(("orphans ended", state.ready_file.exists()))
        return next(left)

    monkeypatch.setattr(orphans, "end", end)
    monkeypatch.setattr(run, "_start", lambda *_: done.append(("started", state.ready_file.exists())))
    monkeypatch.setattr(run, "_fill", lambda _state: state.ready_file.touch())
    run.run(state)
    repaired = [("orphans ended", False), ("started", False)]
    assert done == [*repaired, *repaired, ("orphans ended", False)]
    assert stopped == [state]


def test_a_system_that_ran_before_is_left_running(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path
) -> None:
    monkeypatch.setattr(Supervisor, "answers", lambda _self: True)
    monkeypatch.setattr(run, "_fill", interrupt)
    run.run(State(tmp_path, 18_000))
    assert stopped == []


def test_an_impatient_second_ctrl_c_does_not_leave_half_of_it_running(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path
) -> None:
    def stop(state: State) -> None:
        for number in HANDLED:
            signal.raise_signal(number)
        stopped.append(state)

    monkeypatch.setattr(run, "_until_stopped", interrupt)
    monkeypatch.setattr(control, "stop", stop)
    run.run(State(tmp_path, 18_000))
    assert len(stopped) == 1


def test_the_address_is_that_of_the_system_that_runs(tmp_path: Path) -> None:
    State(tmp_path, 18_000).prepare()
    assert State(tmp_path, 8080).url == "http://localhost:18000"


@pytest.mark.parametrize(("number", "obeyed"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, False)])
def test_started_in_the_background_it_obeys_all_but_a_hang_up_that_nohup_has_it_ignore(
    monkeypatch: pytest.MonkeyPatch, stopped: list[State], tmp_path: Path, number: signal.Signals, obeyed: bool
) -> None:
    signal.signal(number, signal.SIG_IGN)
    reached: list[bool] = []

    def hit(*_: object) -> None:
        signal.raise_signal(number)
        reached.append(True)

    monkeypatch.setattr(run, "_fill", hit)
    run.run(State(tmp_path, 18_000))
    assert reached == ([] if obeyed else [True])
    assert len(stopped) == 1
