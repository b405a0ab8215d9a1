"""One order, placed through the gateway, is one trace: gateway, orders, outbox, screens, notify, SMTP."""

import json
import os
import signal
import socket
import time
import uuid
from functools import partial

import pytest

from tests.driver.api import Client, limited_offers
from tests.driver.polling import eventually
from tests.driver.system import System
from tests.observability.receiver import Receiver, Span

PLACED = "orders.order.placed.v1"
TOLD_WITHIN_S = 30
# What a client says of a trace; nobody is to believe it.
FORGED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def place(buyer: Client) -> tuple[str, dict[str, object]]:
    """Place an order; return the trace's id and the order."""
    buyer.start_afresh()
    offer = limited_offers(buyer.cycle())[0]["id"]
    body = {"cycle_id": buyer.cycle_id(), "store_id": buyer.store_id, "lines": [{"offer_id": offer, "quantity": 1}]}
    headers = {"Idempotency-Key": str(uuid.uuid4()), "traceparent": FORGED}
    answer = buyer.http.post("/api/v1/orders", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Request-Id"], answer.json()


def one(spans: list[Span], service: str, name: str) -> Span:
    found = [span for span in spans if (span.service, span.name) == (service, name)]
    assert len(found) == 1, [(span.service, span.name) for span in spans]
    return found[0]


@pytest.fixture(scope="module")
def trace(system: System, receiver: Receiver) -> list[Span]:
    """All spans of an order, once its mail has left."""
    trace_id, _ = place(system.client("buyer2"))

    def whole() -> list[Span]:
        spans = receiver.of_trace(trace_id)
        told = {(span.service, span.name.split()[0]) for span in spans}
        wanted = {("gateway", "POST"), ("notify", "smtp"), ("realtime", "show"), ("orders-worker", "publish")}
        wanted |= {("orders-web", "POST"), ("notify", "notify__orders")}
        return spans if wanted <= told else []

    return eventually(whole, within_s=TOLD_WITHIN_S, what=f"the trace {trace_id}")


def test_the_way_of_an_order_has_every_part_under_the_right_one(trace: list[Span]) -> None:
    gateway = one(trace, "gateway", "POST orders")
    request = one(trace, "orders-web", "POST /api/v1/orders")
    published = one(trace, "orders-worker", f"publish {PLACED}")
    shown = one(trace, "realtime", f"show {PLACED}")
    taken = one(trace, "notify", f"notify__orders {PLACED}")
    mailed = one(trace, "notify", "smtp order_confirmation")
    by_id = {span.span_id: span for span in trace}
    transaction = by_id[published.parent_id]
    assert (transaction.service, transaction.name) == ("orders-web", "transaction")
    assert gateway.parent_id == ""
    parents = {
        request.span_id: gateway,
        transaction.span_id: request,
        published.span_id: transaction,
        shown.span_id: published,
        taken.span_id: published,
        mailed.span_id: taken,
    }
    for span_id, parent in parents.items():
        assert by_id[span_id].parent_id == parent.span_id, (by_id[span_id], parent)
        assert by_id[span_id].begins >= parent.begins - 2_000_000, "the gateway's clock counts milliseconds"
    kinds = [each.kind for each in (gateway, request, transaction, published, shown, taken, mailed)]
    assert kinds == ["server", "server", "internal", "producer", "consumer", "consumer", "client"]


def test_every_span_hangs_on_one_of_the_trace(trace: list[Span]) -> None:
    ids = {span.span_id for span in trace}
    assert len(ids) == len(trace)
    assert [span.name for span in trace if span.parent_id and span.parent_id not in ids] == []
    assert [span.name for span in trace if not span.parent_id] == ["POST orders"]
    assert all(span.ends >= span.begins for span in trace)
    assert not [span for span in trace if span.problem]


def test_no_person_address_or_secret_is_in_a_span(trace: list[Span]) -> None:
    allowed = {
        "gateway": {"http.request.method", "url.path", "http.response.status_code", "mercadito.held_ms"},
        "orders-web": {"status"},
        "orders-worker": {"service", "event_id", "outcome"},
        "realtime": {"event_id"},
        "notify": {"event_id", "outcome", "service", "relay"},
    }
    for span in trace:
        assert set(span.attributes) <= allowed[span.service], span
        assert "@" not in json.dumps(span.attributes)


def test_what_a_client_says_of_a_trace_is_not_believed(trace: list[Span], receiver: Receiver) -> None:
    assert FORGED.split("-")[1] not in {span.trace_id for span in receiver.spans}
    assert trace


def test_the_lines_of_a_request_name_its_trace_in_every_log(system: System, trace: list[Span]) -> None:
    trace_id = trace[0].trace_id

    def naming(process: str) -> list[str]:
        lines = (system.run_dir / "logs" / f"{process}.log").read_text().splitlines()
        return [line for line in lines if line.startswith("{") and json.loads(line).get("trace_id") == trace_id]

    for process in ("gateway", "orders-web", "notify"):
        eventually(partial(naming, process), within_s=10, what=f"the trace in {process}.log")


def test_what_was_under_way_when_a_process_ends_is_told(system: System, receiver: Receiver) -> None:
    buyer = system.client("buyer3")
    trace_id, _ = place(buyer)
    system.make("restart", "S=orders-web")
    eventually(
        lambda: [span for span in receiver.of_trace(trace_id) if span.service == "orders-web"],
        within_s=TOLD_WITHIN_S,
        what="spans of a process that ended",
    )


def test_without_a_collector_nothing_is_slower_and_nothing_is_kept(system: System, receiver: Receiver) -> None:
    """The receiver stops answering, as one that hangs does: connections are taken and nothing is said."""
    buyer = system.client("buyer4")
    buyer.start_afresh()
    before = _median_ms(buyer)
    receiver.close()
    host, port = receiver.url.removeprefix("http://").split(":")
    with socket.create_server((host, int(port)), backlog=128, reuse_port=False) as silent:
        assert silent
        during = _median_ms(buyer)
        mailbox = system.mailbox()
        _, order = place(buyer)
        eventually(
            lambda: mailbox.new(to=buyer.email, naming=str(order["number"])),
            within_s=TOLD_WITHIN_S,
            what="a mail while nobody takes spans",
        )
        began = time.monotonic()
        pid = system.pids()["notify"]
        os.kill(pid, signal.SIGTERM)
        system.came_back("notify", instead_of=pid)
        assert time.monotonic() - began < TOLD_WITHIN_S
    assert during < 3 * before + 20


def _median_ms(buyer: Client, times: int = 60) -> float:
    took = []
    for _ in range(times):
        began = time.monotonic()
        buyer.get("/api/v1/me")
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)[times // 2]
