"""Copies the rows of `quotes` to a file or back, as fast as PostgreSQL goes: FILE {out|in}."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mercadito_events.service.database import (  # type: ignore[import-not-found, unused-ignore]
    create_engine,
)
from usda_ingest.settings import CrawlSettings  # type: ignore[import-not-found, unused-ignore]

_COLUMNS = """
    SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = 'quotes' AND column_name <> 'quote_id' AND is_generated = 'NEVER'
"""


def main() -> None:
    """Copy, and say how many rows in what time, from the first byte to the commit."""
    path, way = Path(sys.argv[1]), sys.argv[2]
    settings = CrawlSettings.from_env(os.environ)
    engine = create_engine(settings.database, pool_size=1, application_name="usda-bench")
    connection: Any = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute(_COLUMNS)
    (names,) = cursor.fetchone()
    connection.commit()
    began = time.monotonic()
    if way == "out":
        with path.open("wb") as stream:
            cursor.copy_expert(f"COPY (SELECT {names} FROM quotes ORDER BY quote_id) TO STDOUT", stream)
    else:
        with path.open("rb") as stream:
            cursor.copy_expert(f"COPY quotes ({names}) FROM STDIN", stream)
    rows = cursor.rowcount
    connection.commit()
    print(json.dumps({"rows": rows, "took_s": time.monotonic() - began}))


main()
