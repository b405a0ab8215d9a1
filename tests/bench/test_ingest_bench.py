"""The benchmark of usda-ingest, run small."""

import pytest

from tests.bench.figures import Report
from tests.bench.ingest import bench
from tests.bench.ingest.hall import FILES


def test_a_bound_that_is_not_kept_is_marked() -> None:
    report = Report("bounds")
    report.must("fast", "s", 6.0, at_most=5.0)
    report.must("exact", "", 6.0, at_least=5.0)
    fast, exact = report.table().splitlines()[2:]
    assert "at most: MISSED" in fast
    assert "MISSED" not in exact


def test_a_part_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_ONLY", "storing,nonsense")
    plan = bench.from_environment(bench.FULL)
    assert plan.only == ("storing", "nonsense")


@pytest.mark.skipif(not FILES.is_dir(), reason=f"file folder {FILES} missing")
def test_the_whole_benchmark_runs() -> None:
    report = bench.run(bench.TINY)
    found = {figure.what: figure.ours for figure in report.figures}
    assert not [what for what in found if "NOT MEASURED" in what], report.notes
    for part in ("stored, first byte to commit", "peak memory", "other link", "rows written"):
        assert any(part in what for what in found), part
    assert found["the same rows again: rows written"] == 0
    assert found["3 real files, 3,586 rows: accounts that do not add up"] == 0
    assert found["  the same files again: rows new or changed"] == 0
    assert found["  of numpy and lxml (Scrapy's) loaded in it"] == 0
    assert found["1 reports of a day: first link asked for to last event read"] > 0
    # What forecasts are worth is the same on every machine, so their bounds are kept here, too.
    judged = report.table().partition("forecast, 1 business day ahead")[2].partition("forecasts, ")[0]
    assert judged.count("at most") == 8
    assert "MISSED" not in judged
    for way in ("p95, kept", "unchanged: 304", "  not kept"):
        assert any(way in what for what in found), way
    assert any(note.startswith("every series by naive: MAPE") for note in report.notes), report.notes
