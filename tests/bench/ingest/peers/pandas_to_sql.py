"""What pandas does with the file, in its usual ways: python -m tests.bench.ingest.peers.pandas_to_sql FILE URL."""

import json
import sys
import time

import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]  # it is there where this runs
from sqlalchemy import create_engine  # type: ignore[import-not-found, unused-ignore]

# Each way with what it takes to be at its best: rows of one statement, as many as PostgreSQL has parameters for.
_WAYS = {"to_sql": {}, "to_sql(method='multi')": {"method": "multi", "chunksize": 2_000}}


def main() -> None:
    """Read and store the file in each way, and say how long it took."""
    file, url = sys.argv[1:]
    took = {}
    for way, options in _WAYS.items():
        engine = create_engine(url)
        began = time.monotonic()
        frame = pandas.read_csv(file)
        frame.to_sql("prices_by_pandas", engine, if_exists="replace", index=False, **options)
        took[way] = time.monotonic() - began
        engine.dispose()
    print(json.dumps(took))


main()
