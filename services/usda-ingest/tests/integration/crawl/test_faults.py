"""What a server does wrong, or asks for, on the way to a file; and what the spider makes of it."""

import hashlib
import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from outcome import files, last_crawl, problems
from usda_site import faults
from usda_site.mars import row
from usda_site.site import Site, SiteServer, answer

Rows = Callable[..., str]


def test_what_breaks_off_once_is_fetched_whole_at_the_second_try(site: Site, crawl: Any, db: Any, mars: Rows) -> None:
    body = mars({}, {"commodity": "Limes"}).encode()
    broken = {"cut": faults.cut(body), "reset": faults.reset, "503": faults.status(503), "502": faults.status(502)}
    site.page("/", *(f"{name}.csv" for name in broken))
    for name, fault in broken.items():
        site.file(f"/{name}.csv", body)
        site.routes[f"/{name}.csv"] = faults.first(fault, site.routes[f"/{name}.csv"])
    crawl.run(USDA_RETRIES="2")
    assert {row["state"] for row in files(db).values()} == {"stored"}
    assert all(len(site.asked(f"/{name}.csv")) == 2 for name in broken)


def test_characters_that_no_database_holds_cost_nothing_but_themselves(
    *, site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    cut = {"reportSection": "Details\x00\ud800", "stats": {"returnedRows:": "1", "totalRows:": "2"}}
    body = json.dumps({**cut, "results": [row("2306")]}).encode()
    site.page("/", "nul%00name.csv", "section.csv", "late.csv")
    site.file("/nul%00name.csv", mars({}).encode())
    site.file("/section.csv", body)
    late = {"Last-Modified": "Thu, 08 Jan 99999999999999 20:00:00 GMT", "Content-Type": "text/csv"}
    site.routes["/late.csv"] = lambda handler: answer(handler, 200, mars({"commodity": "Limes"}).encode(), late)
    crawl.run()
    assert {name: row["state"] for name, row in files(db).items()} == {
        "nul␀name.csv": "stored", "section.csv": "stored", "late.csv": "stored"
    }  # fmt: skip
    (problem,) = problems(db)
    assert problem["reason"] == "the answer holds 1 of 2 rows of Details␀?"


def test_what_breaks_off_every_time_stores_nothing(site: Site, crawl: Any, db: Any, mars: Rows) -> None:
    site.page("/", "cut.csv", "reset.csv", "loop.csv", "fine.csv")
    site.routes["/cut.csv"] = faults.cut(mars({}, {"commodity": "Limes"}).encode())
    site.routes["/reset.csv"] = faults.reset
    site.routes["/loop.csv"] = faults.redirect("/loop.csv")
    site.file("/fine.csv", mars({}).encode())
    crawl.run()
    states = {name: row["state"] for name, row in files(db).items()}
    assert states == {"cut.csv": "not fetched", "reset.csv": "not fetched", "loop.csv": "refused", "fine.csv": "stored"}
    assert db.value("SELECT count(*) FROM quotes") == 1
    assert last_crawl(db)["problems"] == 3


def test_compression_on_the_way_is_undone_and_a_bomb_in_it_is_refused(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    site.page("/", "packed.csv", "bomb.csv", "damaged.csv")
    site.routes["/packed.csv"] = faults.encoded(mars({}).encode())
    site.routes["/bomb.csv"] = faults.bomb(20)
    site.routes["/damaged.csv"] = faults.status(
        200, b"\x1f\x8bnot gzip", Content_Encoding="gzip", Content_Type="text/csv"
    )
    crawl.run(USDA_DOWNLOAD_MAX_BYTES="1000000")
    found = files(db)
    assert found["packed.csv"]["state"] == "stored"
    assert found["bomb.csv"]["state"] == "refused"
    assert found["damaged.csv"]["state"] != "stored"
    assert sum(path.stat().st_size for path in crawl.raw_dir.rglob("*/*")) < 10_000


def test_a_server_that_is_down_is_not_asked_on_and_on(site: Site, crawl: Any, db: Any, mars: Rows) -> None:
    names = [f"{number}.csv" for number in range(20)]
    site.page("/", *names)
    for name in names:
        site.routes[f"/{name}"] = faults.status(500)
    crawl.run(code=1, USDA_RETRIES="0")
    reason = "index: given up after 5 failures in a row (the last: HTTP 500); the rest waits for the next crawl"
    assert last_crawl(db)["reason"] == reason
    # One more may be on its way while the fifth failure is written down.
    assert sum(len(site.asked(f"/{name}")) for name in names) in (5, 6)
    for name in names:
        site.file(f"/{name}", mars({}).encode())
    crawl.run()
    assert len(files(db)) == 20


def test_a_pause_that_the_server_asks_for_is_kept_by_every_request_to_it(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    times: list[float] = []
    site.page("/", "a.csv", "b.csv", "c.csv")
    for name in ("/a.csv", "/b.csv", "/c.csv"):
        site.file(name, mars({}).encode())
    site.routes["/a.csv"] = faults.first(faults.status(429, Retry_After="2"), site.routes["/a.csv"])
    for name in ("/a.csv", "/b.csv", "/c.csv"):
        site.routes[name] = faults.clocked(site.routes[name], times)
    crawl.run()
    assert len(times) == 4
    assert times[1] - times[0] >= 2
    assert {row["state"] for row in files(db).values()} == {"stored"}


def test_a_pause_until_a_date_is_kept_too(site: Site, crawl: Any, db: Any, mars: Rows) -> None:
    until = datetime.now(UTC) + timedelta(seconds=4)
    site.page("/", "a.csv")
    site.file("/a.csv", mars({}).encode())
    busy = faults.status(503, Retry_After=format_datetime(until, usegmt=True))
    times: list[float] = []
    site.routes["/a.csv"] = faults.clocked(faults.first(busy, site.routes["/a.csv"]), times, time.time)
    crawl.run()
    assert len(times) == 2
    assert times[1] >= until.replace(microsecond=0).timestamp()
    assert files(db)["a.csv"]["state"] == "stored"


def test_a_last_modified_alone_is_enough_to_ask_whether_anything_changed(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    stamp = "Thu, 08 Jan 2026 20:00:00 GMT"

    def serve(handler: Any) -> None:
        known = handler.headers.get("If-Modified-Since") == stamp
        (faults.status(304) if known else faults.status(200, mars({}).encode(), Last_Modified=stamp))(handler)

    site.page("/", "a.csv")
    site.routes["/a.csv"] = serve
    crawl.run()
    crawl.run()
    assert (last_crawl(db)["files_unchanged"], last_crawl(db)["rows_unchanged"]) == (1, 1)
    assert [headers.get("If-Modified-Since") for headers in site.asked("/a.csv")] == [None, stamp]


def test_a_version_in_the_address_saves_the_question_until_it_changes(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    site.file("/a.csv", mars({}).encode(), validators=False)
    for version in ("1", "1", "2"):
        site.page("/", f"/a.csv?v={version}", "/pictures.xlsx?v=1", "/all.zip?v=1")
        crawl.run()
        assert last_crawl(db)["files"] == 1
    assert [query for path, query in site.questions if path == "/a.csv"] == ["v=1", "v=2"]
    assert not site.asked("/pictures.xlsx")


def test_an_excuse_under_a_versioned_address_is_not_believed_for_good(
    site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    site.page("/", "/a.csv?v=1")
    site.file("/a.csv", mars({}).encode(), validators=False)
    site.routes["/a.csv"] = faults.first(faults.error_page(), site.routes["/a.csv"])
    crawl.run()
    assert files(db)["a.csv"]["state"] == "refused"
    crawl.run()
    assert db.value("SELECT count(*) FROM quotes") == 1


def test_more_links_than_a_crawl_takes_are_counted_and_said(site: Site, crawl: Any, db: Any) -> None:
    site.page("/", *(f"page{number}" for number in range(60)))
    for number in range(60):
        site.page(f"/page{number}", "/about")
    crawl.run()
    (problem,) = db.rows("SELECT reason FROM crawl_problems")
    assert problem["reason"] == "10 links were left out: a crawl takes at most 500 files and 50 pages"
    assert last_crawl(db)["pages"] == 51


@pytest.mark.parametrize("charset", ["windows-1252", "UTF-16", "no-such-charset"])
def test_links_of_an_index_are_found_whatever_its_charset(
    *, site: Site, crawl: Any, db: Any, mars: Rows, charset: str
) -> None:
    page = '<html><body>Pre\u00e7os\u00a0\u00a9<a href="/a.csv">jalape\u00f1o</a></body></html>'
    coding = "latin-1" if charset == "no-such-charset" else charset
    site.routes["/"] = faults.status(200, page.encode(coding), Content_Type=f"text/html; charset={charset}")
    site.file("/a.csv", mars({}).encode())
    crawl.run()
    assert files(db)["a.csv"]["state"] == "stored"


def test_a_source_whose_last_answer_could_not_be_kept_was_not_seen_whole(
    *, site: Site, crawl: Any, db: Any, mars: Rows
) -> None:
    lost = mars({"commodity": "Limes"}).encode()
    site.page("/", "a.csv", "b.csv")
    site.file("/a.csv", mars({}).encode())
    site.file("/b.csv", lost)
    crawl.raw_dir.mkdir()
    in_the_way = crawl.raw_dir / hashlib.sha256(lost).hexdigest()[:2]
    in_the_way.touch()  # as a disk without room: no file can be made there
    crawl.run(code=1)
    (index,) = db.rows("SELECT state, reason FROM crawl_sources")
    assert index == {"state": "failed", "reason": "index: internal error: FileExistsError"}
    assert {name: file["state"] for name, file in files(db).items()} == {"a.csv": "stored"}
    in_the_way.unlink()
    crawl.run()
    assert set(files(db)) == {"a.csv", "b.csv"}


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[Site]:
    """A site that speaks TLS with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = SiteServer(context)
    yield server.site
    server.close()


def test_a_certificate_that_nobody_vouches_for_is_not_believed(impostor: Site, crawl: Any, db: Any, mars: Rows) -> None:
    impostor.page("/", "a.csv")
    impostor.file("/a.csv", mars({}).encode())
    crawl.run(code=1, USDA_INDEX_URL=f"{impostor.url}/", USDA_RETRIES="0")
    assert "certificate" in last_crawl(db)["reason"].lower()
    assert not impostor.requests
