"""What pandas does with the file, in its usual way: python -m tests.bench.ingest.peers.pandas_to_sql FILE URL."""

import json
import sys
import time

import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]  # it is there where this runs
from sqlalchemy import create_engine  # type: ignore[import-not-found, unused-ignore]


def main() -> None:
    """Read and store the file, and say how long it took; `method="multi"` would take ten times as long."""
    file, url = sys.argv[1:]
    engine = create_engine(url)
    began = time.monotonic()
    frame = pandas.read_csv(file)
    frame.to_sql("prices_by_pandas", engine, if_exists="replace", index=False)
    print(json.dumps({"took_s": time.monotonic() - began}))


main()
