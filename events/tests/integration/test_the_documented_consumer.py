"""The consumer in docs/events.md, as it stands there: killed, without its server, before another stream."""

import asyncio
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.connection import connect
from mercadito_events.testing import NatsServer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "events.md"
PUBLISHED = Path(__file__).resolve().parents[2] / "examples"
MOST_LINES = 40
ORDERS, KILLS = 60, 5


def documented() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (program,) = [block for block in blocks if "asyncio.run(main())" in block]
    return str(program)


def order(number: int, version: int, *, cancelled: bool = False) -> tuple[str, dict[str, Any]]:
    """Return type and body of an event about an order: the documented example with other figures."""
    type_ = "orders.order.cancelled.v1" if cancelled else f"orders.order.{'placed' if version == 1 else 'amended'}.v1"
    body = json.loads((PUBLISHED / f"{type_}.json").read_text())["body"]
    for line in body["lines"]:
        line["quantity"] = number + version
    return type_, {**body, "order_id": f"order-{number}", "version": version}


async def publish(nats: NatsServer, *events: tuple[str, dict[str, Any]]) -> None:
    nc = await connect(nats.settings("orders"), name="test")
    for type_, body in events:
        await nc.jetstream().publish(type_, json.dumps(body).encode())
    await nc.close()


def wanted(*events: tuple[str, dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Return the packs that the newest version of each order asks for."""
    newest: dict[str, tuple[str, dict[str, Any]]] = {}
    for type_, body in events:
        known = newest.get(body["order_id"])
        if known is None or body["version"] > known[1]["version"]:
            newest[body["order_id"]] = (type_, body)
    packs: Counter[tuple[str, str]] = Counter()
    for type_, body in newest.values():
        for line in [] if "cancelled" in type_ else body["lines"]:
            packs[line["name"], line["pack"]] += line["quantity"]
    return packs


def listed(file: Path) -> Counter[tuple[str, str]]:
    """Return what the picking list says, by the question that the page shows."""
    question = " ".join(re.findall(r'sqlite3 picking\.db "(.*?)"', PAGE.read_text(), re.DOTALL))
    with closing(sqlite3.connect(file)) as db:
        try:
            return Counter({(name, pack): packs for _, name, pack, packs in db.execute(question)})
        except sqlite3.OperationalError:  # it has not made its tables yet
            return Counter()


@pytest.fixture
def list_file(tmp_path: Path) -> Path:
    (tmp_path / "picking_list.py").write_text(documented())
    return tmp_path / "picking.db"


@pytest.fixture
def start(list_file: Path, nats: NatsServer) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    settings = nats.settings("operator")
    environment = {**os.environ, "NATS_URL": nats.url, "NATS_USER": "operator", "NATS_PASSWORD": settings.password}
    command = [sys.executable, str(list_file.parent / "picking_list.py"), str(list_file)]
    started: list[subprocess.Popen[bytes]] = []

    def run() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_it_is_a_page_long() -> None:
    assert len(documented().splitlines()) <= MOST_LINES


def test_however_often_it_is_killed_the_list_is_right(
    nats: NatsServer, list_file: Path, start: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    events = [order(number, version) for number in range(ORDERS) for version in (1, 2)]
    events += [order(number, 3, cancelled=True) for number in range(0, ORDERS, 7)]
    random.shuffle(events)  # more than the relay would: an older version may come after a newer one
    for round_ in range(KILLS):
        reader = start()
        asyncio.run(publish(nats, *events[round_::KILLS]))
        eventually(lambda: listed(list_file), 20)
        time.sleep(random.random() / 50)
        reader.kill()
        reader.wait()
    start()
    eventually(lambda: listed(list_file) == wanted(*events), 20)


def test_it_goes_on_after_its_server_was_away(
    nats: NatsServer, list_file: Path, start: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    before, after = order(1, 1), order(1, 2)
    asyncio.run(publish(nats, before))
    reader = start()
    eventually(lambda: listed(list_file) == wanted(before), 20)
    nats.stop()
    nats.start()
    asyncio.run(publish(nats, after))
    eventually(lambda: listed(list_file) == wanted(before, after), 30)
    assert reader.poll() is None


def test_a_stream_made_anew_is_read_from_its_beginning(
    nats: NatsServer, list_file: Path, start: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    newer = [order(number, 2) for number in range(5)]
    asyncio.run(publish(nats, *newer))
    reader = start()
    eventually(lambda: listed(list_file) == wanted(*newer), 20)
    reader.kill()
    reader.wait()
    nats.reset()
    restored = order(1, 1)
    asyncio.run(publish(nats, restored))
    start()
    eventually(lambda: listed(list_file) == wanted(restored), 20)
