import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mercadito_events.connection import connect
from mercadito_events.envelope import new_event
from mercadito_events.testing import NatsServer, free_port
from running import Run
from steps import TYPE

COMMAND = [str(Path(sys.executable).parent / "mercadito-events")]


async def publish(nats: NatsServer, *numbers: int, type_: str = TYPE) -> None:
    user = "notify" if type_.startswith(("dlq", "notify")) else "orders"
    nc = await connect(nats.settings(user), name="test")
    for number in numbers:
        event = new_event(TYPE, {"n": number, "text": "ñ\u0085\u202e"}, source="/mercadito/orders")
        await nc.jetstream().publish(type_, event.body(), headers=event.headers())
    await nc.close()


def test_tail_shows_id_time_type_and_body_of_past_events(nats: NatsServer, run: Run) -> None:
    asyncio.run(publish(nats, 1, 2, 3))
    done = run("operator", "tail", "orders.>", "--since", "1h", "--no-follow")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    identifier, time, type_, body = lines[0].split(" ", 3)
    assert len(identifier) == 36
    assert time.endswith("Z")
    assert type_ == TYPE
    assert body == '{"n":1,"text":"ñ\\x85\\u202e"}'  # nothing that a terminal obeys


def test_tail_ends_at_its_limit_and_filters_by_subject(nats: NatsServer, run: Run) -> None:
    asyncio.run(publish(nats, 1, 2, 3))
    asyncio.run(publish(nats, 9, type_="orders.store.changed.v1"))
    assert len(run("operator", "tail", TYPE, "--since", "1h", "--limit", "2").stdout.splitlines()) == 2
    assert len(run("operator", "tail", "orders.store.>", "--since", "1h", "--no-follow").stdout.splitlines()) == 1


def test_tail_follows_over_a_crash_of_the_server_and_ends_quietly_at_ctrl_c(
    nats: NatsServer, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "MERCADITO_ENV": "test"} | nats.environment("operator")
    output = tmp_path / "out"
    asyncio.run(publish(nats, 1))
    with output.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "tail", "orders.>", "--since", "1h"], env=environment, stdout=out, stderr=subprocess.PIPE
        )
    eventually(lambda: len(output.read_text().splitlines()) == 1)
    nats.kill()
    nats.start()
    asyncio.run(publish(nats, 2))
    eventually(lambda: len(output.read_text().splitlines()) == 2, 15)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 0
    assert b"Traceback" not in errors


def test_tail_shows_dead_letters_with_what_went_wrong(nats: NatsServer, run: Run) -> None:
    async def bury() -> None:
        nc = await connect(nats.settings("notify"), name="test")
        headers = {"ce-id": "1", "x-error": "Permanent", "x-subject": TYPE}
        await nc.jetstream().publish("dlq.notify__orders", b"\x1b[2J", headers=headers)
        await nc.close()

    asyncio.run(bury())
    done = run("operator", "tail", "dlq.>", "--since", "1h", "--no-follow")
    assert f"dlq.notify__orders x-error=Permanent x-subject={TYPE} b'" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tail", "weather.>"], "lies in no stream"),
        (["tail", ">"], "lies in no stream"),
        (["tail", "accounts.>"], "only notify reads it"),
        (["tail", "orders.>", "--since", "yesterday"], "neither like 10m"),
        (["tail", "orders.>", "--since", "2026-01-01T00:00:00"], "no zone"),
        (["tail", "orders.>", "--since", "999999d"], "before there were events"),
        (["tail", "orders.>", "--since", "0001-01-01T00:00:00+01:00"], "before there were events"),
        (["tail", "orders.>", "--limit", "0"], "not a whole number"),
    ],
)
def test_a_call_that_cannot_work_is_explained(run: Run, arguments: list[str], says: str) -> None:
    done = run("operator", *arguments)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_lag_shows_a_line_per_durable(nats: NatsServer, run: Run) -> None:
    asyncio.run(publish(nats, 1, 2))
    done = run("operator", "lag")
    assert done.returncode == 0, done.stderr
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["durable", "stream", "pending", "ack", "pending", "redelivered", "oldest"]
    assert {row[0] for row in rows} == {
        "usda__sign_outs", "notify__orders", "notify__accounts", "notify__usda", "orders__usda", "orders__mails"
    }  # fmt: skip
    (notify,) = [row for row in rows if row[0] == "notify__orders"]
    assert notify[1:5] == ["ORDERS", "2", "0", "0"]
    assert notify[6] == "s"
    (idle,) = [row for row in rows if row[0] == "orders__usda"]
    assert idle[-1] == "-"


def test_a_server_that_is_away_is_named_in_plain_words(run: Run) -> None:
    done = run("operator", "lag", NATS_URL=f"nats://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_password_is_named_and_not_shown(run: Run) -> None:
    done = run("operator", "lag", NATS_PASSWORD="sesame-open-up")
    assert done.returncode == 1
    assert "password" in done.stderr
    assert "sesame" not in done.stderr


def test_a_user_without_the_right_is_told_so(run: Run) -> None:
    done = run("orders", "lag")
    assert done.returncode == 1
    assert "may not ask" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_settings_are_listed_together(run: Run) -> None:
    done = run("operator", "lag", NATS_URL="", NATS_USER="", NATS_PASSWORD="")
    assert done.returncode == 2
    for name in ("NATS_URL", "NATS_USER", "NATS_PASSWORD_FILE"):
        assert name in done.stderr


def test_provisioning_twice_changes_nothing(run: Run) -> None:
    done = run("provisioner", "provision")
    assert done.returncode == 0, done.stderr
    actions = {line.split()[0] for line in done.stdout.splitlines()}
    assert actions == {"unchanged"}
