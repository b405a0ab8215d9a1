"""What the service weighs while it idles, and how soon a day's reports of Los Angeles are told to the others."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report
from tests.bench.ingest.hall import Hall

MOST_IDLE_MB = 75
MOST_S = 5.0


@dataclass(frozen=True)
class Morning:
    """How long the service is left alone before it is weighed, and which reports come."""

    idle_s: float = 10.0
    reports: tuple[str, ...] = ("2306", "2307", "2308", "2309")


def measure(report: Report, hall: Hall, plan: Morning) -> None:
    """Start the service beside a real nats-server, weigh it, then crawl a loopback site with a day's reports."""
    files = [hall.files / "mars" / f"{name}_pull-2026-01-09.csv.gz" for name in plan.reports]
    with tempfile.TemporaryDirectory(dir=hall.folder) as folder:
        said = hall.act("morning", Path(folder), str(plan.idle_s), *files)
    report.must("`usda-ingest serve`, idle, PSS", "MB", said["idle_mb"], at_most=MOST_IDLE_MB)
    report.must("  of numpy and lxml (Scrapy's) loaded in it", "", said["heavy"], at_most=0)
    many = f"{len(files)} reports of a day"
    report.must(f"{many}: first link asked for to last event read", "s", said["link_to_event_s"], at_most=MOST_S)
    report.must(f"{many}: the crawl's process started, to the same", "s", said["start_to_event_s"], at_most=MOST_S)
