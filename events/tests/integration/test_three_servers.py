"""Three servers as Kubernetes starts them (compose/nats/start with NATS_ROUTES): each stream is on all of them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.connection import NatsSettings, connect
from mercadito_events.provisioner import provision
from mercadito_events.testing import wait_until
from mercadito_events.testing.ports import free_port
from mercadito_events.topology import load, shipped
from nats.aio.client import Client
from nats.errors import Error

ROOT = Path(__file__).parents[3]
COMPOSE, K8S = ROOT / "compose" / "nats", ROOT / "k8s"
USERS = ("provisioner", "orders", "realtime", "usda", "notify", "operator", "route")
PATH = f"{os.environ['PATH']}:/usr/sbin"
# The image's server forces each write to the disk; Debian 12's refuses the word.
IS_OLD = (
    "2.9."
    in subprocess.run(
        ["nats-server", "--version"], env={"PATH": PATH}, capture_output=True, text=True, check=True
    ).stdout
)
SOON_S = 60
# What a server misses that is away: so much that fetching it takes longer than starting.
MEANWHILE, BODY = 400, b'{"note": "%s"}' % (b"x" * 200_000)


def password(user: str) -> str:
    return f"s-password-of-{user}"


class Server:
    """A pod: its host's name, its volume, the image's files with other ports."""

    def __init__(self, folder: Path, number: int, ports: list[int], routes: list[int]) -> None:
        self.folder, self.name, self.port = folder / f"nats-{number}", f"nats-{number}", ports[number]
        self._routes = ", ".join(f"nats://127.0.0.1:{port}" for port in routes)
        for name in ("bin", "conf", "secrets"):
            (self.folder / name).mkdir(parents=True)
        hostname = self.folder / "bin" / "hostname"
        hostname.write_text(f"#!/bin/sh\necho {self.name}\n")
        hostname.chmod(0o755)
        for user in USERS:
            (self.folder / "secrets" / f"nats_{user}_password").write_text(password(user) + "\n")
        text = (
            (COMPOSE / "nats.conf")
            .read_text()
            .replace("port: 4222", f"port: {self.port}")
            .replace("/data", str(self.folder / "data"))
        )
        self.monitoring = f"127.0.0.1:{free_port()}"
        text = text.replace("127.0.0.1:8222", self.monitoring)
        text = re.sub(r".*sync_interval.*\n", "", text) if IS_OLD else text
        (self.folder / "conf" / "nats.conf").write_text(text)
        cluster = (COMPOSE / "cluster.conf").read_text().replace("port: 6222", f"port: {routes[number]}")
        (self.folder / "conf" / "cluster.conf").write_text(cluster)
        (self.folder / "conf" / "accounts.conf").write_text(shipped("accounts.conf").read_text())
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": f"{self.folder / 'bin'}:{PATH}",
            "NATS_CONFIG_DIR": str(self.folder / "conf"),
            "SECRETS_DIR": str(self.folder / "secrets"),
            "NATS_ROUTES": f"[{self._routes}]",
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["sh", COMPOSE / "start"], env=environment, stdout=log, stderr=log)
        return self.process

    def asked(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://{self.monitoring}{path}", timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    ports, routes = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
    started = [Server(tmp_path, number, ports, routes) for number in range(3)]
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()


def settings(servers: list[Server], user: str) -> NatsSettings:
    return NatsSettings(",".join(f"nats://127.0.0.1:{each.port}" for each in servers), user, password(user))


async def test_a_stream_goes_on_while_one_of_its_servers_leaves(servers: list[Server]) -> None:
    provisioner = await connect(settings(servers, "provisioner"), name="provisioner")
    await provisioned(provisioner)
    info = await provisioner.jetstream().stream_info("ORDERS")
    assert info.config.num_replicas == 3
    orders = await connect(settings(servers, "orders"), name="orders")
    await published(orders, 0)
    # As Kubernetes ends a pod: the hook's signal, and the next one while it leaves.
    servers[1].process.send_signal(signal.SIGUSR2)
    await asyncio.to_thread(wait_until, lambda: "lame duck" in servers[1].log())
    servers[1].process.send_signal(signal.SIGTERM)
    await published(orders, 1)
    assert await asyncio.to_thread(servers[1].process.wait, 60) in {0, 1}
    await published(orders, 2)
    assert (await provisioner.jetstream().stream_info("ORDERS")).state.messages == 3
    await orders.close()
    await provisioner.close()


def startup_path() -> str:
    """What the kubelet asks a server of three until it counts as started."""
    text = (K8S / "components" / "nats-cluster" / "servers.yaml").read_text()
    found = re.search(r"startupProbe: .*http://127\.0\.0\.1:8222(/[^\"]*)", text)
    assert found
    return found.group(1)


async def test_one_that_is_back_counts_as_started_when_its_streams_are(servers: list[Server]) -> None:
    """Before that, the next one must not go: what was published meanwhile is on the other two alone."""
    provisioner = await connect(settings(servers, "provisioner"), name="provisioner")
    await provisioned(provisioner)
    servers[2].process.terminate()
    await asyncio.to_thread(servers[2].process.wait, 60)
    orders = await connect(settings(servers[:2], "orders"), name="orders")
    for number in range(MEANWHILE):
        await published(orders, number, BODY)
    servers[2].start()
    path = startup_path()
    await asyncio.to_thread(wait_until, lambda: servers[2].asked(path), SOON_S)
    (account,) = servers[2].asked("/jsz?accounts=true&streams=true")["account_details"]
    there = {each["name"]: each["state"]["messages"] for each in account["stream_detail"]}
    # The last one is in its log, and counts when the leader speaks next.
    assert there["ORDERS"] >= MEANWHILE - 1
    await orders.close()
    await provisioner.close()


async def provisioned(nc: Client) -> None:
    """As the cluster's Job does: again until nothing is refused, which servers that have just met do at first."""
    async with asyncio.timeout(SOON_S):
        while True:
            outcomes = await provision(nc, load(replicas=3))
            if "refused" not in {each.action for each in outcomes}:
                break
            await asyncio.sleep(0.1)
    assert {each.action for each in outcomes} <= {"created", "unchanged"}


async def published(nc: Client, number: int, body: bytes = b"{}") -> None:
    """As the outbox does: again until it is acknowledged, once by its id."""
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                await nc.jetstream().publish(
                    "orders.order.placed.v1", body, headers={"Nats-Msg-Id": f"event-{number}"}, timeout=2
                )
            except (Error, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return


def test_without_its_password_of_the_routes_a_server_does_not_start(servers: list[Server]) -> None:
    servers[0].process.kill()
    servers[0].process.wait()
    (servers[0].folder / "secrets" / "nats_route_password").unlink()
    assert servers[0].start().wait(10) == 2
    assert "nats_route_password is missing or empty" in servers[0].log()
