"""The benchmark itself, run small: it must not rot between the days on which somebody reads its figures."""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.bench import orders
from tests.bench.figures import Report
from tests.bench.load import Request, closed_loop, open_loop
from tests.bench.statements import _sessions

STALL_S = 0.4


class Slow(BaseHTTPRequestHandler):
    """Answers at once, but the first request stalls."""

    protocol_version = "HTTP/1.1"
    stalled = threading.Lock()

    def do_GET(self) -> None:
        status = 409 if self.path == "/refused" else 200
        if self.path == "/stalling":
            with self.stalled:
                time.sleep(STALL_S)
        body = b'{"type": "https://mercadito.example/problems/sold-out"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_time_spent_waiting_for_a_stalled_server_counts(server: str) -> None:
    load = open_loop(server, [Request("/stalling", {})] * 4, rate=1_000, what="stalls")
    assert [sample.status for sample in load.samples] == [200] * 4
    # One after the other behind one lock: the last waited for all of them, though it was due at the same moment.
    assert load.percentile_ms(1.0) > 3.5 * STALL_S * 1000


def test_refusals_are_counted_by_kind_and_are_no_accepted_answers(server: str) -> None:
    load = closed_loop(server, [Request("/refused", {}), Request("/", {}), Request("/refused", {})], 2, within_s=10)
    assert load.refusals == {"sold-out": 2}
    assert len(load.accepted) == 1


def test_a_server_that_is_not_there_is_no_answer() -> None:
    load = closed_loop("http://127.0.0.1:9", [Request("/", {})], 1, within_s=10)
    assert load.refusals == {"no answer": 1}


def test_statements_are_told_apart_by_session_and_kept_whole() -> None:
    heard = (
        "bench [7] orders LOG:  statement: BEGIN\n"
        "bench [8] orders LOG:  statement: SELECT 1\n"
        "bench [7] orders LOG:  statement: SELECT 'a\n\tb'\n"
        "bench [7] orders ERROR:  something else\n"
        "bench [9] postgres LOG:  statement: ALTER SYSTEM\n"
    )
    assert _sessions(heard) == [["BEGIN", "SELECT 'a\nb'"], ["SELECT 1"]]


def test_the_whole_benchmark_runs(tmp_path: Path) -> None:
    report = orders.run(orders.TINY)
    found = {figure.what: figure for figure in report.figures}
    assert found["offers whose stock does not add up"].ours == 0
    assert 1 <= found["queries a page"].ours <= orders.MOST_QUERIES
    compared = [what for what, figure in found.items() if figure.ratio is not None]
    for wanted in ("p95", "a second, gunicorn", "workers, PSS", "staff board", "my orders", "by file", "offers copied"):
        assert any(wanted in what for what in compared), wanted
    accepted = next(re.search(r"(\d+) of (\d+) accepted", note) for note in report.notes if "accepted" in note)
    assert accepted is not None
    assert int(accepted[1]) > 0
    written = json.loads(report.write(tmp_path).read_text())
    assert [figure["what"] for figure in written["figures"]] == list(found)
    assert "ratio" in report.table()


def test_a_table_shows_ours_the_peer_and_the_ratio() -> None:
    report = Report("x", machine="here")
    report.add("orders", "/s", 50, 200, "peer: pgbench")
    assert report.table().splitlines()[-1].split() == ["orders", "50", "/s", "200", "/s", "peer:", "pgbench", "0.25"]
