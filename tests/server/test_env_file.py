"""server/templates/env.j2: what is set is what both readers of .env get, or is refused; no server is made."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.driver.system import ROOT

# Ansible renders with blocks trimmed, and has a test "match" besides.
RENDER = """
import json, sys
import jinja2
env = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
given = json.load(sys.stdin)
print(env.from_string(given.pop("template")).render(given), end="")
"""
GIVEN: dict[str, Any] = {
    "mercadito_home": "/srv/mercadito",
    "mercadito_domain": "shop.example",
    "mercadito_http_port": 80,
    "mercadito_https_port": 443,
    "mercadito_acme": True,
    "mercadito_mail_from": "Hub <orders@shop.example>",
    "mercadito_smtp_host": "smtp.relay.example",
    "mercadito_backup_recipients": "age1example",
    "mercadito_secrets": {"smtp_password": "from-the-relay"},
}
BARE = [
    "",
    "plain",
    "1 Market Street, Los Angeles, CA",
    "https://marsapi.ams.usda.gov/services/v1.2",
    "c2VjcmV0cw==",
    "Joe's Hub",
    "a\\b",
    "rclone copy . away:mercadito --immutable --size-only --exclude '.*/**'",
]
QUOTED = [
    "1 Market Street #200, Los Angeles",
    "#1 Market",
    "O'Farrell's Market #2",
    "price in $",
    "${HOME} and $HOME",
    "\\n is $ no line",
    '"Hub, Inc." <orders@hub.example>',
    '"all of it"',
    "'all of it'",
    " spaces around ",
    'rclone copy . "away:$BUCKET" && echo done # yes',
]
REFUSED = ["Joe's $5", 'O\'Farrell "North" #2', "'a\\b'", "a # b\\"]


def rendered(**values: Any) -> str:
    done = subprocess.run(
        [ROOT / "services/orders/.venv/bin/python", "-c", RENDER],
        input=json.dumps({**GIVEN, **values, "template": (ROOT / "server/templates/env.j2").read_text()}),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def settings_of(values: list[str]) -> dict[str, str]:
    return {f"SETTING_{number}": value for number, value in enumerate(values)}


def is_taken(value: str) -> bool:
    """As tasks/settings.yaml decides."""
    tasks = yaml.safe_load((ROOT / "server/tasks/settings.yaml").read_text())
    (task,) = [task for task in tasks if task["name"] == "Each value can be written to .env"]
    patterns = [text for name, text in task["vars"].items() if name != "mercadito_own"]
    assert len(patterns) == 3
    assert all(f"match({name})" in task["ansible.builtin.assert"]["that"] for name in list(task["vars"])[:3])
    return any(re.match(pattern, value) for pattern in patterns)


def test_the_scripts_of_compose_read_what_was_set(tmp_path: Path) -> None:
    wanted = settings_of(BARE + QUOTED)
    file = tmp_path / "env"
    file.write_text(rendered(mercadito_settings=wanted))
    print_all = "\n".join(f'printf "%s\\n" "${name}"' for name in wanted)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'source {ROOT}/compose/system; read_env_file "{file}"\n{print_all}'],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path / "state")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.removesuffix("\n").split("\n") == list(wanted.values())


def test_compose_reads_what_was_set(tmp_path: Path, engine: None) -> None:
    wanted = settings_of(BARE + QUOTED)
    own = {"MAIL_FROM": '"Hub, Inc." <orders@shop.example>', "BACKUP_RECIPIENTS": "ssh-ed25519 AAAA # laptop"}
    file = tmp_path / "env"
    file.write_text(
        rendered(
            mercadito_settings=wanted,
            mercadito_mail_from=own["MAIL_FROM"],
            mercadito_backup_recipients=own["BACKUP_RECIPIENTS"],
        )
    )
    asked = {name: f"${{{name}-not set}}" for name in wanted | own}
    compose = tmp_path / "compose.yaml"
    compose.write_text(yaml.safe_dump({"services": {"x": {"image": "x", "environment": asked}}}))
    done = subprocess.run(
        ["docker", "compose", "--env-file", file, "--file", compose, "config", "--format", "json"],
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        check=True,
        capture_output=True,
        text=True,
    )
    read = json.loads(done.stdout)["services"]["x"]["environment"]
    # What it prints is to be read by Compose again.
    assert {name: value.replace("$$", "$") for name, value in read.items()} == wanted | own


def test_what_needs_no_quotes_has_none() -> None:
    lines = rendered(mercadito_settings=settings_of(BARE)).splitlines()
    assert lines[0].startswith("# Made by server/playbook.yaml")
    assert lines[-len(BARE) :] == [f"{name}={value}" for name, value in settings_of(BARE).items()]
    assert "MAIL_FROM=Hub <orders@shop.example>" in lines


@pytest.mark.parametrize("value", BARE + QUOTED)
def test_what_can_be_written_is_taken(value: str) -> None:
    assert is_taken(value)


@pytest.mark.parametrize("value", REFUSED)
def test_what_neither_quotes_can_hold_is_refused(value: str) -> None:
    assert not is_taken(value)
