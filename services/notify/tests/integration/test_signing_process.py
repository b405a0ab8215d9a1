"""A real process that signs: killed at the worst moment, started with another key, or with one that is none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from mercadito_events.envelope import new_event
from mercadito_events.testing import DatabaseUrls, NatsServer
from notify.writing.dkim import PrivateKey
from process import NotifyProcess, publish
from signed import ed25519_key, is_valid, pem, rsa_key, signer
from sqlalchemy import Engine, text
from world import contact, order

SOURCE = "/mercadito/orders"


@pytest.fixture
def notify(urls: DatabaseUrls, nats_server: NatsServer, relay: FaultyRelay, tmp_path: Path) -> Iterator[NotifyProcess]:
    nats_server.reset()
    process = NotifyProcess(urls, nats_server, tmp_path, relay.port)
    yield process
    process.kill()


def use(notify: NotifyProcess, key: PrivateKey, selector: str) -> None:
    file = notify.folder / f"{selector}.pem"
    file.write_bytes(pem(key))
    notify.more |= {"DKIM_KEY_FILE": str(file), "DKIM_SELECTOR": selector}


def order_placed(nats: NatsServer) -> None:
    publish(nats, new_event("orders.order.placed.v1", order(), source=SOURCE))


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT state FROM messages ORDER BY id")))


def test_killed_after_the_dot_and_started_with_another_key_it_sends_what_the_old_one_signed(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, eventually: Callable[..., Any]
) -> None:
    relay.scripts = ["hang_after_dot", "accept"]
    use(notify, rsa_key(), "2026a")
    notify.start()
    publish(notify.nats_server, new_event("accounts.contact.changed.v1", contact(), source=SOURCE))
    order_placed(notify.nats_server)
    eventually(lambda: len(relay.taken) == 1)
    notify.kill()
    use(notify, ed25519_key(), "2027a")
    notify.start()
    eventually(lambda: states(engine) == ["sent"])
    order_placed(notify.nats_server)
    eventually(lambda: states(engine) == ["sent", "sent"])
    first, again, later = relay.taken
    assert first.raw == again.raw
    old, new = signer(), signer(ed25519_key(), selector="2027a")
    assert is_valid(again.raw, old, new)
    assert is_valid(later.raw, new)
    assert not is_valid(later.raw, old)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read (No such file or directory)"), (b"nothing", "holds no private key in PEM form")],
)
def test_a_key_that_is_none_ends_the_start_with_the_reason(
    notify: NotifyProcess, content: bytes | None, says: str
) -> None:
    file = notify.folder / "key.pem"
    if content is not None:
        file.write_bytes(content)
    notify.more = {"DKIM_KEY_FILE": str(file), "DKIM_SELECTOR": "2026a"}
    notify.start(ready=False)
    assert notify.running is not None
    assert notify.running.wait(timeout=30) == 2
    assert f"DKIM_KEY_FILE: {file} {says}" in notify.log
