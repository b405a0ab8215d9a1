"""When a child process is to end early: it is told to, or nobody waits for it any more."""

import os
import signal
import threading

PARENT_CHECK_S = 1.0


def stop_when_told() -> threading.Event:
    """Return an event that SIGTERM, SIGINT or the end of the parent sets; a second signal ends the process at once."""
    stop = threading.Event()

    def told(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    threading.Thread(target=_watch, args=(os.getppid(), stop), daemon=True).start()
    return stop


def _watch(parent: int, stop: threading.Event) -> None:
    # After a kill -9 of the service nobody waits for this run; a new service will want the lock.
    while os.getppid() == parent and not stop.wait(PARENT_CHECK_S):
        pass
    stop.set()
