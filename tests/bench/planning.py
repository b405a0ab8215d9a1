"""Staff's work on a large catalogue: lists and searches, a file of products, a market day copied."""

import time
from collections.abc import Mapping

import httpx

from tests.bench.figures import Report
from tests.bench.load import Request, closed_loop
from tests.bench.world import BenchFailed, World

LIST_LIMIT_MS = 100
IMPORT_LIMIT_S = 30
COPY_LIMIT_S = 20
WITHIN_S = 120.0
LISTS = ("/products?limit=100", "/products?q=trumpet", "/products?series=unmapped", "/series")
HEADER = "name,name_es,category,pack,markup_percent,floor"
# The same rows by one statement, into a table with the same indexes and nothing to compare them with or to record.
_PEER = (
    "CREATE TABLE bench_products (LIKE products INCLUDING ALL);"
    " INSERT INTO bench_products (id, name, name_es, category, pack) SELECT gen_random_uuid(),"
    " 'Trumpet ' || n, 'Trompeta ' || n, 'category ' || n % 20, n || 's' FROM generate_series(1, {rows}) n"
)


def measure(world: World, account: tuple[str, str], report: Report, *, rows: int, reads: int) -> None:
    """Measure it once: `account` (address, password) is staff's, `rows` products are taken over."""
    with httpx.Client(base_url=f"{world.url}/api/v1", timeout=WITHIN_S) as client:
        token = client.post("/tokens", auth=account).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        _measure_imports(world, client, report, rows)
        _measure_lists(world, {"Authorization": f"Bearer {token}"}, report, reads)
        _measure_copy(world, client, report)


def _measure_imports(world: World, client: httpx.Client, report: Report, rows: int) -> None:
    began = time.perf_counter()
    world.psql(_PEER.format(rows=rows))
    peer_s = time.perf_counter() - began
    world.psql("DROP TABLE bench_products")
    for what, markup in (("new", "12%"), ("changed", "13%")):
        sheet = "".join(f"Trumpet {n},Trompeta {n},category {n % 20},{n}s,{markup},1.50\n" for n in range(1, rows + 1))
        began = time.perf_counter()
        answer = client.post("/products/import", content=f"{HEADER}\n{sheet}", headers={"Content-Type": "text/csv"})
        took_s = time.perf_counter() - began
        if answer.raise_for_status().json()[what] != rows:
            raise BenchFailed(f"not all {rows} products were {what}: {answer.text[:500]}")
        report.add(f"{rows:,} products by file, all {what}", "s", took_s, IMPORT_LIMIT_S, "limit")
    report.notes.append(f"PostgreSQL alone writes {rows:,} products with their indexes in {peer_s:.2f} s")


def _measure_lists(world: World, headers: Mapping[str, str], report: Report, reads: int) -> None:
    for path in LISTS:
        load = closed_loop(world.url, [Request(f"/api/v1{path}", headers)] * reads, 1, within_s=WITHIN_S)
        if len(load.accepted) < reads:
            raise BenchFailed(f"{path}: {load.refusals or 'not all were answered'}")
        report.add(f"API: {path}: p50", "ms", load.percentile_ms(0.5), LIST_LIMIT_MS, "limit")


def _measure_copy(world: World, client: httpx.Client, report: Report) -> None:
    day = world.psql("SELECT id FROM cycles WHERE name LIKE 'Seeded %' ORDER BY cutoff_at DESC LIMIT 1")[0][0]
    began = time.perf_counter()
    copied = client.post(f"/cycles/{day}/copy").raise_for_status().json()["offers"]
    took_s = time.perf_counter() - began
    report.add(f"a market day of {copied:,} offers copied", "s", took_s, COPY_LIMIT_S, "limit")
