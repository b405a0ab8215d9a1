"""``usda-ingest backfill`` as a real process against the loopback MARS API: month by month, stopped, gone on with."""

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.testing import wait_until
from sqlalchemy import text
from usda_ingest.announcing import room
from usda_ingest.crawling import backfill_command
from usda_ingest.crawling.plan import Plan
from usda_ingest.market_calendar import market_date
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.window import Window
from usda_ingest.storing import crawls
from usda_site.mars import KEY, MarsSite
from usda_site.site import Site

MONTHS = ("11", "12", "01")
DAYS = {"11": "11/05/2025", "12": "12/08/2025", "01": "01/08/2026"}
PERIOD = ("--from", "2025-11-03", "--to", "2026-01-15")


@dataclass
class Backfill:
    """The command, with its environment."""

    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "usda_ingest", "backfill", *arguments]

    def run(self, *arguments: str, code: int = 0, **environment: str) -> list[str]:
        """Run it to its end; return its lines."""
        done = subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stdout + done.stderr).splitlines()

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def mars_site(site: Site) -> MarsSite:
    served = MarsSite(site)
    served.report("2306", *({"day": day} for day in DAYS.values()))
    served.report("2307", *({"day": day, "commodity": "Tomatoes"} for day in DAYS.values()))
    return served


@pytest.fixture
def backfill(crawl: Any, mars_site: MarsSite) -> Backfill:
    mars = {"USDA_MARS_URL": mars_site.url, "USDA_MARS_KEY": KEY, "USDA_MARS_REPORTS": "2306,2307"}
    return Backfill(crawl.environment(USDA_INDEX_URL="", **mars))


def asked_months(mars_site: MarsSite, slug: str = "2306") -> list[str]:
    return [question.split("report_begin_date=")[1][:2] for question in mars_site.asked(slug)]


def test_the_past_comes_month_by_month_the_newest_first_and_only_once(
    backfill: Backfill, mars_site: MarsSite, db: Any
) -> None:
    lines = backfill.run(*PERIOD)
    assert asked_months(mars_site) == ["01", "12", "11"]
    assert lines[0].startswith("[1/3] 2026-01-01..2026-01-15: 2 files, 2 rows (2 new, 0 changed), 0 problems, ")
    assert lines[-1] == "done: 6 rows (6 new, 0 changed), 0 problems"
    assert db.value("SELECT count(*) FROM quotes") == 6
    record = db.rows("SELECT cause, source, state, window_from, window_to FROM crawls ORDER BY requested_at")
    assert {(row["cause"], row["source"], row["state"]) for row in record} == {("backfill", "mars", "finished")}
    assert (record[-1]["window_from"], record[-1]["window_to"]) == (date(2025, 11, 3), date(2025, 11, 30))

    again = backfill.run(*PERIOD)
    assert again[:3] == [
        "[1/3] 2026-01-01..2026-01-15: stored already",
        "[2/3] 2025-12-01..2025-12-31: stored already",
        "[3/3] 2025-11-03..2025-11-30: stored already",
    ]
    assert len(mars_site.asked("2306")) == 3
    assert "2 rows (0 new, 0 changed)" in backfill.run(*PERIOD, "--again")[0]
    assert len(mars_site.asked("2306")) == 6


def test_a_window_that_may_still_change_is_asked_for_again(backfill: Backfill, mars_site: MarsSite) -> None:
    today = market_date(datetime.now(UTC))
    recent = ("--from", (today - timedelta(days=3)).isoformat(), "--to", (today + timedelta(days=30)).isoformat())
    backfill.run(*recent)
    asked = len(mars_site.asked("2306"))
    backfill.run(*recent)
    assert len(mars_site.asked("2306")) == 2 * asked
    assert f"{today:%m/%d/%Y}" in mars_site.asked("2306")[0]


def test_ctrl_c_ends_it_in_order_and_says_how_to_go_on(
    backfill: Backfill, mars_site: MarsSite, db: Any, answer: Callable[..., None]
) -> None:
    # December's second report hangs until the crawl is ended.
    real = mars_site.site.routes["/services/v1.2/reports/2307"]
    hung: list[str] = []

    def hang(handler: Any) -> None:
        if "12/01/2025" in handler.path or "12%2F01%2F2025" in handler.path:
            hung.append(handler.path)
            wait_until(lambda: len(hung) > 1, 60)
        real(handler)

    mars_site.site.routes["/services/v1.2/reports/2307"] = hang
    running = backfill.start(*PERIOD)
    wait_until(lambda: hung, 90)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    hung.append("released")
    assert running.returncode == 130, output
    *_, stopped, how = output.splitlines()
    assert stopped == "stopped"
    assert how == "go on with: usda-ingest backfill --sources mars --from 2025-11-03 --to 2025-12-31"
    newest = "SELECT state, reason FROM crawls ORDER BY requested_at DESC LIMIT 1"
    assert db.rows(newest) == [{"state": "failed", "reason": "stopped"}]
    mars_site.site.routes["/services/v1.2/reports/2307"] = real
    lines = backfill.run(*how.split()[5:])
    assert lines[-1].startswith("done: ")
    assert db.value("SELECT count(*) FROM quotes") == 6
    # What December's first report had brought before was not asked for again.
    assert asked_months(mars_site) == ["01", "12", "11"]


def test_a_failure_ends_it_with_its_reason_and_nothing_is_lost(
    backfill: Backfill, mars_site: MarsSite, db: Any
) -> None:
    backfill.run("--from", "2026-01-01", "--to", "2026-01-15")
    lines = backfill.run(*PERIOD, code=1, USDA_MARS_KEY="w" * 24)
    assert "check USDA_MARS_KEY" in lines[-2]
    assert lines[-1] == "go on with: usda-ingest backfill --sources mars --from 2025-11-03 --to 2025-12-31"
    assert db.value("SELECT count(*) FROM quotes") == 2


def test_another_crawl_is_waited_for_and_in_the_end_told(
    backfill: Backfill, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usda_ingest.crawling.backfill.LOCK_GRACE_S", 1)
    for name, value in backfill.environment.items():
        monkeypatch.setenv(name, value)
    settings = CrawlSettings.from_env({**backfill.environment, "USDA_CRAWL_DEADLINE_S": "5"})
    said = io.StringIO()
    with crawls.single_flight(db.engine):
        assert backfill_command.run(settings, Plan((), Window(date(2026, 1, 1), date(2026, 1, 15))), said) == 75, (
            said.getvalue()
        )
    assert said.getvalue().splitlines()[-2] == "failed: another crawl is running"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--from", "2026-01-08", "--to", "2026-01-01"), "is before the first"),
        (("--from", "2026-01-01"), "--to"),
        ((*PERIOD, "--sources", "portal"), "no such source: portal; configured: mars"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_asked(
    *, backfill: Backfill, mars_site: MarsSite, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in "\n".join(backfill.run(*arguments, code=2))
    assert mars_site.asked("2306") == []


def test_a_database_that_is_away_is_told_in_words(backfill: Backfill) -> None:
    lines = backfill.run(*PERIOD, code=1, DATABASE_URL="postgresql://usda@127.0.0.1:1/usda")
    assert lines[-1] == "failed: the database does not answer (OperationalError)"


def test_in_a_terminal_there_is_a_bar(backfill: Backfill, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        backfill.command("--from", "2026-01-01", "--to", "2026-01-15"), env=backfill.environment, stdout=theirs
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        output += piece
    assert running.wait(timeout=60) == 0
    os.close(ours)
    text = output.decode()
    assert "░" in text
    assert "2026-01-01..2026-01-15" in text
    assert "100%" in text
    assert text.rstrip().endswith("done: 2 rows (2 new, 0 changed), 0 problems")


def test_a_month_that_the_stream_might_have_no_room_for_waits_for_another_day(
    backfill: Backfill, mars_site: MarsSite, db: Any
) -> None:
    def put(bytes_: int, published: str) -> None:
        with db.engine.begin() as connection:
            connection.execute(
                text(f"""
                    INSERT INTO outbox (event_id, type, headers, body, published_at)
                    SELECT gen_random_uuid(), 'usda.price.recorded.v1', '{{}}', convert_to(repeat('x', 200000), 'UTF8'),
                           {published} FROM generate_series(1, {bytes_ // 200_000})
                """)
            )

    put(room.MOST_BYTES, "clock_timestamp() - interval '7 days 1 minute'")
    put(room.MOST_BYTES // 2, "clock_timestamp() - interval '6 days 23 hours'")
    backfill.run("--from", "2026-01-01", "--to", "2026-01-15")
    put(room.MOST_BYTES // 2, "NULL")
    *_, why, how = backfill.run("--from", "2025-11-03", "--to", "2025-12-31", code=1)
    assert "the stream USDA holds" in why
    assert how.startswith("go on with: usda-ingest backfill --sources mars --from 2025-11-03 --to 2025-12-31")
    assert asked_months(mars_site) == ["01"]
