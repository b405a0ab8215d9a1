"""`orders invite-admin`: the first admin of a fresh system, by the command that an operator types."""

import os
import subprocess
import sys
from typing import Any

import pytest

from orders.application.one_time_links import Purpose


def run(urls: Any, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orders", "invite-admin", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "MERCADITO_ENV": "test",
            "PUBLIC_URL": "http://localhost:8080/",
            **urls.environment(),
            **more,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_admin_is_made_and_gets_a_link_by_mail(world: Any, urls: Any, container: Any, nobody: Any) -> None:
    done = run(urls, " Rosa@Hub.example ", "--name", "Rosa Delgado", "--locale", "es")
    assert done.returncode == 0, done.stderr
    contact, invitation = world.events()
    assert (contact["type"], contact["email"], contact["role"], contact["locale"], contact["version"]) == (
        "accounts.contact.changed.v1",
        "rosa@hub.example",
        "admin",
        "es",
        1,
    )
    assert invitation["type"] == "accounts.invitation.issued.v1"
    assert invitation["link"].startswith("http://localhost:8080/welcome/")
    secret = invitation["link"].rsplit("/", 1)[1]
    assert secret not in done.stdout + done.stderr
    container.own.passwords.choose(secret, Purpose.INVITATION, "aguacates a diez pesos")
    token = nobody.client.post("/api/v1/tokens", auth=("rosa@hub.example", "aguacates a diez pesos")).json["token"]
    me = nobody.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json
    assert (me["role"], me["name"]) == ("admin", "Rosa Delgado")


def test_running_it_again_mails_a_new_link_and_makes_nobody(world: Any, urls: Any) -> None:
    assert "made" in run(urls, "rosa@hub.example", "--name", "Rosa").stdout
    again = run(urls, "rosa@hub.example", "--name", "Somebody Else")
    assert "there already" in again.stdout
    assert world.rows("SELECT name, count(*) OVER () FROM people") == [("Rosa", 1)]
    assert world.value("SELECT count(*) FROM one_time_links WHERE used_at IS NULL") == 1
    assert len(world.events("accounts.invitation.issued.v1")) == 2


@pytest.mark.parametrize("change", ["role = 'staff'", "active = false"])
def test_whoever_is_here_as_somebody_else_is_left_alone(world: Any, urls: Any, change: str) -> None:
    run(urls, "rosa@hub.example", "--name", "Rosa")
    world.run(f"UPDATE people SET {change}")
    before = len(world.events())
    done = run(urls, "rosa@hub.example", "--name", "Rosa")
    assert done.returncode == 1
    assert "not as an active admin" in done.stderr
    assert len(world.events()) == before


@pytest.mark.parametrize(
    ("email", "name"),
    [("nonsense", "Rosa"), ("a@b", "Rosa"), ("rosa@hub.example", " "), ("rosa@hub.example", "x" * 101)],
)
def test_what_makes_no_sense_is_said(world: Any, urls: Any, email: str, name: str) -> None:
    done = run(urls, email, "--name", name)
    assert done.returncode == 1
    assert ("email" in done.stderr) or ("name" in done.stderr)
    assert world.value("SELECT count(*) FROM people") == 0


def test_settings_that_are_missing_are_named(urls: Any) -> None:
    done = run(urls, "rosa@hub.example", "--name", "Rosa", PUBLIC_URL="", DATABASE_URL="")
    assert done.returncode == 2
    assert "PUBLIC_URL" in done.stderr
    assert "DATABASE_URL" in done.stderr
