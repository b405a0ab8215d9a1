"""Any sequence of clients and faults: what ran is what the answers say, and nothing is left over.

A request carries its own plan, what the service does at its first try, its second and so on; between requests the
service stops, starts, freezes or closes what is idle, and the operator pauses and resumes. Whatever comes of it, the
rules of design/gateway.md hold for each request alone.
"""

import itertools
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from client import eventually
from faults import says
from faulty import Behaviour, Request, answer, finish, half_a_head, in_doubt, not_processed, reset
from gateway import Gateway
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wire import DEADLINE_S, send

EXAMPLES = int(os.environ.get("GATEWAY_RANDOM_EXAMPLES", "40"))
MAX_TRIES = 9
OWN_RETRY_AFTER = "77"
OK = b"HTTP/1.1 200 OK\r\n"
FAULTS: Mapping[str, Behaviour] = {
    "fine": answer(200, b"done"),
    "own-500": answer(500, b"own"),
    "own-503": answer(503, b"own", f"Retry-After: {OWN_RETRY_AFTER}"),
    "not-processed": not_processed,
    "in doubt": in_doubt,
    "reset": reset,
    "finish": finish,
    "half": half_a_head,
    "cut": says(OK + b"Content-Length: 99\r\n\r\ndone"),
}
ANSWERED = {"fine", "own-500", "own-503"}


@dataclass(frozen=True)
class Ask:
    """A client: what it asks, what the service does at each try, and whether it stays to hear."""

    method: str
    keyed: bool
    plan: tuple[str, ...]
    stays: bool

    def request(self, number: int) -> bytes:
        path = f"{'/api/v1/orders' if self.keyed else ''}/{number}"
        body = b"" if self.method == "GET" else b"%d" % number
        key = f"Idempotency-Key: k-{number}\r\n" if self.keyed else ""
        head = (
            f"{self.method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{key}X-Plan: {','.join(self.plan)}\r\n"
        )
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    @property
    def may_run_twice(self) -> bool:
        return self.method == "GET" or self.keyed


# Of all examples: what somebody left behind may arrive during the next one.
NUMBERS = itertools.count(1)


def _start(gateway: Gateway) -> None:
    if gateway.orders.frozen:
        gateway.orders.stop()
    if not gateway.orders.listens:
        gateway.orders.start()


EVENTS: Mapping[str, Callable[[Gateway], object]] = {
    "stop": lambda gateway: gateway.orders.stop(),
    "start": _start,
    "freeze": lambda gateway: gateway.orders.freeze(),
    "close idle": lambda gateway: gateway.orders.close_idle(),
    "pause": lambda gateway: gateway.pause(query="?drain_s=0"),
    "resume": lambda gateway: gateway.resume(),
}
asks = st.builds(
    Ask,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    keyed=st.booleans(),
    plan=st.lists(st.sampled_from(sorted(FAULTS)), max_size=3).map(tuple),
    stays=st.integers(0, 4).map(bool),
)
steps = st.lists(asks | asks | st.sampled_from(sorted(EVENTS)), min_size=4, max_size=24)


def _as_planned(gateway: Gateway) -> Behaviour:
    """Return what a service does that follows each request's own plan."""

    def behave(connection: socket.socket, request: Request) -> bool:
        plan = [step for step in (request.first("X-Plan") or "").split(",") if step]
        tried = gateway.orders.executed(request.path)
        return FAULTS[plan[tried - 1] if tried <= len(plan) else "fine"](connection, request)

    return behave


def _hear(gateway: Gateway, request: bytes, *, stays: bool) -> bytes | None:
    if stays:
        return send(gateway.port, request)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE_S) as leaver:
        leaver.sendall(request)
    return None


def _says(got: bytes) -> str:
    """Return what an answer means to the client."""
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    if len(body) < int(fields.get("Content-Length", "0")):
        return "cut"
    if fields.get("X-Gateway-Outcome") == "unknown":
        return "unknown"
    if lines[0].startswith("HTTP/1.1 503"):
        return "own-503" if fields.get("Retry-After") == OWN_RETRY_AFTER else "undone"
    return {"200": "fine", "500": "own-500"}[lines[0].split(" ")[1]]


def _check(ask: Ask, number: int, got: bytes | None, tries: list[Request]) -> None:
    ran = sum(not request.refused for request in tries)
    assert len(tries) <= MAX_TRIES
    assert {request.body for request in tries} <= {b"" if ask.method == "GET" else b"%d" % number}
    assert ran <= 1 or ask.may_run_twice
    if got is None:
        return
    said = _says(got)
    done = ask.plan[len(tries) - 1] if 0 < len(tries) <= len(ask.plan) else "fine"
    if said in {*ANSWERED, "cut"}:
        assert tries
        assert said == done
    elif said == "unknown":
        assert ask.method != "GET"
    else:
        assert ran == 0 or ask.method == "GET"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps)
def test_what_ran_is_what_the_answers_say(gateway: Gateway, steps: list[Ask | str]) -> None:
    gateway.orders.seen.clear()
    gateway.orders.default = _as_planned(gateway)
    try:
        with ThreadPoolExecutor(len(steps)) as pool:
            asked: dict[int, tuple[Ask, Future[bytes | None]]] = {}
            for step in steps:
                if isinstance(step, Ask):
                    number = next(NUMBERS)
                    request = step.request(number)
                    asked[number] = step, pool.submit(_hear, gateway, request, stays=step.stays)
                else:
                    EVENTS[step](gateway)
            _start(gateway)
            gateway.resume()
            answers = {number: (ask, heard.result()) for number, (ask, heard) in asked.items()}
        gauges = ("gateway_in_flight", "gateway_waiting", "gateway_held_bytes")
        eventually(lambda: [gateway.metric(gauge) for gauge in gauges] == [0, 0, 0])
        gateway.wait_for("orders", "up")
        for number, (ask, got) in answers.items():
            tries = [request for request in gateway.orders.seen if request.path.rsplit("/", 1)[1] == str(number)]
            _check(ask, number, got, tries)
        assert not gateway.orders.strays
    finally:
        gateway.orders.default = answer(200, b"done")
