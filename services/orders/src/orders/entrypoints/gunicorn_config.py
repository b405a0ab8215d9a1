"""gunicorn's settings and hooks; what depends on the environment comes from the command line of `orders web`."""

import ctypes
import gc
import logging
import os
import re
import signal
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no types of its own
from mercadito_events.service import tracing
from mercadito_events.service.logs import configure
from prometheus_client.multiprocess import mark_process_dead

from orders import __version__

worker_class = "orders.entrypoints.gunicorn_worker.OrdersWorker"
# The application is loaded once and shared by the workers' memory until they write to it; no connection is open yet.
preload_app = True
timeout = 30
graceful_timeout = 30
# Longer than the gateway keeps its idle connections, so that the gateway is the one who closes them.
keepalive = 75
# A worker shows that it lives by touching a file; on a slow disk that alone could get it killed.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - gunicorn wants a plain path
control_socket_disable = True
# X-Forwarded-Proto and the like are read by nobody here: pages link to each other by path alone.
forwarded_allow_ips = ""
limit_request_line = 8_190
limit_request_field_size = 16_380


# linux/prctl.h
PR_SET_PDEATHSIG = 1

ONE_TIME_LINK = re.compile(r"(/(?:reset|welcome)/)[^\s'\"]+")


def without_one_time_links(record: logging.LogRecord) -> bool:
    """Cut the secrets of mailed links out of gunicorn's lines: it names the path of a request that it stumbles over."""
    record.msg, record.args = ONE_TIME_LINK.sub(r"\1…", record.getMessage()), ()
    return True


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's own lines, as JSON like all others; requests are logged by the application."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - what it says about logging is not for us
        """Send everything through the root logger."""
        configure("orders", __version__, os.environ.get("LOG_LEVEL", "info"))
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)
        self.error_log.addFilter(without_one_time_links)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Say nothing: see `orders.entrypoints.http`."""


logger_class = JsonLogger


def when_ready(_server: Any) -> None:
    """Keep the garbage collector's hands off what was loaded, or it would unshare the memory page by page."""
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, worker: Any) -> None:
    """Let the kernel tell this worker when its master was killed: an orphan would keep the port for many seconds."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != worker.ppid:
        os.kill(os.getpid(), signal.SIGTERM)
    tracing.start("orders-web", __version__, os.environ)


def child_exit(_server: Any, worker: Any) -> None:
    """Take a dead worker's gauges out of /metrics."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
