"""What each NATS user may and, more to the point, may not."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from mercadito_events.connection import NatsSettings, NatsUnreachable, connect
from mercadito_events.testing import NatsServer
from mercadito_events.testing.nats_server import USERS
from mercadito_events.topology import load, shipped
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

PUBLISHES = {
    "orders": {"orders", "accounts"},
    "usda": {"usda"},
    "notify": {"notify"},
    "realtime": set(),
    "operator": set(),
    "provisioner": set(),
}
READS = {"realtime": {"ORDERS", "USDA"}, "operator": {"ORDERS", "USDA", "NOTIFY", "DLQ"}}
STREAMS = load()
DURABLES = [(stream.name, durable.name) for stream in STREAMS for durable in stream.durables]


class Wire:
    """A connection that speaks NATS' own protocol, to see each refusal as the server words it."""

    def __init__(self, settings: NatsSettings) -> None:
        where = urlsplit(settings.url)
        self._socket = socket.create_connection((where.hostname, where.port), timeout=5)
        self._file = self._socket.makefile("rb")
        options = {"user": settings.user, "pass": settings.password, "verbose": False, "headers": True}
        self._say(f"CONNECT {json.dumps(options)}")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def may_publish(self, subject: str, payload: str = "") -> bool:
        return not self._say(f"PUB {subject} {len(payload)}\r\n{payload}")

    def may_subscribe(self, subject: str) -> bool:
        return not self._say(f"SUB {subject} 1")

    def _say(self, command: str) -> list[bytes]:
        """Send a command and read what was refused, up to the answer to a ping after it."""
        self._socket.sendall(f"{command}\r\nPING\r\n".encode())
        refused = []
        while (heard := self._file.readline()) != b"PONG\r\n":
            assert heard, "the server hung up"
            if heard.startswith(b"-ERR"):
                refused.append(heard)
        return refused


@pytest.fixture
def wire(nats_server: NatsServer, user: str) -> Iterator[Wire]:
    made = Wire(nats_server.settings(user))
    yield made
    made.close()


@pytest.mark.parametrize("user", USERS)
def test_each_user_publishes_its_own_subjects_only(user: str, wire: Wire) -> None:
    for context in ("orders", "accounts", "usda", "notify"):
        assert wire.may_publish(f"{context}.thing.happened.v1") == (context in PUBLISHES[user]), context


@pytest.mark.parametrize("user", USERS)
def test_what_the_processes_of_realtime_tell_each_other_is_theirs_alone_and_kept_by_no_stream(
    user: str, wire: Wire
) -> None:
    for subject in ("realtime.viewers.v1", "realtime.anything.else"):
        assert wire.may_publish(subject) == (user == "realtime")
        assert wire.may_subscribe(subject) == (user == "realtime")
    assert wire.may_subscribe("realtime.>") == (user == "realtime")
    assert not wire.may_subscribe(">")
    assert "realtime" not in {subject.split(".")[0] for stream in STREAMS for subject in stream.subjects}


@pytest.mark.parametrize("user", USERS)
def test_dead_letters_are_published_by_the_owner_of_the_durable_only(user: str, wire: Wire) -> None:
    for _, durable in DURABLES:
        assert wire.may_publish(f"dlq.{durable}") == durable.startswith(f"{user}__"), durable
    assert not wire.may_publish("dlq.other")


@pytest.mark.parametrize("user", USERS)
def test_a_durable_is_pulled_and_acknowledged_by_its_owner_only(user: str, wire: Wire) -> None:
    for stream, durable in DURABLES:
        own = durable.startswith(f"{user}__")
        assert wire.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", "1") == own, durable
        assert wire.may_publish(f"$JS.ACK.{stream}.{durable}.1.1.1.1.0") == own, durable


@pytest.mark.parametrize("user", USERS)
def test_only_the_provisioner_makes_streams_and_durables_and_only_dead_letters_go(user: str, wire: Wire) -> None:
    provisioner = user == "provisioner"
    assert wire.may_publish("$JS.API.STREAM.CREATE.OTHER", "{}") == provisioner
    assert wire.may_publish("$JS.API.STREAM.UPDATE.ORDERS", "{}") == provisioner
    assert not wire.may_publish("$JS.API.STREAM.DELETE.NONE")
    assert not wire.may_publish("$JS.API.STREAM.PURGE.NONE")
    for stream in STREAMS:  # a sequence that is not there
        may_delete = (user, stream.name) == ("operator", "DLQ")
        assert wire.may_publish(f"$JS.API.STREAM.MSG.DELETE.{stream.name}", '{"seq":999999}') == may_delete, stream.name
    for stream, durable in DURABLES:
        assert wire.may_publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{durable}", "{}") == provisioner
        assert wire.may_publish(f"$JS.API.CONSUMER.CREATE.{stream}.{durable}", "{}") == provisioner
        assert wire.may_publish(f"$JS.API.CONSUMER.CREATE.{stream}.{durable}.x.y", "{}") == provisioner
        assert not wire.may_publish(f"$JS.API.CONSUMER.DELETE.{stream}.{durable}")


@pytest.mark.parametrize("user", [user for user in USERS if user != "provisioner"])
def test_ephemeral_consumers_are_for_realtime_and_operators_and_never_on_accounts(user: str, wire: Wire) -> None:
    for stream in STREAMS:
        allowed = stream.name in READS.get(user, set())
        assert wire.may_publish(f"$JS.API.CONSUMER.CREATE.{stream.name}", "{}") == allowed, stream.name
        assert wire.may_publish(f"$JS.API.CONSUMER.CREATE.{stream.name}.mine.a.b", "{}") == allowed, stream.name
        assert wire.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream.name}.mine", "1") == allowed, stream.name
    for subject in ("$JS.API.STREAM.MSG.GET.ACCOUNTS", "$JS.API.DIRECT.GET.ACCOUNTS"):
        assert not wire.may_publish(subject, json.dumps({"seq": 1}))


@pytest.mark.parametrize("user", USERS)
def test_replies_to_others_and_live_subjects_cannot_be_overheard(user: str, wire: Wire) -> None:
    foreign = [f"_INBOX_{other}.>" for other in USERS if other != user]
    for subject in [*foreign, "_INBOX.>", ">", "orders.>", "accounts.>", "$JS.>", "$SYS.>", "_INBOX_*.>"]:
        assert not wire.may_subscribe(subject), subject
    assert wire.may_subscribe(f"_INBOX_{user}.x")


async def test_realtime_reads_by_an_ephemeral_consumer_that_leaves_no_trace(connected: Callable[..., Any]) -> None:
    orders, realtime = await connected("orders"), await connected("realtime")
    await orders.jetstream().publish("orders.order.placed.v1", b"{}")
    js = realtime.jetstream()
    for name in (None, "rt-1"):
        config = ConsumerConfig(
            name=name, ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL, inactive_threshold=5
        )
        info = await js.add_consumer("ORDERS", config)
        subscription = await js.pull_subscribe_bind(info.name, stream="ORDERS")
        (message,) = await subscription.fetch(1, timeout=2)
        assert message.subject == "orders.order.placed.v1"
    assert await js.delete_consumer("ORDERS", "rt-1")


async def test_a_durable_smuggled_into_the_body_of_an_ephemeral_request_is_refused(
    connected: Callable[..., Any],
) -> None:
    nc = await connected("realtime")
    body = {"stream_name": "ORDERS", "config": {"durable_name": "mine", "ack_policy": "explicit"}}
    reply = await nc.request("$JS.API.CONSUMER.CREATE.ORDERS", json.dumps(body).encode(), timeout=2)
    assert "error" in json.loads(reply.data)


async def test_a_stranger_or_a_wrong_password_is_not_let_in(nats: NatsServer) -> None:
    good = nats.settings("orders")
    for user, password in (("orders", "wrong"), ("nobody", good.password), ("", "")):
        settings = type(good)(good.url, user or "x", password)
        with pytest.raises(NatsUnreachable, match="cannot be reached"):
            await connect(settings, name="stranger", deadline_s=0.5)


def test_every_durable_is_named_in_the_rights_of_its_owner_and_denied_to_the_readers() -> None:
    text = shipped("accounts.conf").read_text()
    users = dict(re.findall(r"user: (\w+)(.*?)(?=\n    \}\n)", text, re.DOTALL))
    for stream, durable in DURABLES:
        owner = durable.split("__")[0]
        for right in (f"MSG.NEXT.{stream}.{durable}", f"$JS.ACK.{stream}.{durable}.>", f"dlq.{durable}"):
            assert right in users[owner], right
        for reader, streams in READS.items():
            denied = users[reader].split("deny:")[1]
            assert (f"MSG.NEXT.{stream}.{durable}" in denied) == (stream in streams)
