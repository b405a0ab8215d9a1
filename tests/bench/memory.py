"""What processes weigh: their proportional share (PSS), which counts memory that is shared once."""

import re
from pathlib import Path

KIB = 1024


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    if found is None:
        raise LookupError(f"no Pss of {pid}")
    return int(found[1]) / KIB
