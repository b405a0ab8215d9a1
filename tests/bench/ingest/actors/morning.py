"""A morning: `usda-ingest serve` idles, then a crawl takes a day's reports from a loopback site.

usage: python -m tests.bench.ingest.actors.morning FOLDER IDLE_S FILE...
"""

import asyncio
import csv
import functools
import gzip
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # type: ignore[import-not-found, unused-ignore]
    Ed25519PrivateKey,  # it is there where this runs
)
from jwt.algorithms import OKPAlgorithm  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.connection import connect  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.tail import Tail  # type: ignore[import-not-found, unused-ignore]
from mercadito_events.testing import NatsServer, free_port  # type: ignore[import-not-found, unused-ignore]

from tests.bench.processes import pss_mb

_WITHIN_S = 60
_MOST_EVENTS = 100_000
_PROGRAM = Path(sys.executable).parent / "usda-ingest"
# What only a child process may load.
_HEAVY = ("numpy", "lxml")


def _day_of(file: Path, day: str) -> bytes:
    """Return the rows of one day, header rows too."""
    rows = list(csv.reader(io.StringIO(gzip.decompress(file.read_bytes()).decode())))
    place = rows[0].index("report_date")
    out = io.StringIO()
    csv.writer(out).writerows([rows[0], *(row for row in rows[1:] if row[place] == day)])
    return out.getvalue().encode()


class _Site(http.server.SimpleHTTPRequestHandler):
    """A folder, its index a page of links."""

    asked: dict[str, float] = {}  # noqa: RUF012 - one site a process

    def do_GET(self) -> None:
        self.asked.setdefault(self.path, time.monotonic())
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Site, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


async def _until(claim: Any, what: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.01)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except OSError:
        return False


async def _crawled(environment: dict[str, str], nats: NatsServer, files: int) -> dict[str, float]:
    """Crawl; return the seconds from the first link asked for to the last event read, and from the very start."""
    heard: list[tuple[float, str]] = []
    client = await connect(nats.settings("operator"), name="bench")
    stop = asyncio.Event()
    follower = Tail(client, "usda.>", since=None)
    following = asyncio.create_task(
        follower.run(stop, lambda text: heard.append((time.monotonic(), text)), limit=_MOST_EVENTS, follow=True)
    )
    began = time.monotonic()
    crawl = await asyncio.create_subprocess_exec(
        _PROGRAM, "crawl", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = await crawl.communicate()
    if crawl.returncode:
        raise RuntimeError(said.decode()[-2000:])
    reports = [text for _, text in heard if "usda.report.ingested.v1" in text]

    def all_heard() -> bool:
        nonlocal reports
        reports = [text for _, text in heard if "usda.report.ingested.v1" in text]
        return len(reports) == files and any('"state":"finished"' in text for _, text in heard)

    await _until(all_heard, f"{len(reports)} of {files} reports were heard of")
    last = max(at for at, text in heard if re.search(r"usda\.(report\.ingested|price\.recorded)\.v1", text))
    stop.set()
    await following
    await client.close()
    first_link = min(at for path, at in _Site.asked.items() if path.endswith(".csv"))
    return {"link_to_event_s": last - first_link, "start_to_event_s": last - began, "events": len(heard)}


@contextmanager
def _serving(environment: dict[str, str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        service = subprocess.Popen([_PROGRAM, "serve"], env=environment, stdout=output, stderr=output)
    deadline = time.monotonic() + _WITHIN_S
    try:
        while not _answers(f"http://127.0.0.1:{environment['HTTP_PORT']}/readyz"):
            if time.monotonic() > deadline or service.poll() is not None:
                raise RuntimeError(f"usda-ingest serve is not ready:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield service.pid
    finally:
        service.terminate()
        service.wait(_WITHIN_S)


def _weighed(pid: int) -> dict[str, float]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {"idle_mb": pss_mb(pid), "heavy": float(sum(f"/{name}/" in maps for name in _HEAVY))}


def _environment(folder: Path, nats: NatsServer, site: str) -> dict[str, str]:
    public = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True)
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))
    of_others = {name: value for name, value in os.environ.items() if name != "NATS_PASSWORD_FILE"}
    return {
        **of_others,
        **nats.environment("usda"),
        "HTTP_PORT": str(free_port()),
        "IDENTITY_JWKS_FILE": str(jwks),
        "USDA_INDEX_URL": site,
        "USDA_RAW_DIR": str(folder / "raw"),
        "USDA_SCHEDULE": "off",
    }


def _morning(folder: Path, idle_s: float, files: Sequence[Path]) -> dict[str, float]:
    site = folder / "site"
    site.mkdir()
    for file in files:
        (site / f"{file.name.split('_')[0]}.csv").write_bytes(_day_of(file, "01/08/2026"))
    nats = NatsServer(folder)
    nats.start()
    nats.provision()
    try:
        with _served(site) as url:
            environment = _environment(folder, nats, url)
            with _serving(environment, folder / "serve.log") as pid:
                time.sleep(idle_s)
                return {**_weighed(pid), **asyncio.run(_crawled(environment, nats, len(files)))}
    finally:
        nats.stop()


def main() -> None:
    """Live through it and say what was measured."""
    folder, idle_s, *files = sys.argv[1:]
    print(json.dumps(_morning(Path(folder), float(idle_s), [Path(file) for file in files])))


main()
