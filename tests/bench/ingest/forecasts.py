"""What forecasts are worth on real prices of the past, and how long it takes to compute them."""

from dataclasses import dataclass
from typing import Any

from tests.bench.figures import Report
from tests.bench.ingest.hall import Hall

MARKET = "Los Angeles"
LEAST_HELD_PCT = 75.0
MOST_HELD_PCT = 88.0
MOST_WIDTH = 1.2
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Forecasts:
    """The file on which forecasts are judged with its last day, and real files that are computed with theirs."""

    file: str = "legacy/los-angeles_2021-05-03_2021-09-28_daily.csv.gz"
    today: str = "2021-09-28"
    others: tuple[tuple[str, tuple[str, ...], str], ...] = (
        (
            "four reports of 18 days",
            tuple(f"mars/{report}_pull-2026-01-09.csv.gz" for report in (2306, 2307, 2308, 2309)),
            "2026-01-08",
        ),
        ("all cities, 6 days", ("legacy/allcities_2021-06-22_2021-06-29.csv.gz",), "2021-06-29"),
    )


def measure(report: Report, hall: Hall, plan: Forecasts) -> None:
    """Judge the past of the file, then compute what is due of each set of files."""
    _store(hall, (plan.file,))
    judged = hall.act("backtest", MARKET, plan.today)
    for horizon in judged["horizons"]:
        _judge(report, horizon)
    report.notes.extend(_table(judged))
    _compute(report, hall, "the file of the backtest", plan.today)
    for name, files, today in plan.others:
        hall.empty()
        _store(hall, files)
        _compute(report, hall, name, today)


def _store(hall: Hall, files: tuple[str, ...]) -> None:
    for file in files:
        hall.act("store", hall.files / file, "first")


def _judge(report: Report, horizon: dict[str, Any]) -> None:
    days, held_pct, width = horizon["days"], horizon["held"] * 100, horizon["width_ratio"]
    what = f"forecast, {days} business day{'s' if days > 1 else ''} ahead"
    report.must(f"{what}: MAPE by naive's", "", horizon["mape"] / horizon["naive_mape"], at_most=1 + _ROUNDING)
    report.must("  share in the 80 % band", "%", held_pct, at_least=LEAST_HELD_PCT)
    if horizon["unchanged"] * 100 <= MOST_HELD_PCT:
        report.must("  and not more, by too wide a band", "%", held_pct, at_most=MOST_HELD_PCT)
    report.must("  mean width by that of naive's own band", "", width, at_most=MOST_WIDTH)


def _table(judged: dict[str, Any]) -> list[str]:
    head = (
        "days | origins | MAPE % | naive % | in the band % | unchanged % | half-width % | by naive's of the series |"
        " by naive's at large"
    )
    rows = [
        f"{one['days']} | {one['origins']} | {one['mape']:.2f} | {one['naive_mape']:.2f} | {one['held'] * 100:.1f} |"
        f" {one['unchanged'] * 100:.1f} | {one['width'] * 100:.1f} | {one['width_ratio']:.2f} |"
        f" {one['width_ratio_at_large']:.2f}"
        for one in judged["horizons"]
    ]
    compared = judged["methods"]
    origins = " / ".join(str(count) for count in compared["origins"])
    methods = [
        f"every series by {name}: MAPE {' / '.join(f'{error:.2f}' for error in errors)} %"
        for name, errors in compared["mape"].items()
    ]
    return [head, *rows, f"on the {origins} origins of which every method can speak:", *methods]


def _compute(report: Report, hall: Hall, name: str, today: str) -> None:
    said = hall.act("forecast", today)
    told = hall.psql("SELECT count(*) FILTER (WHERE status = 'ok'), count(*) FROM forecasts")[0]
    report.add(f"forecasts, {name}: {told[1]} series, {told[0]} with a forecast", "s", said["took_s"])
    report.add("  peak memory of its process", "MB", said["peak_mb"])
