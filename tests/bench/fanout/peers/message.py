"""The message that peers broadcast: as long as ours, with the moment of its making where clients look for it."""

import itertools
import json
import time
from typing import Any

_NUMBERS = itertools.count(1)
_ORDER_ID = "01941f3a-7c00-7004-8000-000000000004"


def message() -> dict[str, Any]:
    """Return the next one, about 250 bytes as JSON."""
    number, now_ns = next(_NUMBERS), time.time_ns()
    data = {
        "order_id": _ORDER_ID,
        "number": number,
        "store_id": "bench",
        "store_name": "Mercado La Luz",
        "state": "placed",
        "version": 1,
        "total_cents": now_ns // 1_000,
    }
    return {
        "b": [{"c": "store:bench", "o": number, "p": number - 1, "k": "order", "v": 1, "d": data}],
        "t": now_ns // 1_000_000,
    }


def text() -> str:
    """Return the next one as JSON."""
    return json.dumps(message(), separators=(",", ":"))
