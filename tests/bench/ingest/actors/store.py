"""Stores a file as a crawl does and says how long it took: python -m tests.bench.ingest.actors.store FILE WHAT..."""

import time

_BEGAN = time.monotonic()

import gzip  # noqa: E402 - what follows is part of the start, and the start is timed
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import uuid  # noqa: E402
from dataclasses import asdict  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from mercadito_events.service.database import (  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
    create_engine,
)
from mercadito_events.service.logs import configure  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

# The module in which a real crawl runs: whatever it loads is in this process's memory, too.
from usda_ingest.crawling import crawl as _  # type: ignore[import-not-found, unused-ignore]  # noqa: E402, F401
from usda_ingest.settings import CrawlSettings  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.storing import crawls  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.storing.files import Validators  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.storing.intake import Intake  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.storing.raw_files import RawFiles  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

_SITE = "http://usda.example"


def _body(file: Path, what: str) -> bytes:
    """Return the file's bytes; `other`: the same text packed otherwise; `reworded`: another text with the same rows."""
    body = file.read_bytes()
    if what not in ("other", "reworded"):
        return body
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    header, _line_break, rows = text.partition(b"\n")
    return gzip.compress(text if what == "other" else header + b"\n\n" + rows, 1, mtime=0)


def main() -> None:
    """Store the file as each WHAT says: `first` and `same` under one link, `other` and `reworded` under others."""
    settings = CrawlSettings.from_env(os.environ)
    configure("usda", "bench", "warning")
    engine = create_engine(settings.database, pool_size=3, application_name="usda-crawl")
    crawl_id = uuid.uuid4()
    with engine.begin() as connection:
        crawls.begin(connection, crawl_id, source=f"{_SITE}/", cause="operator")
    intake = Intake(engine, RawFiles(settings.raw_dir), crawl_id, settings.market_day())
    said: dict[str, Any] = {"start_s": time.monotonic() - _BEGAN}
    file = Path(sys.argv[1])
    for what in sys.argv[2:]:
        body = _body(file, what)
        folder = "" if what in ("first", "same") else f"{what}/"
        url = f"{_SITE}/{folder}{file.name}"
        began = time.monotonic()
        intake.take(url, file.name, body, Validators(), download_ms=0)
        said[f"{what}_s"] = time.monotonic() - began
    with engine.begin() as connection:
        found = crawls.find(connection, crawl_id)
        crawls.finish(connection, crawl_id)
    said["accounts"] = [{name: found[name] for name in asdict(crawls.Accounting())}]
    said["rows"] = found["rows_read"] / len(sys.argv[2:])
    said["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(said))


main()
