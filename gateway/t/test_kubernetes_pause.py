"""The hook by which a service's only pod has every gateway pod hold its requests (k8s/components/pause)."""

import contextlib
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faulty import answer, until
from gateway import HOME, Gateway, free_port

HOOK = HOME.parent / "k8s" / "components" / "pause" / "pause"
# As long as the hook lets nodes settle.
SETTLED_S = 5
# 13 s, 5 s and 3 s: then it has given up a gateway that cannot be reached. The kernel would go on for two minutes.
UNREACHED_S, GIVEN_UP_S = 20, 30
ADDRESSES = ("127.0.0.2", "127.0.0.3")


class Door(socketserver.BaseRequestHandler):
    """A pod's own address: passes one request on to its gateway's admin listener."""

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.leads_to)) as behind:
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += self.request.recv(65536)
            behind.sendall(asked)
            while part := behind.recv(65536):
                self.request.sendall(part)


class Address(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, port: int, leads_to: int) -> None:
        self.leads_to = leads_to
        super().__init__((address, port), Door)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Pods:
    """Gateway pods, each with an address of its own and the same port; `getent` is what names them."""

    def __init__(self, gateways: list[Gateway], port: int, folder: Path) -> None:
        self.gateways, self.port, self.folder = gateways, port, folder

    def name(self, *addresses: str) -> None:
        program = self.folder / "getent"
        lines = "".join(f"echo '{address}  STREAM gateway-admin'\n" for address in addresses)
        program.write_text(f"#!/bin/sh\n{lines}")
        program.chmod(0o755)

    def hook(self, upstream: str = "orders", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "GATEWAY_UPSTREAM": upstream,
            "GATEWAY_ADMIN_PORT": str(self.port),
            "GATEWAY_ADMIN_TOKEN_FILE": self.gateways[0].environment["GATEWAY_ADMIN_TOKEN_FILE"],
            **more,
        }
        return subprocess.run(["bash", HOOK], env=environment, capture_output=True, text=True, check=False)

    def states(self, upstream: str = "orders") -> set[str]:
        return {each.status(upstream)["state"] for each in self.gateways}


@pytest.fixture
def pods(make_gateway: Callable[..., Gateway], tmp_path: Path) -> Iterator[Pods]:
    gateways = [make_gateway() for _ in ADDRESSES]
    found = Pods(gateways, free_port(), tmp_path)
    doors = [Address(address, found.port, each.admin_port) for address, each in zip(ADDRESSES, gateways, strict=True)]
    found.name(*ADDRESSES)
    yield found
    for door in doors:
        door.shutdown()
        door.server_close()


def test_every_gateway_finishes_holds_and_lets_go_again(pods: Pods) -> None:
    is_answered = threading.Event()
    with ThreadPoolExecutor() as pool:
        for gateway in pods.gateways:
            gateway.orders.script.append(until(is_answered, answer(200, b"old")))
        under_way = [pool.submit(gateway.fetch, "/slow") for gateway in pods.gateways]
        for gateway in pods.gateways:
            gateway.wait_until(lambda gateway=gateway: gateway.orders.seen)
        ending = pool.submit(pods.hook)
        pods.gateways[0].wait_until(lambda: pods.states() == {"paused"})
        held = [pool.submit(gateway.fetch, "/new", "POST", b"") for gateway in pods.gateways]
        for gateway in pods.gateways:
            gateway.wait_for_waiting(1)
        # What was under way is waited for: the pause stands, and nobody new is let in.
        is_answered.set()
        assert [each.result().body for each in under_way] == [b"old", b"old"]
        answers = [each.result() for each in held]
        assert ending.result().returncode == 0, ending.result().stderr
    assert [each.status for each in answers] == [200, 200]
    assert all(each.held_ms and each.held_ms >= (SETTLED_S - 1) * 1000 for each in answers)
    assert pods.states() == {"up"}


def test_nobody_else_is_held_and_a_gateway_that_is_gone_keeps_nobody_from_ending(pods: Pods) -> None:
    pods.name(*ADDRESSES, "127.0.0.4")
    with ThreadPoolExecutor() as pool:
        ending = pool.submit(pods.hook, "usda")
        pods.gateways[0].wait_until(lambda: pods.states("usda") == {"paused"})
        assert pods.states("orders") == pods.states("notify") == {"up"}
        assert ending.result().returncode == 0
    assert pods.states("usda") == {"up"}


def test_a_gateway_that_cannot_be_reached_is_gone_and_one_that_says_nothing_is_told_of(pods: Pods) -> None:
    """The first takes nobody in, as a node does that went without a word; the second takes one in and says nothing."""
    with (
        closed("127.0.0.4", pods.port),
        socket.create_server(("127.0.0.5", pods.port)),
        ThreadPoolExecutor() as pool,
    ):
        pods.name(*ADDRESSES, "127.0.0.4")
        began = time.monotonic()
        unreached = pool.submit(pods.hook, "usda")
        pods.gateways[0].wait_until(lambda: pods.states("usda") == {"paused"})
        pods.name(*ADDRESSES, "127.0.0.5")
        silent = pool.submit(pods.hook, "notify")
        assert unreached.result().returncode == 0, unreached.result().stderr
        assert UNREACHED_S < time.monotonic() - began < GIVEN_UP_S
        assert silent.result().returncode == 1
    assert "pause: notify at 127.0.0.5: pause was answered with silence" in silent.result().stderr
    assert pods.states("usda") == pods.states("notify") == {"up"}


@contextlib.contextmanager
def closed(address: str, port: int) -> Iterator[None]:
    """Listen with a queue that is full: Linux drops who asks to be connected, and says nothing."""
    with contextlib.ExitStack() as kept:
        server = kept.enter_context(socket.socket())
        server.bind((address, port))
        server.listen(0)
        with contextlib.suppress(TimeoutError):
            for _ in range(8):
                waiting = kept.enter_context(socket.socket())
                waiting.settimeout(0.5)
                waiting.connect((address, port))
            pytest.fail("its queue is never full")
        yield


def test_a_gateway_that_refuses_is_told_of(pods: Pods, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("not-the-operators-token\n")
    done = pods.hook(GATEWAY_ADMIN_TOKEN_FILE=str(wrong))
    assert done.returncode == 1
    assert "pause: orders at 127.0.0.2: pause was answered 401" in done.stderr


def test_without_a_gateway_it_says_so(pods: Pods) -> None:
    pods.name()
    done = pods.hook()
    assert (done.returncode, done.stderr) == (1, "pause: no gateway pod is known\n")
