"""Quotes as a CSV file."""

import asyncio
import contextlib
import csv
import io
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from mercadito_events.testing import wait_until
from usda_ingest.api import csv_routes, downloads

CSV = "/api/v1/prices.csv"


def rows_of(body: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body, newline="")))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_routes, "PAGE_ROWS", 4)
    monkeypatch.setattr(csv_routes, "MAX_ROWS", 10)


def test_the_file_has_the_rows_and_names_of_the_api(
    api: TestClient, all_items: Any, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(
        a=mars(
            {"package": "25 lb cartons", "reporter_comment": 'few ""fancy"", 35.00\nhigher'},
            {"report_date": "01/07/2026", "low_price": "", "high_price": "", "reporter_comment": "none"},
            {"commodity": "Limes"},
        )
    )
    answer = api.get(f"{CSV}?commodity=avocados&from=2026-01-01")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="usda-prices-avocados-2026-01-01.csv"'
    assert "link" not in answer.headers
    told = all_items("/api/v1/prices?commodity=avocados&from=2026-01-01")
    expected = [
        {
            name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
            for name, value in item.items()
        }
        for item in told
    ]
    found = rows_of(answer.text)
    assert found == expected
    assert list(found[0]) == list(told[0])
    assert answer.content.count(b"\r\n") == 3  # header and rows; a line break within a cell stays what it is


def test_an_empty_file_has_its_header(api: TestClient) -> None:
    answer = api.get(f"{CSV}?commodity=none")
    assert (answer.status_code, answer.text.count("\r\n"), rows_of(answer.text)) == (200, 1, [])


def test_no_cell_is_a_formula_and_no_price_is_touched(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    risky = ["=1+1", "+x", "-2", "@SUM(A1)", "'=x", "\uff1dx"]
    texts = {**{text: f"'{text}" for text in risky}, "x=1": "x=1"}
    shelf.crawl(a=mars(*({"variety": text, "low_price": ".5", "high_price": "0.5125"} for text in texts)))
    found = rows_of(api.get(CSV).text)
    assert {row["variety"] for row in found} == set(texts.values())
    assert {row["variety"].removeprefix("'") for row in found if row["variety"][0] == "'"} < set(texts)
    assert {(row["low"], row["high"]) for row in found} == {("0.50", "0.5125")}


def test_a_file_is_put_together_from_pages(
    api: TestClient, shelf: Any, mars: Callable[..., str], small_pages: None
) -> None:
    shelf.crawl(a=mars(*({"item_size": f"{size}s"} for size in range(10))))
    answer = api.get(CSV)
    assert "link" not in answer.headers
    assert len({row["size"] for row in rows_of(answer.text)}) == 10


def test_beyond_the_bound_a_link_says_where_the_rest_is(
    api: TestClient, shelf: Any, mars: Callable[..., str], small_pages: None
) -> None:
    shelf.crawl(a=mars(*({"item_size": f"{size}s"} for size in range(23))))
    sizes: list[str] = []
    following: str | None = f"{CSV}?commodity=avocados"
    counts = []
    while following:
        answer = api.get(following)
        rows = rows_of(answer.text)
        counts.append(len(rows))
        sizes += [row["size"] for row in rows]
        link = answer.headers.get("link")
        following = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
    assert counts == [10, 10, 3]
    assert len(set(sizes)) == len(sizes) == 23


def test_a_cursor_of_the_rows_as_json_goes_on_as_csv(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"item_size": "60s"}, {"item_size": "70s"}))
    following = api.get("/api/v1/prices?limit=1").json()["next"]
    assert len(rows_of(api.get(following.replace("/prices?", "/prices.csv?")).text)) == 2


def test_the_file_has_an_etag_and_a_head(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}))
    whole, head = api.get(CSV), api.head(CSV)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-disposition", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    assert api.get(CSV, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    shelf.crawl(a=mars({"low_price": "20"}))
    assert api.get(CSV, headers={"If-None-Match": whole.headers["etag"]}).status_code == 200


def test_decimals_reach_api_and_file_as_the_report_has_them(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    written = ["0.1", ".07", "123456.0001", "999999.9999", "3.10", "16.005", "100", "7.5000"]
    shelf.crawl(a=mars(*({"item_size": f"{n}s", "low_price": low, "high_price": ""} for n, low in enumerate(written))))
    expected = ["0.10", "0.07", "123456.0001", "999999.9999", "3.10", "16.005", "100.00", "7.50"]
    assert [Decimal(text) for text in expected] == [Decimal(text) for text in written]
    items = {item["size"]: item for item in api.get("/api/v1/prices").json()["items"]}
    rows = {row["size"]: row for row in rows_of(api.get(CSV).text)}
    listed = {item["size"]: item for item in api.get("/api/v1/prices/series").json()["items"]}
    for n, text in enumerate(expected):
        for found in (items, rows, listed):
            assert (found[f"{n}s"]["low"], found[f"{n}s"]["high"]) == (text, text)
        (point,) = api.get(f"/api/v1/prices/series/{listed[f'{n}s']['series_id']}").json()["points"]
        assert (point["low"], point["reference"]) == (text, text)


@pytest.fixture
def served(api: TestClient) -> Iterator[Any]:
    """The same application behind a real server, whose clients may stop reading."""
    config = uvicorn.Config(api.app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


@pytest.fixture
def long_file(shelf: Any, mars: Callable[..., str]) -> None:
    """Rows of 10 MB, which no buffer between server and client holds."""
    shelf.crawl(a=mars(*({"item_size": f"{n}s", "reporter_comment": "long " * 700} for n in range(3_000))))


def ask(address: Any) -> socket.socket:
    """Ask for the file, and read only that there is one."""
    client = socket.socket()
    client.settimeout(30)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(address)
    client.sendall(f"GET {CSV} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return client


def whole_answer(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def asked(address: Any) -> bytes:
    with ask(address) as client:
        return whole_answer(client)


@pytest.mark.usefixtures("long_file")
def test_only_so_many_downloads_run_at_once_and_none_holds_a_connection(served: Any, db: Any) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(downloads.MAX_DOWNLOADS):
            assert clients.enter_context(ask(served)).recv(12) == b"HTTP/1.1 200"
        refused = asked(served)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 5" in refused.lower()
        assert b"/problems/unavailable" in refused
        wait_until(lambda: db.engine.pool.checkedout() == 0)
    wait_until(lambda: asked(served).startswith(b"HTTP/1.1 200"), timeout_s=30)


@pytest.mark.usefixtures("long_file")
def test_who_stops_reading_loses_the_place_and_gets_no_whole_file(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = asked(served)
    assert whole.endswith(b"0\r\n\r\n")
    monkeypatch.setattr(downloads, "STALLED_AFTER_S", 0.2)
    with contextlib.ExitStack() as clients:
        stalled = [clients.enter_context(ask(served)) for _ in range(downloads.MAX_DOWNLOADS)]
        for client in stalled:
            assert client.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: b"long" in asked(served), timeout_s=30)
        for client in stalled:
            rest = whole_answer(client)
            assert len(rest) < len(whole)
            assert not rest.endswith(b"0\r\n\r\n")
