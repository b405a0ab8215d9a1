"""Files as a sequence: what stands after them, what its past is, what is announced."""

import json
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy import text
from usda_ingest.reading.quote import series_id

LEGACY = "Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size,Price Comment\n"
COUNTS = ("rows_read", "rows_new", "rows_changed", "rows_unchanged", "exact_doubles", "rows_quarantined")
AVOCADOS = str(series_id("Los Angeles", "Avocados", "HASS", "cartons 2 layer", "48s", organic=False))


def accounts(db: Any) -> dict[str, list[int]]:
    files = db.rows("SELECT * FROM report_files ORDER BY first_seen_at")
    return {file["name"]: [file[name] for name in COUNTS] for file in files}


def standing(db: Any) -> list[tuple[str, str]]:
    rows = db.rows("SELECT low, comment FROM quotes ORDER BY low, comment")
    return [(f"{row['low']:.2f}", row["comment"]) for row in rows]


def test_a_correction_replaces_the_row_with_the_same_comment_wherever_it_stands(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    def row(low: str, comment: str) -> dict[str, str]:
        return {"low_price": low, "high_price": "40", "reporter_comment": comment}

    shelf.crawl(a=mars(row("20.00", "few"), row("30.00", "fine")))
    shelf.crawl(b=mars(row("31.00", "fine"), row("20.00", "few")))
    shelf.crawl(c=mars(row("21.00", "few"), row("32.00", "fine")))
    assert accounts(db) == {"a.csv": [2, 2, 0, 0, 0, 0], "b.csv": [2, 0, 1, 1, 0, 0], "c.csv": [2, 0, 2, 0, 0, 0]}
    past = db.rows(
        "SELECT q.comment AS now, v.comment AS was, v.low, v.version"
        " FROM quote_versions v JOIN quotes q USING (quote_id) ORDER BY q.comment, v.version"
    )
    assert [(row["now"], row["was"], str(row["low"]), row["version"]) for row in past] == [
        ("few", "few", "20.0000", 1),
        ("fine", "fine", "30.0000", 1),
        ("fine", "fine", "31.0000", 2),
    ]


def test_a_row_without_its_like_is_corrected_in_order_and_one_too_many_is_new(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({"low_price": "20.00"}, {"low_price": "25.00"}))
    shelf.crawl(
        b=mars({"low_price": "25.00"}, {"low_price": "21.00", "reporter_comment": "few"}, {"low_price": "22.00"})
    )
    assert accounts(db)["b.csv"] == [3, 1, 1, 1, 0, 0]
    assert standing(db) == [("21.00", "few"), ("22.00", ""), ("25.00", "")]
    assert [row["ordinal"] for row in db.rows("SELECT ordinal FROM quotes ORDER BY ordinal")] == [1, 2, 3]


def test_a_price_that_is_taken_back_is_told_as_withdrawn(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    gone = {"low_price": "", "high_price": "", "reporter_comment": "offerings insufficient to quote"}
    shelf.crawl(a=mars({}, {"commodity": "Limes"}))
    shelf.crawl(b=mars(gone, {"commodity": "Limes", "low_price": "29.00"}))
    *_, last = db.events("usda.price.recorded.v1")
    assert [quote["commodity"] for quote in last["quotes"]] == ["Limes"]
    assert last["withdrawn"] == [{"series_id": AVOCADOS, "date": "2026-01-08"}]
    assert (last["report_id"], last["market"], last["report_date"]) == ("2306", "Los Angeles", "2026-01-08")
    assert [row["low"] for row in db.rows("SELECT low FROM day_quotes")] == [29]
    assert db.value("SELECT mark FROM forecasts_due WHERE series_id = :id", id=AVOCADOS) == 2


def test_a_price_that_no_reader_takes_is_quarantined_and_not_told_with_the_others(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    over = {"commodity": "Limes", "high_price": "1000000.0001"}
    shelf.crawl(a=mars({}, over, {"commodity": "Pears", "low_price": "20", "high_price": "1000000"}))
    (told,) = db.events("usda.price.recorded.v1")
    assert {quote["commodity"]: quote["high"] for quote in told["quotes"]}.keys() == {"Avocados", "Pears"}
    (odd,) = db.rows("SELECT reason FROM quarantined_rows")
    assert odd["reason"] == "high price is above 1,000,000: '1000000.0001'"


def test_what_is_quoted_again_is_told_as_a_quote_again(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    shelf.crawl(b=mars({"low_price": "", "high_price": ""}))
    assert db.events("usda.price.recorded.v1")[-1]["quotes"] == []
    shelf.crawl(c=mars({"low_price": "28.00"}))
    *_, last = db.events("usda.price.recorded.v1")
    assert ([quote["low"] for quote in last["quotes"]], "withdrawn" in last) == (["28.00"], False)


def test_a_price_taken_back_beside_another_of_the_day_is_a_changed_quote(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({"origin": "Peru", "low_price": "25.00"}, {}))
    shelf.crawl(b=mars({"origin": "Peru", "low_price": "", "high_price": ""}, {}))
    *_, last = db.events("usda.price.recorded.v1")
    assert ([quote["low"] for quote in last["quotes"]], "withdrawn" in last) == (["30.00"], False)


def test_each_report_of_a_file_is_told_with_its_own_account(shelf: Any, db: Any) -> None:
    rows = [
        "AVOCADOS,BOSTON,,cartons 2 layer,HASS,06/21/2021,30,32,MEXICO,48s,",
        "AVOCADOS,BOSTON,,cartons 2 layer,HASS,06/21/2021,-1,32,MEXICO,60s,",
        "AVOCADOS,ATLANTA,,cartons 2 layer,HASS,06/22/2021,31,32,MEXICO,48s,",
        "AVOCADOS,BOSTON,,cartons 2 layer,HASS,06/23/2021,30,32,MEXICO,48s,",
        "AVOCADOS,BOSTON,,cartons 2 layer,HASS,06/23/2021,30,32,MEXICO,48s,",
    ]
    shelf.crawl(a=LEGACY + "\n".join(rows) + "\n")
    told = {event["report_id"]: event for event in db.events("usda.report.ingested.v1")}
    assert {report: event["market"] for report, event in told.items()} == {
        "mnp-boston": "Boston",
        "mnp-atlanta": "Atlanta",
    }
    boston = told["mnp-boston"]
    assert (boston["first_date"], boston["report_date"]) == ("2021-06-21", "2021-06-23")
    counts = ("read", "new", "changed", "unchanged", "exact_doubles", "quarantined")
    assert [boston["rows"][name] for name in counts] == [4, 2, 0, 0, 1, 1]
    assert [told["mnp-atlanta"]["rows"][name] for name in counts] == [1, 1, 0, 0, 0, 0]
    assert accounts(db)["a.csv"] == [5, 3, 0, 0, 1, 1]
    (file,) = db.rows("SELECT report_id, market, first_on, last_on FROM report_files")
    assert (file["report_id"], file["market"]) == ("several", "several")
    assert (str(file["first_on"]), str(file["last_on"])) == ("2021-06-21", "2021-06-23")


def test_the_same_text_packed_otherwise_under_another_link_is_known(
    shelf: Any, db: Any, mars: Callable[..., str], zipped: Callable[[str], bytes]
) -> None:
    text = mars({}, {"commodity": "Limes"}, {})
    shelf.crawl(a=text)
    before = db.rows("SELECT xmin, * FROM quotes ORDER BY quote_id")
    shelf.crawl(**{"other/a": zipped(text + "\n")})
    assert [row["rows_unchanged"] for row in db.rows("SELECT rows_unchanged FROM report_files ORDER BY stored_at")] == [
        0,
        2,
    ]
    assert db.rows("SELECT xmin, * FROM quotes ORDER BY quote_id") == before
    assert len(db.events("usda.report.ingested.v1")) == 1


def test_an_old_text_that_is_served_again_after_a_correction_is_read(
    shelf: Any, db: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}))
    shelf.crawl(b=mars({"low_price": "29.00"}))
    shelf.crawl(**{"other/a": mars({}) + "\n"})
    assert [str(row["low"]) for row in db.rows("SELECT low FROM quotes")] == ["30.0000"]


def test_a_series_keeps_the_spelling_it_had_first(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    row = "AVOCADOS,LOS ANGELES,,CARTONS 2 LAYER,Hass,01/08/2026,29,31,MEXICO,48S,\n"
    shelf.crawl(a=mars({}), b=LEGACY + row)
    quotes = [quote for event in db.events("usda.price.recorded.v1") for quote in event["quotes"]]
    assert {(quote["commodity"], quote["variety"], quote["package"]) for quote in quotes} == {
        ("Avocados", "HASS", "cartons 2 layer")
    }
    assert [(quote["low"], quote["high"]) for quote in quotes] == [("30.00", "32.00"), ("29.00", "32.00")]


def test_more_withdrawn_than_an_event_holds_are_split(shelf: Any, db: Any, mars: Callable[..., str]) -> None:
    sizes = [{"item_size": f"{size}s"} for size in range(1_100)]
    shelf.crawl(a=mars(*sizes))
    shelf.crawl(b=mars(*({**size, "low_price": "", "high_price": ""} for size in sizes)))
    events = [event for event in db.events("usda.price.recorded.v1") if "withdrawn" in event]
    assert [len(event["withdrawn"]) for event in events] == [500, 500, 100]
    assert json.dumps(events).count(AVOCADOS) == 1


def test_a_process_killed_in_the_middle_of_a_file_leaves_nothing_of_it(
    site: Any, crawl: Any, db: Any, mars: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    site.page("/", "a.csv")
    site.file("/a.csv", mars(*({"item_size": f"{size}s"} for size in range(9_000))).encode())
    # All rows are copied in by the time the process wants to write a series, and there it is held.
    waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'usda-crawl' AND wait_event_type = 'Lock'"
    with db.engine.connect() as holder:
        holder.execute(text("LOCK TABLE series IN EXCLUSIVE MODE"))
        process = crawl.start()
        eventually(lambda: db.value(waits), 30)
        process.signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        holder.rollback()
    eventually(lambda: not db.value(waits), 30)
    tables = ("quotes", "series", "day_quotes", "report_files", "staged_quotes", "staged_series", "staged_day_quotes")
    with db.engine.connect() as connection:
        assert [connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables] == [0] * len(tables)
    crawl.run()
    assert accounts(db) == {"a.csv": [9_000, 9_000, 0, 0, 0, 0]}
    assert db.value("SELECT count(*) FROM day_quotes") == 9_000
