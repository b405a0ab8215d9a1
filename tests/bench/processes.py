"""What processes weigh and use: memory that is shared counts once, processor time whoever else is at work."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

KIB = 1024
# proc(5): of the fields after the program's name, the ones with the time in user and in kernel mode.
_UTIME, _STIME = 11, 12


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process."""
    return _rolled_up_kb(pid, "Pss") / KIB


def own_kb(pid: int) -> int:
    """Return what a process holds in memory of its own, not in files: no other process's end changes it."""
    return _rolled_up_kb(pid, "Pss_Anon")


def _rolled_up_kb(pid: int, field: str) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", rollup, re.MULTILINE)
    if found is None:
        raise LookupError(f"no {field} of {pid}")
    return int(found[1])


def children(pid: int) -> Sequence[int]:
    """Return the processes that a process started and that live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor_s(pids: Iterable[int]) -> float:
    """Return the processor time that these processes have used so far; one that has ended counts nothing."""
    return sum(map(_used_ticks, pids)) / os.sysconf("SC_CLK_TCK")


def _used_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[_UTIME]) + int(fields[_STIME])


def processor_ns(pids: Iterable[int]) -> int:
    """Return the processor time of processes' living threads by the scheduler's own clock, finer than ticks."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
