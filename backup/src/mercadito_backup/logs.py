"""One JSON line for each thing that happened, on standard output, as all of Mercadito's processes write."""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Literal

Level = Literal["info", "warning", "error"]


def say(event: str, level: Level = "info", **what: Any) -> None:
    """Write a line; ``what`` holds no secret and nobody's data."""
    line = {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "service": "backup"}
    sys.stdout.write(json.dumps({**line, "event": event, **what}) + "\n")
    sys.stdout.flush()
