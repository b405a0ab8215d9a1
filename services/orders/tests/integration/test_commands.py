"""The commands of an operator, started as in production."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from mercadito_events.testing import free_port, wait_until
from sqlalchemy import text

from orders.adapters.demo_world import STORES
from orders.application.assortment import ASSORTMENT
from orders.application.incoming import read_crawl, read_quotes
from tests.conftest import PASSWORD

WORKERS = 2
REMAINING = "SELECT count(*) FROM offers WHERE remaining >= 20 AND max_per_store IS NULL"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orders", *arguments],
        env={"PATH": os.environ["PATH"], "MERCADITO_ENV": "demo", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def market(transactions: Any) -> Callable[..., None]:
    """Tell a market in which every product of the assortment is quoted, and that the crawl has finished."""

    def tell(items: int = len(ASSORTMENT)) -> None:
        quotes = [
            {
                "series_id": str(uuid5(NAMESPACE_URL, item.name)),
                "commodity": item.sources[0].commodity.upper(),
                "variety": " ".join(item.sources[0].wanted),
                "package": " ".join(item.preferred[:1]) or "cartons",
                "size": str(number),
                "date": "2026-01-08",
                "reference": str(Decimal(number + 10)),
            }
            for number, item in enumerate(ASSORTMENT[:items])
        ]
        told = {"market": "LOS ANGELES", "report_id": "2306", "quotes": quotes}
        transactions.run(lambda work: work.market.record(read_quotes(told)))
        crawl = {"source": "s", "crawl_id": "c", "state": "finished"}
        transactions.run(lambda work: work.market.crawl_seen(read_crawl(crawl, work.now())))

    return tell


def test_the_demo_world_is_as_promised_and_made_once(world: Any, urls: Any, market: Any, sign_in: Any) -> None:
    market()
    first = run("demo", **urls.environment())
    assert first.returncode == 0, first.stdout + first.stderr
    assert "open with" in first.stdout
    assert world.value("SELECT count(*) FROM people WHERE role = 'buyer'") == 5
    assert world.value("SELECT count(DISTINCT route) FROM stores") == 2
    of_open = "SELECT count(*) FROM offers o JOIN cycles c ON c.id = o.cycle_id WHERE c.state = 'open'"
    assert world.value(of_open) >= 30
    assert world.value(f"{of_open} AND o.remaining >= 20 AND o.max_per_store IS NULL") >= 10
    assert world.value("SELECT count(*) FROM cycles WHERE state = 'done'") == 3
    assert world.value("SELECT count(*) FROM orders WHERE state = 'delivered'") == 15
    left = world.value("SELECT extract(epoch FROM cutoff_at - clock_timestamp()) FROM cycles WHERE state = 'open'")
    assert 5.9 * 3600 < left <= 6 * 3600
    told = len(world.events())

    again = run("demo", **urls.environment())
    assert again.returncode == 0
    assert "there already" in again.stdout
    assert len(world.events()) == told
    assert world.value("SELECT count(*) FROM cycles") == 4


def test_buyer_n_owns_store_n_and_signs_in_with_the_demo_password(
    world: Any, urls: Any, nobody: Any, market: Any
) -> None:
    market()
    run("demo", **urls.environment())
    for number, (name, _, _) in enumerate(STORES, start=1):
        email = f"buyer{number}@mercadito.example"
        token = nobody.client.post("/api/v1/tokens", auth=(email, "mercadito-demo")).json["token"]
        me = nobody.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json
        assert [store["name"] for store in me["stores"]] == [name]
        assert me["locale"] == ("es" if number % 2 else "en")


def test_a_day_with_little_time_left_is_replaced_by_a_new_one(world: Any, urls: Any, market: Any) -> None:
    market()
    run("demo", **urls.environment())
    world.run("UPDATE cycles SET cutoff_at = clock_timestamp() + interval '119 minutes' WHERE state = 'open'")
    again = run("demo", **urls.environment())
    assert again.returncode == 0, again.stdout + again.stderr
    assert world.value("SELECT count(*) FROM cycles WHERE state = 'open'") == 1
    assert world.value("SELECT count(*) FROM cycles WHERE state = 'closed'") == 1
    assert len(world.events("orders.cycle.closed.v1")) == 1


def test_too_few_quotes_for_a_demo_are_said_plainly(world: Any, urls: Any, market: Any) -> None:
    market(12)
    done = run("demo", **urls.environment())
    assert done.returncode == 1
    assert "12 of" in done.stdout


def test_the_demo_gives_up_waiting_with_advice(
    world: Any, urls: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from orders.entrypoints import demo  # noqa: PLC0415 - patched only here
    from orders.settings import TaskSettings  # noqa: PLC0415 - the same

    monkeypatch.setattr(demo, "WAIT_S", 0.0)
    monkeypatch.setattr(demo, "configure", lambda *_: None)
    assert demo.main(TaskSettings.from_env({**urls.environment(), "MERCADITO_ENV": "demo"})) == 1
    assert "look at the logs" in capsys.readouterr().out


def test_the_demo_waits_out_a_database_that_cannot_be_asked_for_a_moment(
    world: Any, urls: Any, market: Any, connection: Any
) -> None:
    market()
    connection.execute(text("LOCK TABLE stores"))
    with subprocess.Popen(
        [sys.executable, "-m", "orders", "demo"],
        env={"PATH": os.environ["PATH"], "MERCADITO_ENV": "demo", **urls.environment()},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout
        assert any("cannot be asked now; beginning again" in line for line in demo.stdout)
        connection.rollback()
        rest = demo.stdout.read()
    assert demo.returncode == 0, rest
    assert "open with" in rest
    assert world.value("SELECT count(*) FROM cycles WHERE state = 'open'") == 1


def test_the_demo_does_not_wait_for_a_database_without_end(
    urls: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, connection: Any
) -> None:
    from orders.entrypoints import demo  # noqa: PLC0415 - patched only here
    from orders.settings import TaskSettings  # noqa: PLC0415 - the same

    monkeypatch.setattr(demo, "AWAY_S", 0.0)
    monkeypatch.setattr(demo, "configure", lambda *_: None)
    connection.execute(text("LOCK TABLE stores"))
    assert demo.main(TaskSettings.from_env({**urls.environment(), "MERCADITO_ENV": "demo"})) == 1
    assert "look at the logs of postgres" in capsys.readouterr().out


def test_production_refuses_demo_data(urls: Any) -> None:
    strong = {name: value for name, value in urls.environment().items() if "PASSWORD" not in name}
    done = run("demo", **strong, MERCADITO_ENV="production", DATABASE_PASSWORD="aB3dE5gH7jK9mN1pQ3sT5vW7")
    assert done.returncode == 2
    assert "refused" in done.stdout


def test_republish_says_what_it_told(world: Any, urls: Any) -> None:
    world.buyer()
    done = run("republish", **urls.environment())
    assert done.stdout == "1 contacts, 1 stores, 0 cycles\n"


def test_migrating_again_changes_nothing(urls: Any) -> None:
    done = run("migrate", **urls.environment())
    assert done.returncode == 0, done.stderr


def test_waiting_for_the_schema_ends_where_it_is_there(urls: Any) -> None:
    service = {name: value for name, value in urls.environment().items() if not name.startswith("MIGRATION_")}
    done = run("migrate", "--wait", **service)
    assert done.returncode == 0, done.stderr
    assert run("migrate", **service).returncode == 2


def test_keys_are_made_by_command(tmp_path: Path) -> None:
    files = {"IDENTITY_KEY_FILE": str(tmp_path / "a" / "key"), "IDENTITY_JWKS_FILE": str(tmp_path / "b" / "jwks")}
    assert run("keys", "rotate", **files).returncode == 0
    assert run("keys", "rotate", **files).returncode == 0
    assert len(json.loads((tmp_path / "b" / "jwks").read_text())["keys"]) == 2
    missing = run("keys", "rotate")
    assert missing.returncode == 2
    assert "IDENTITY_JWKS_FILE" in missing.stderr


class Web:
    def __init__(self, environment: dict[str, str]) -> None:
        self.port = int(environment["HTTP_PORT"])
        self.started = subprocess.Popen(
            [sys.executable, "-m", "orders", "web"],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self.send("GET", path, headers)

    def post(self, path: str, **headers: str) -> int:
        return self.send("POST", path, headers)[0]

    def send(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def workers(self) -> list[str]:
        return Path(f"/proc/{self.started.pid}/task/{self.started.pid}/children").read_text().split()

    def ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False


@pytest.fixture
def web(urls: Any, key_files: Any) -> Iterator[Web]:
    process = Web(
        {
            **urls.environment(),
            "MERCADITO_ENV": "test",
            "HTTP_PORT": str(free_port()),
            "PUBLIC_URL": "http://localhost:8080",
            "SESSION_SECRET": "x" * 32,
            "IDENTITY_KEY_FILE": str(key_files[0]),
            "IDENTITY_JWKS_FILE": str(key_files[1]),
        }
    )
    try:
        assert wait_until(process.ready, timeout_s=30)
        # One worker answers before the other has started.
        assert wait_until(lambda: len(process.workers()) == WORKERS)
        yield process
    finally:
        process.started.terminate()
        process.started.communicate()


def test_the_web_process_finishes_what_it_holds_and_ends_in_order(
    world: Any, web: Web, engine: Any, sign_in: Any
) -> None:
    api = sign_in(world.buyer()[0])
    answers: list[tuple[int, bytes]] = []
    token = {"Authorization": f"Bearer {api.token}"}
    with engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE people"))
        waiting = threading.Thread(target=lambda: answers.append(web.get("/api/v1/me", **token)))
        waiting.start()
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert wait_until(lambda: world.value(blocked) > 0)
        web.started.send_signal(signal.SIGTERM)
        assert wait_until(lambda: not _accepts(web.port))
    waiting.join()
    assert answers[0][0] == 200
    output, _ = web.started.communicate(timeout=30)
    assert web.started.returncode == 0
    lines = [json.loads(line) for line in output.decode().splitlines()]
    assert {line["service"] for line in lines} == {"orders"}
    assert any(line["event"] == "request" and line["route"] == "/api/v1/me" for line in lines)
    assert PASSWORD not in output.decode()


def test_metrics_add_up_over_the_workers(web: Web) -> None:
    for _ in range(40):
        web.get("/api/v1/me")
    body = web.get("/metrics")[1].decode()
    line = next(one for one in body.splitlines() if 'route="/api/v1/me",status="401"' in one)
    assert float(line.split()[-1]) == 40


def test_a_worker_that_is_killed_is_replaced(web: Web) -> None:
    before = web.workers()
    for child in before:
        os.kill(int(child), signal.SIGKILL)
    assert wait_until(lambda: len(set(web.workers()) - set(before)) == len(before), timeout_s=20)
    assert wait_until(web.ready, timeout_s=20)


def test_checking_passwords_leaves_no_memory_behind(world: Any, web: Web) -> None:
    workers = web.workers()

    def try_to_enter(number: int) -> int:
        account = base64.b64encode(f"nobody{number}@test.example:wrong".encode()).decode()
        return web.post("/api/v1/tokens", Authorization=f"Basic {account}")

    before = sum(map(anonymous_mb, workers))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(try_to_enter, range(48))) == {401}
    # One check takes 19 MB; two workers may have two at work each, and give all of it back.
    assert sum(map(anonymous_mb, workers)) - before < 30
    assert web.workers() == workers


def anonymous_mb(pid: str) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.split("Pss_Anon:")[1].split()[0]) / 1024


def test_production_refuses_demo_settings_all_at_once(urls: Any) -> None:
    done = run(
        "web",
        **urls.environment(),
        MERCADITO_ENV="production",
        HTTP_PORT="70000",
        PUBLIC_URL="http://mercadito.example",
        SESSION_SECRET="demo",
    )
    assert done.returncode == 2
    for name in (
        "HTTP_PORT",
        "PUBLIC_URL",
        "SESSION_SECRET",
        "IDENTITY_KEY_FILE",
        "IDENTITY_JWKS_FILE",
        "DATABASE_PASSWORD",
    ):
        assert name in done.stderr, done.stderr


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        time.sleep(0.05)
        return probe.connect_ex(("127.0.0.1", port)) == 0
