"""Computes what is due, as the command does: python -m tests.bench.ingest.actors.forecast TODAY."""

import time

_BEGAN = time.monotonic()

import json  # noqa: E402 - what follows is part of the start, and the start is timed
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402

from mercadito_events.service.logs import configure  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.forecasting.computing import compute  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from usda_ingest.settings import forecast_settings  # type: ignore[import-not-found, unused-ignore]  # noqa: E402


def main() -> None:
    """Compute once."""
    configure("usda", "bench", "warning")
    settings, today = forecast_settings({**os.environ, "USDA_TODAY": sys.argv[1]})
    began = time.monotonic()
    series = compute(settings, today, threading.Event())
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"start_s": began - _BEGAN, "took_s": took, "series": series, "peak_mb": peak}))


main()
