"""The admin API against real processes: what it shows, what it does, and who may have it done."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Clients, Process, Start
from stand_ins import Issuer

TOKEN = "an-admin-token-of-these-tests"
Eventually = Callable[..., object]


@pytest.fixture(scope="module")
def guarded(
    realtime_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory, eventually: Eventually
) -> Iterator[Process]:
    """Return two workers that take commands."""
    folder = tmp_path_factory.mktemp("admin")
    (folder / "token").write_text(f"{TOKEN}\n")
    env = {"WS_WORKERS": "2", "ADMIN_TOKEN_FILE": str(folder / "token"), "TMPDIR": str(folder), "VIEWERS_S": "60"}
    process = Process(realtime_env | env, folder / "log")
    eventually(process.is_ready, timeout_s=20)
    eventually(process.everybody_serves, timeout_s=20)
    yield process
    assert process.stop() == 0


async def asked(process: Process, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> Any:
    return await asyncio.to_thread(process.ask, method, path, body, token)


async def test_channels_of_all_workers_are_shown_in_pages(guarded: Process, clients: Clients) -> None:
    sockets = [await clients.signed_in(guarded, f"p-{number}") for number in range(12)]
    for client in sockets:
        for name in ("pages-a", "pages-b", "pages-c"):
            await client.subscribe(f"cycle:{name}")
    status, first = await asked(guarded, "GET", "/admin/channels?limit=2&after=cycle:pages", token=None)
    assert status == 200
    assert [(item["name"], item["watchers"]) for item in first["items"]] == [
        ("cycle:pages-a", 12),
        ("cycle:pages-b", 12),
    ]
    assert first["items"][0]["messages"] == 0
    _, second = await asked(guarded, "GET", first["next"], token=None)
    assert (second["items"][0]["name"], second["items"][0]["watchers"]) == ("cycle:pages-c", 12)
    _, last = await asked(guarded, "GET", "/admin/channels?after=zzz", token=None)
    assert (last["items"], last["next"]) == ([], None)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"after={'x' * 129}"])
def test_pages_are_bounded(guarded: Process, query: str) -> None:
    status, problem = guarded.ask("GET", f"/admin/channels?{query}")
    assert (status, problem["type"]) == (422, "https://mercadito.example/problems/invalid")
    assert problem["errors"]


async def test_a_session_is_shown_whichever_worker_has_it_and_without_an_address(
    guarded: Process, clients: Clients
) -> None:
    for number in range(6):
        client = await clients.signed_in(guarded, f"p-shown-{number}")
        await client.subscribe("prices")
        session = await client.until(lambda f: f.get("welcome", {}).get("session"))
        status, shown = await asked(guarded, "GET", f"/admin/sessions/{session}", token=None)
        assert status == 200
        assert (shown["person_id"], shown["channels"], shown["transport"]) == (f"p-shown-{number}", ["prices"], "ws")
        assert set(shown) == {
            *("id", "transport", "person_id", "channels", "since", "buffered_bytes", "worker"),
        }
        assert shown["since"].endswith("Z")
        assert "127.0.0.1" not in str(shown)


@pytest.mark.parametrize("session", ["none", "x" * 5_000, "%00", "..%2f..%2fetc"])
def test_a_session_that_is_not_there_is_a_problem(guarded: Process, session: str) -> None:
    status, problem = guarded.ask("GET", f"/admin/sessions/{session}")
    assert (status, problem["type"]) == (404, "https://mercadito.example/problems/not-found")


async def test_a_person_is_disconnected_everywhere_and_may_come_back(guarded: Process, clients: Clients) -> None:
    theirs = [await clients.signed_in(guarded, "p-cut") for _ in range(8)]
    other = await clients.signed_in(guarded, "p-stays")
    status, told = await asked(guarded, "POST", "/admin/disconnect", {"person_id": "p-cut"})
    assert (status, told) == (200, {"disconnected": 8})
    for client in theirs:
        assert await client.code() == 1012
    assert other.connection.close_code is None
    await clients.signed_in(guarded, "p-cut")


async def test_one_session_is_disconnected(guarded: Process, clients: Clients) -> None:
    one, other = [await clients.signed_in(guarded, "p-two") for _ in range(2)]
    session = await one.until(lambda f: f.get("welcome", {}).get("session"))
    assert (await asked(guarded, "POST", "/admin/disconnect", {"session": session}))[1] == {"disconnected": 1}
    assert await one.code() == 1012
    assert other.connection.close_code is None
    assert (await asked(guarded, "POST", "/admin/disconnect", {"session": session}))[1] == {"disconnected": 0}


async def test_all_clients_are_asked_to_move_on_and_new_ones_are_let_in(guarded: Process, clients: Clients) -> None:
    sockets = [await clients.signed_in(guarded, f"p-{number}") for number in range(10)]
    status, told = await asked(guarded, "POST", "/admin/drain")
    assert status == 202
    assert told["clients"] >= len(sockets)
    for client in sockets:
        assert await client.code() == 1012
        assert any("drain" in frame for frame in client.frames)
    await clients.signed_in(guarded)


def test_the_log_level_is_set_in_every_worker(guarded: Process, eventually: Eventually) -> None:
    def lines() -> int:
        return len(guarded.lines("log_level_set"))

    before = lines()
    assert guarded.ask("PUT", "/admin/log-level", {"level": "info"}, TOKEN) == (200, {"level": "info"})
    eventually(lambda: lines() == before + 2)
    assert {line["worker"] for line in guarded.lines("log_level_set")} == {0, 1}
    guarded.ask("PUT", "/admin/log-level", {"level": "error"}, TOKEN)
    try:
        assert lines() == before + 2
    finally:
        guarded.ask("PUT", "/admin/log-level", {"level": "info"}, TOKEN)
    eventually(lambda: lines() == before + 4)


COMMANDS = [("POST", "/admin/disconnect"), ("POST", "/admin/drain"), ("PUT", "/admin/log-level")]


@pytest.mark.parametrize(("method", "path"), COMMANDS)
@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], f"{TOKEN}x", "é"])
async def test_commands_need_the_token(
    guarded: Process, clients: Clients, method: str, path: str, token: str | None
) -> None:
    client = await clients.signed_in(guarded, "p-safe")
    body = {"person_id": "p-safe"} if "disconnect" in path else {"level": "debug"} if "log" in path else None
    status, problem = await asked(guarded, method, path, body, token)
    assert (status, problem["type"]) == (401, "https://mercadito.example/problems/unauthenticated")
    assert TOKEN not in str(problem)
    assert client.connection.close_code is None


@pytest.mark.parametrize(("method", "path"), COMMANDS)
def test_without_a_token_set_commands_are_off_and_the_answer_says_what_to_set(
    shared: Process, method: str, path: str
) -> None:
    body = {"person_id": "p"} if "disconnect" in path else {"level": "info"}
    for token in (None, "", "guess"):
        status, problem = shared.ask(method, path, body, token)
        assert (status, problem["type"]) == (403, "https://mercadito.example/problems/forbidden")
        assert "ADMIN_TOKEN_FILE" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/admin/disconnect", {}),
        ("POST", "/admin/disconnect", {"person_id": "p", "session": "s"}),
        ("POST", "/admin/disconnect", {"person_id": ""}),
        ("POST", "/admin/disconnect", {"person_id": "x" * 65}),
        ("POST", "/admin/disconnect", {"person_id": 7}),
        ("POST", "/admin/disconnect", {"person_id": "p", "also": 1}),
        ("POST", "/admin/disconnect", []),
        ("PUT", "/admin/log-level", {"level": "loud"}),
        ("PUT", "/admin/log-level", {}),
    ],
)
def test_what_is_no_command_does_nothing(guarded: Process, method: str, path: str, body: Any) -> None:
    status, problem = guarded.ask(method, path, body, TOKEN)
    assert (status, problem["type"]) == (422, "https://mercadito.example/problems/invalid")


def test_what_there_is_not_is_a_problem_too(guarded: Process) -> None:
    assert guarded.ask("GET", "/nothing")[1]["type"].endswith("/not-found")
    assert guarded.ask("DELETE", "/admin/channels")[1]["type"].endswith("/method-not-allowed")


def test_two_tokens_are_refused_at_the_start(launch: Start, issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    process = launch(ADMIN_TOKEN=TOKEN, ADMIN_TOKEN_FILE=str(tmp_path / "token"))
    assert process.process.wait(timeout=20) == 2
    assert "ADMIN_TOKEN" in process.log.read_text()
