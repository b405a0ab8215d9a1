"""Stores files as a crawl does, each under a new link and in other bytes, and says each one's account: FILE..."""

import gzip
import json
import os
import sys
import uuid
from dataclasses import asdict
from pathlib import Path

from mercadito_events.service.database import (  # type: ignore[import-not-found, unused-ignore]
    create_engine,
)
from mercadito_events.service.logs import configure  # type: ignore[import-not-found, unused-ignore]
from sqlalchemy import text  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.settings import CrawlSettings  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.storing import crawls  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.storing.accounting import Accounting  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.storing.files import Validators  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.storing.intake import Intake  # type: ignore[import-not-found, unused-ignore]
from usda_ingest.storing.raw_files import RawFiles  # type: ignore[import-not-found, unused-ignore]


def _with_a_blank_line_first(body: bytes) -> bytes:
    """Return the same rows in a text of its own, so that they are read and compared whoever has read them before."""
    unpacked = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    header, _, rows = unpacked.partition(b"\n")
    return header + b"\n" + b"\r\n" * (uuid.uuid4().int % 1_000 + 1) + rows


def main() -> None:
    """Store the files; what is counted is what the database holds of each."""
    settings = CrawlSettings.from_env(os.environ)
    configure("usda", "bench", "warning")
    engine = create_engine(settings.database, pool_size=3, application_name="usda-crawl")
    crawl_id = uuid.uuid4()
    with engine.begin() as connection:
        crawls.begin(connection, crawl_id, source="bench", cause="operator")
    intake = Intake(engine, RawFiles(settings.raw_dir), crawl_id, settings.market_day())
    link = f"http://usda.example/{uuid.uuid4()}"
    for file in map(Path, sys.argv[1:]):
        body = _with_a_blank_line_first(file.read_bytes())
        intake.take(f"{link}/{file.name}", file.name, body, Validators(), download_ms=0)
    names = ", ".join(asdict(Accounting()))
    statement = f"SELECT name, {names} FROM report_files WHERE url LIKE :link ORDER BY first_seen_at"
    with engine.begin() as connection:
        found = connection.execute(text(statement), {"link": f"{link}/%"}).mappings().all()
        crawls.finish(connection, crawl_id)
    print(json.dumps({"accounts": [dict(row) for row in found]}))


main()
