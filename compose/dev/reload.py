"""python reload.py COMMAND …: run a command, and run it anew whenever a file below one of PYTHONPATH's folders changes.

For development alone (compose.dev.yaml). It looks at the files' times instead of waiting for the kernel to tell: where
a virtual machine shares the folders with its host, the kernel inside is told nothing.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

LOOK_EVERY_S = 0.5
STOPPED_WITHIN_S = 10

Times = dict[str, int]


def times(folders: list[str]) -> Times:
    """Return when each file was changed last; what Python keeps of them for itself is left out."""
    found: Times = {}
    for folder in folders:
        for here, names, files in os.walk(folder):
            names[:] = [name for name in names if name != "__pycache__"]
            for name in files:
                path = Path(here, name)
                # Editors put a file away and another in its place.
                if path.exists():
                    found[str(path)] = path.stat().st_mtime_ns
    return found


def stop(process: "subprocess.Popen[bytes]") -> int:
    """End it as the engine would; return its exit code."""
    process.terminate()
    try:
        return process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def say(what: str) -> None:
    """Write a line between those of the command."""
    print(f'{{"level": "info", "event": "{what}", "service": "reload"}}', flush=True)


def main(command: list[str], folders: list[str]) -> int:
    """Run the command until told to end; return the exit code of its last run."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while True:
        seen = times(folders)
        process = subprocess.Popen(command)
        has_ended = False
        while times(folders) == seen:
            if told.wait(LOOK_EVERY_S):
                return stop(process)
            if process.poll() is not None and not has_ended:
                # Wrong code ends it; the next change is its next chance.
                has_ended = True
                say("ended; waiting for a change")
        say("sources changed")
        stop(process)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ["PYTHONPATH"].split(os.pathsep)))
