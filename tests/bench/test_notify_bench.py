"""The benchmark of notify, run small."""

import pytest

from tests.bench.notify import bench


def test_a_part_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_ONLY", "flood,nonsense")
    assert bench.from_environment(bench.FULL).only == ("flood", "nonsense")


def test_the_benchmark_runs() -> None:
    report = bench.run(bench.TINY)
    found = {figure.what: figure.ours for figure in report.figures}
    assert not [what for what in found if "NOT MEASURED" in what], report.notes
    for part in ("60 confirmations at once: accepted", "50 ms each", "a password reset is taken within", "processor"):
        assert any(part in what for what in found), part
    # Whatever the machine does besides: the bound on the rate holds, and the reset does not wait for its turn.
    table = report.table().partition("120 waiting")[2]
    assert "at most: MISSED" not in table
