"""What every part of the model agrees on."""

MODEL_VERSION = 2
"""A new number recomputes every series at the next run."""
MIN_QUOTES = 15
"""A series with fewer quotes gets neither trend nor forecast."""
HORIZON_DAYS = 10
"""How many market days a forecast looks ahead."""
BAND = 0.8
"""The share of quotes that the band is meant to hold."""

OK = "ok"
TOO_FEW = "too few quotes"
STALE = "stale"
REPORTED_DAYS = (1, 5, 10)
"""The horizons of which the backtest is shown."""
MIN_JUDGED = 10
"""With fewer past forecasts that came true, their coverage is not told."""
