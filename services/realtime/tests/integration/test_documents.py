"""The documents as they are served, and frames of a running process held against them."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from harness import Clients, Process, Publisher
from published import DOCUMENT, check_told
from realtime.projection import SHOWN

EXAMPLES = Path(__file__).parents[4] / "events" / "examples"
PATHS = ("/api/v1/realtime/asyncapi.json", "/api/v1/realtime/openapi.json")


def fetch(process: Process, path: str, **headers: str) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{process.http_port}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_the_asyncapi_document_is_served_as_it_is_written(shared: Process) -> None:
    status, headers, body = fetch(shared, PATHS[0])
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == DOCUMENT


def test_the_openapi_document_tells_the_public_side_only(shared: Process) -> None:
    document = json.loads(fetch(shared, PATHS[1])[2])
    assert document["openapi"].startswith("3.1")
    assert set(PATHS) <= set(document["paths"])
    watch = document["paths"]["/sse"]["get"]
    assert [parameter["name"] for parameter in watch["parameters"]] == ["c", "since", "last-event-id"]
    assert "text/event-stream" in watch["responses"]["200"]["content"]
    assert {status for status, told in watch["responses"].items() if "application/problem+json" in told["content"]} == {
        *("400", "401", "403", "422", "429", "503"),
    }
    assert {kind["type"] for kind in document["components"]["securitySchemes"].values()} == {"http", "apiKey"}
    assert not [path for path in document["paths"] if path.startswith(("/admin", "/metrics", "/readyz"))]


@pytest.mark.parametrize("path", PATHS)
def test_who_has_it_already_is_told_so(shared: Process, path: str) -> None:
    _, headers, body = fetch(shared, path)
    tag = headers["ETag"]
    assert "max-age" in headers["Cache-Control"]
    for held in (tag, f"W/{tag}", f'"other", {tag}'):
        status, again, nothing = fetch(shared, path, If_None_Match=held)
        assert (status, again["ETag"], nothing) == (304, tag, b"")
    assert fetch(shared, path, If_None_Match='"other"')[0] == 200
    assert fetch(shared, path, If_None_Match="x" * 5_000)[2] == body


async def test_every_frame_of_a_running_process_is_one_of_the_document(
    shared: Process, clients: Clients, publish: Publisher
) -> None:
    bodies = {type_: json.loads((EXAMPLES / f"{type_}.json").read_text())["body"] for type_ in sorted(SHOWN)}
    cycle = bodies["orders.cycle.opened.v1"]["cycle_id"]
    person = bodies["orders.task.progressed.v1"]["person_id"]
    store = bodies["orders.order.placed.v1"]["store_id"]
    staff = await clients.signed_in(shared, "p-staff", role="staff")
    one = await clients.signed_in(shared, person)
    for channel in (f"cycle:{cycle}", f"store:{store}", "staff", "crawls", "prices"):
        await staff.subscribe(channel)
    await one.subscribe(f"person:{person}")
    await one.say(sub=[{"c": "staff"}, {"c": "no such channel"}])
    await one.say(hello=1)
    for type_, body in bodies.items():
        await publish(type_, {**body, "session_id": "another"} if "signed_out" in type_ else body)
    await staff.message(lambda m: m["k"] == "price")
    await one.message(lambda m: m["k"] == "signed_out")
    deadline = time.monotonic() + 10
    while not staff.whispers:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    told = [*staff.frames, *one.frames, {"b": staff.whispers, "t": 1}]
    for frame in told:
        check_told(frame)
    kinds = {message["k"] for frame in told for message in frame.get("b", [])}
    assert kinds == set(DOCUMENT["components"]["schemas"]["Message"]["properties"]["k"]["enum"])
    assert {frame["err"]["code"] for frame in one.frames if "err" in frame} == {
        "forbidden",
        "unknown-channel",
        "malformed",
    }
