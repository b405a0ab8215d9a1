"""`usda-ingest forecast`: what is due is computed once, told once, and nothing is lost when it dies."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from mercadito_events.service.database import DatabaseSettings
from mercadito_events.testing import wait_until
from sqlalchemy import make_url, text
from usda_ingest.announcing.republish import republish
from usda_ingest.errors import ForecastBusy
from usda_ingest.forecasting import computing, due, writing
from usda_ingest.forecasting.model import MODEL_VERSION
from usda_ingest.forecasting.outcome import Outcome

TODAY = date(2026, 1, 8)
NEXT_DAY = date(2026, 1, 9)


def test_what_has_quotes_enough_gets_a_forecast_and_is_told(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", "60s"), b=weeks("10s", days=14))
    forecasting.run()
    rows = forecasting.rows()
    assert {size: (row["status"], row["quotes"]) for size, row in rows.items()} == {
        "48s": ("ok", 20),
        "60s": ("ok", 20),
        "10s": ("too few quotes", 14),
    }
    told = {item["series_id"]: item for item in forecasting.events()}
    assert set(told) == {str(rows[size]["series_id"]) for size in ("48s", "60s")}
    one = told[str(rows["48s"]["series_id"])]
    assert (one["as_of"], one["method"], len(one["points"])) == ("2026-01-08", "naive", 10)
    assert one["points"] == rows["48s"]["forecast"]["points"]
    # Neither the weekends nor the third Monday of January, on which no report comes.
    days = [f"2026-01-{number:02}" for number in (9, 12, 13, 14, 15, 16, 20, 21, 22, 23)]
    assert [point["date"] for point in one["points"]] == days
    assert one["trend_pct_week"] == rows["48s"]["trend"]["pct_week"]
    assert db.value("SELECT count(*) FROM forecasts_due") == 0


def test_the_order_in_which_days_were_stored_changes_nothing(
    shelf: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    # The two differ in nothing but the order of storing, each being the other's only peer.
    early = {"days": 10, "end": date(2025, 12, 19)}
    shelf.crawl(a=weeks("48s", **early), b=weeks("60s", days=10))
    shelf.crawl(c=weeks("48s", days=10), d=weeks("60s", **early))
    forecasting.run()
    one, other = forecasting.rows()["48s"], forecasting.rows()["60s"]
    assert one["quotes"] == 20
    assert (one["trend"], one["forecast"]) == (other["trend"], other["forecast"])


def test_nothing_due_computes_and_tells_nothing(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s"))
    forecasting.run()
    before = db.rows("SELECT * FROM forecasts")
    shelf.crawl(b=weeks("48s"))  # the same rows by another name
    forecasting.run()
    assert db.rows("SELECT * FROM forecasts") == before
    assert len(forecasting.events()) == 1


def test_only_what_changed_is_computed_again(
    shelf: Any, weeks: Callable[..., str], mars: Any, forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", "60s"))
    forecasting.run()
    before = forecasting.rows()
    shelf.crawl(b=mars({"report_date": "01/09/2026", "item_size": "60s", "low_price": "30", "high_price": "31"}))
    forecasting.run(NEXT_DAY)
    after = forecasting.rows()
    assert after["48s"] == before["48s"]
    assert after["60s"]["as_of"] == NEXT_DAY
    assert after["60s"]["computed_at"] > before["60s"]["computed_at"]
    assert [item["as_of"] for item in forecasting.events()] == ["2026-01-08", "2026-01-08", "2026-01-09"]


def test_a_forecast_ends_when_its_quotes_grow_stale_and_readers_hear_it_once(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s"))
    forecasting.run()
    forecasting.run(date(2026, 1, 19))
    assert len(forecasting.events()) == 1
    for _ in range(2):
        forecasting.run(date(2026, 1, 21))
    assert forecasting.rows()["48s"]["status"] == "stale"
    ended = forecasting.events()[1:]
    assert [(item["as_of"], item["points"], item["coverage"]) for item in ended] == [("2026-01-08", [], None)]
    assert ended[0]["trend_pct_week"] is None


def test_a_forecast_ends_when_a_correction_leaves_too_few_quotes(
    shelf: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", days=15))
    forecasting.run()
    shelf.crawl(a=weeks("48s", days=1, low_price="", high_price="", reporter_comment="offerings insufficient to quote"))
    forecasting.run()
    row = forecasting.rows()["48s"]
    assert (row["status"], row["quotes"], row["forecast"]) == ("too few quotes", 14, None)
    assert row["last_on"] == date(2026, 1, 7)
    # a reader that keeps the latest by day must not hold this to be older than what it has
    assert [(item["as_of"], bool(item["points"])) for item in forecasting.events()] == [
        ("2026-01-08", True),
        ("2026-01-08", False),
    ]


def test_a_series_that_lost_every_quote_has_no_forecast(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", days=15))
    forecasting.run()
    shelf.crawl(a=weeks("48s", days=15, low_price="", high_price="", reporter_comment="no offerings"))
    shelf.crawl(b=weeks("60s", days=1), c=weeks("60s", days=1, low_price="", high_price=""))
    forecasting.run()
    assert {size: (row["quotes"], row["last_on"]) for size, row in forecasting.rows().items()} == {"48s": (0, None)}
    assert db.value("SELECT count(*) FROM forecasts_due") == 0
    assert forecasting.events()[-1]["points"] == []


def test_a_new_model_computes_everything_anew_and_tells_only_what_differs(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", "60s"))
    forecasting.run()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE forecasts SET model_version = 0, computed_at = '2020-01-01'"))
        connection.execute(
            text("UPDATE forecasts SET trend = jsonb_set(trend, '{pct_week}', '99') WHERE series_id = :one"),
            {"one": forecasting.rows()["60s"]["series_id"]},
        )
        assert due.is_any(connection, TODAY)
    forecasting.run()
    assert all(
        row["computed_at"].year > 2020 and row["model_version"] == MODEL_VERSION for row in forecasting.rows().values()
    )
    assert len(forecasting.events()) == 3
    with db.engine.begin() as connection:
        assert not due.is_any(connection, TODAY)


def test_one_run_at_a_time(shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any) -> None:
    shelf.crawl(a=weeks("48s"))
    with due.single_flight(db.engine):
        output, _ = forecasting.start().communicate(timeout=90)
        assert "being computed" in output
        with pytest.raises(ForecastBusy):
            republish(DatabaseSettings(make_url(db.urls.app_url)))
    assert forecasting.rows() == {}
    forecasting.run()
    assert len(forecasting.events()) == 1


def test_killed_in_mid_transaction_nothing_is_half_written_and_the_next_run_does_it(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s", "60s"))
    with db.engine.connect() as connection:
        connection.execute(text("LOCK outbox IN EXCLUSIVE MODE"))
        process = forecasting.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass"
        wait_until(lambda: db.value(waiting) == 1)
        process.kill()
        process.communicate(timeout=30)
        connection.rollback()
    wait_until(lambda: db.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usda-forecast'") == 0)
    assert forecasting.rows() == {}
    assert db.value("SELECT count(*) FROM forecasts_due") == 2
    forecasting.run()
    assert len(forecasting.events()) == 2
    assert process.returncode == -signal.SIGKILL


def test_ended_between_two_transactions_each_forecast_is_told_once(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.crawl(a=weeks(*(f"{size}s" for size in range(30)), days=15))
    series = db.rows("SELECT series_id FROM series")
    monkeypatch.setattr(computing, "BATCH_SERIES", 10)

    def ended_in_the_second(*arguments: Any) -> int:
        if forecasting.events():
            raise KeyboardInterrupt  # nothing of ours catches it
        return writing.write(*arguments)

    monkeypatch.setattr(computing, "write", ended_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        forecasting.run()
    assert db.value("SELECT count(*) FROM forecasts_due") == 20
    assert len(forecasting.events()) == 10
    monkeypatch.undo()
    assert forecasting.run() == 20
    assert sorted(item["series_id"] for item in forecasting.events()) == sorted(str(row["series_id"]) for row in series)


def test_a_market_that_cannot_be_computed_holds_up_no_other(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s"), b=weeks("48s", market_location_city="Boston"))
    with db.engine.begin() as connection:
        of_boston = text("""
            UPDATE day_quotes SET reference = 'NaN'
            WHERE series_id = (SELECT series_id FROM series WHERE market = 'Boston')
        """)
        connection.execute(of_boston)
    process = forecasting.start()
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "not computable: Boston" in output
    assert db.value("SELECT market FROM forecasts JOIN series USING (series_id)") == "Los Angeles"
    assert db.value("SELECT market FROM forecasts_due JOIN series USING (series_id)") == "Boston"


def test_a_quote_that_arrives_meanwhile_keeps_its_series_due(
    shelf: Any, db: Any, weeks: Callable[..., str], mars: Any, forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s"))
    with db.engine.begin() as storing:  # a file being stored: marked, not committed yet
        due.mark(storing, storing.scalars(text("SELECT series_id FROM series")).all())
        forecasting.run()
        assert forecasting.rows() == {}
    assert db.value("SELECT mark FROM forecasts_due") == 2
    forecasting.run()
    assert forecasting.rows()["48s"]["status"] == "ok"
    assert len(forecasting.events()) == 1


def test_a_mark_that_grew_after_it_was_read_is_not_answered(
    shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any
) -> None:
    shelf.crawl(a=weeks("48s"))
    (series_id,) = db.rows("SELECT series_id FROM series")[0].values()
    outcome = Outcome(series_id, TODAY, 20, "too few quotes", None, None)
    assert writing.write(db.engine, [outcome], {series_id: 0}) == 0
    assert forecasting.rows() == {}
    assert writing.write(db.engine, [outcome], {series_id: 1}) == 1
    assert writing.write(db.engine, [outcome], {series_id: 1}) == 0


def test_a_run_ends_when_it_is_told_to(shelf: Any, db: Any, weeks: Callable[..., str], forecasting: Any) -> None:
    shelf.crawl(a=weeks("48s"))
    with db.engine.connect() as connection:
        connection.execute(text("LOCK forecasts IN ACCESS EXCLUSIVE MODE"))
        process = forecasting.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'forecasts'::regclass"
        wait_until(lambda: db.value(waiting) == 1)
        process.terminate()
        connection.rollback()
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert forecasting.rows() == {}
    assert db.value("SELECT count(*) FROM forecasts_due") == 1


def test_the_command_names_what_is_wrong_with_its_settings(db: Any) -> None:
    environment = {**db.environment(), "USDA_TODAY": "tomorrow", "MERCADITO_ENV": "test"}
    del environment["DATABASE_URL"]
    command = [sys.executable, "-m", "usda_ingest", "forecast"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "USDA_TODAY" in done.stderr
    assert "DATABASE_URL" in done.stderr
