"""server/: a fresh Debian server made ready by what cloud-init runs; again; and with settings that do not fit."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.driver.system import ROOT

IMAGE = "python:3.13-slim-trixie"
WITHIN_S = 600
PACKAGES = "ansible-core git cloud-init"
HOME = "/srv/mercadito"
SETTINGS = "/etc/mercadito/settings.yaml"
APPLY = "/usr/local/sbin/mercadito-apply"
APPLY_RELEASE = f"{APPLY} --tags release"
FIRST_RUN = "/var/log/cloud-init-output.log"
RCLONE = "[away]\ntype = sftp\n"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def cloud_init() -> dict[str, Any]:
    text = (ROOT / "server" / "cloud-init.yaml").read_text()
    assert text.startswith("#cloud-config\n")
    return dict(yaml.safe_load(text))


@dataclass(frozen=True)
class Server:
    """A container that stands for a fresh server: Debian without an init, so what would be started is not."""

    name: str

    def run(self, command: str, *, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["docker", "exec", "--interactive", self.name, "bash", "-euo", "pipefail", "-c", command],
            check=False,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
        )

    def says(self, command: str, *, given: str = "") -> str:
        done = self.run(command, given=given)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def write(self, path: str, text: str, permissions: str = "0644") -> None:
        self.says(f"mkdir -p $(dirname {path}); cat >{path}; chmod {permissions} {path}", given=text)

    def mode(self, path: str) -> str:
        return self.says(f"stat --format '%a %U:%G' {path}").strip()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's commit, as some git server would have it."""
    bare = tmp_path_factory.mktemp("source") / "mercadito.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, bare], check=True)
    git(bare, "tag", "--force", "v0.1.0")
    return bare


@pytest.fixture(scope="module")
def fresh(engine: None, source: Path) -> Iterator[Server]:
    """Debian 13 with that git server's repository at /src."""
    # Rules of the firewall are only looked at, but nft does not even do that for anybody.
    how = ["--detach", "--rm", "--init", "--network", "host", "--cap-add", "NET_ADMIN", "--volume", f"{source}:/src:ro"]
    # It ends by itself, should this process be killed.
    command = ["docker", "run", *how, IMAGE, "sleep", str(2 * WITHIN_S)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    server = Server(made.stdout.strip())
    try:
        server.says(f"apt-get update -qq && apt-get install -qq -y --no-install-recommends {PACKAGES} >/dev/null")
        server.says("git config --system --add safe.directory '*'")
        yield server
    finally:
        subprocess.run(["docker", "rm", "--force", server.name], check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(fresh: Server) -> Server:
    """The server after its first start, as cloud-init does it."""
    for file in cloud_init()["write_files"]:
        fresh.write(file["path"], file["content"], file["permissions"])
    secrets = settings(fresh)["mercadito_secrets"] | {"backup_copy_config": RCLONE}
    given = {"mercadito_repository": "/src", "mercadito_backup_recipients": RECIPIENT, "mercadito_secrets": secrets}
    fill_in(fresh, given)
    for command in cloud_init()["runcmd"]:
        fresh.says(f"{' '.join(command)} | tee {FIRST_RUN}")
    return fresh


def settings(server: Server) -> dict[str, Any]:
    return dict(yaml.safe_load(server.says(f"cat {SETTINGS}")))


def fill_in(server: Server, values: dict[str, Any]) -> None:
    server.write(SETTINGS, yaml.safe_dump(settings(server) | values), "0600")


def test_cloud_init_takes_it(fresh: Server) -> None:
    fresh.write("/tmp/cloud-init.yaml", (ROOT / "server" / "cloud-init.yaml").read_text())
    assert "Valid schema" in fresh.says("cloud-init schema --config-file /tmp/cloud-init.yaml")


def test_both_ways_ask_for_the_same() -> None:
    example = yaml.safe_load((ROOT / "server" / "settings.example.yaml").read_text())
    given = next(file for file in cloud_init()["write_files"] if file["path"] == SETTINGS)
    given = yaml.safe_load(given["content"])
    assert given.keys() - example.keys() == set()
    assert {name: example[name] for name in given if name != "mercadito_settings"} == {
        name: value for name, value in given.items() if name != "mercadito_settings"
    }
    known = (ROOT / ".env.example").read_text()
    assert all(f"# {name}=" in known for name in example["mercadito_settings"])


def test_what_runs_is_the_release_that_was_asked_for(made: Server) -> None:
    assert made.says(f"git -C {HOME}/app rev-parse HEAD") == made.says("git -C /src rev-parse v0.1.0")


def test_secrets_are_read_by_nobody_else(made: Server) -> None:
    assert made.mode(f"{HOME}/app/.env") == "600 mercadito:mercadito"
    assert made.mode(f"{HOME}/state") == "700 mercadito:mercadito"
    assert made.mode(SETTINGS) == "600 root:root"
    assert made.mode(f"{HOME}/secrets/smtp_password").split()[0] == "400"
    assert made.says(f"cat {HOME}/secrets/smtp_password") == "from-the-relay\n"
    assert made.says(f"cat {HOME}/secrets/backup_copy_config") == RCLONE
    assert {made.mode(f"{HOME}/{name}").split()[0] for name in ("backups", "tls", "tls/certificates")} == {"750"}


def test_its_settings_are_those_of_production(made: Server) -> None:
    env = dict(line.split("=", 1) for line in made.says(f"grep -v '^#' {HOME}/app/.env").splitlines())
    assert env["MERCADITO_ENV"] == "production"
    assert env["PUBLIC_URL"] == "https://shop.example"
    assert env["BACKUP_RECIPIENTS"] == RECIPIENT
    assert env["SMTP_PASSWORD_FILE"] == f"{HOME}/secrets/smtp_password"
    assert env["BACKUP_COPY_CONFIG_FILE"] == f"{HOME}/secrets/backup_copy_config"
    assert "from-the-relay" not in " ".join(env.values())
    known = (ROOT / ".env.example").read_text()
    assert [name for name in env if f"# {name}=" not in known] == []


def test_a_value_that_env_would_read_otherwise_is_taken_as_it_is(made: Server) -> None:
    kept = settings(made)
    # Backslashes are what Ansible and a template could each take for something else.
    told = {"HUB_ADDRESS": "1 Market Street #200, Los Angeles", "HUB_NAME": "Joe's # 5", "SMTP_USER": r"hub\n $1"}
    try:
        fill_in(made, {"mercadito_settings": kept["mercadito_settings"] | told})
        made.says(APPLY_RELEASE)
        script = 'source compose/system; printf \'%s\\n\' "$HUB_ADDRESS" "$HUB_NAME" "$SMTP_USER"'
        assert made.says(f"cd {HOME}/app && {script}").splitlines() == list(told.values())
    finally:
        made.write(SETTINGS, yaml.safe_dump(kept), "0600")
        made.says(APPLY_RELEASE)


def test_compose_takes_those_settings(made: Server) -> None:
    files = "--file compose/compose.yaml --file compose/compose.tls.yaml"
    made.says(f"cd {HOME}/app && runuser -u mercadito -- docker compose --env-file .env {files} config --quiet")


def test_only_whoever_deploys_speaks_to_the_engine(made: Server) -> None:
    assert made.says("getent group docker").strip().split(":")[3] == "mercadito"
    assert made.says("passwd --status mercadito").split()[1] == "L"


def test_the_firewall_leaves_the_engines_rules_alone(made: Server) -> None:
    rules = made.says("cat /etc/nftables.conf")
    assert "policy drop" in rules
    assert "\nflush ruleset" not in rules
    made.says("nft --check --file /etc/nftables.conf")


def test_a_container_does_not_read_the_clouds_user_data(made: Server) -> None:
    rules = made.says("cat /etc/nftables.conf")
    forwarded = rules.partition("hook forward")[2]
    assert "ip daddr 169.254.169.254 tcp dport != 53 drop" in forwarded


def test_with_no_key_anywhere_passwords_are_left_on(made: Server) -> None:
    assert made.run("test -e /etc/ssh/sshd_config.d/10-mercadito.conf").returncode != 0


def test_its_night_is_the_hubs(made: Server) -> None:
    assert made.says("readlink /etc/localtime").strip() == "/usr/share/zoneinfo/America/Los_Angeles"


def test_what_was_set_is_in_force_before_anything_else_can_fail(made: Server) -> None:
    told = made.says(f"cat {FIRST_RUN}")
    handlers = [told.index(f"RUNNING HANDLER [{name}]") for name in ("Load the firewall", "Restart the engine")]
    assert max(handlers) < told.index("TASK [Whoever deploys, by the engine]")
    play = yaml.safe_load((ROOT / "server" / "playbook.yaml").read_text())[0]
    assert play["force_handlers"] is True


def test_run_again_it_changes_nothing(made: Server) -> None:
    assert "changed=0 " in made.says(APPLY)


def test_secrets_of_a_lost_server_that_are_put_back_are_taken_by_the_deploy(made: Server) -> None:
    """By the line of docs/operations.md, from a copy whose owner was another one."""
    operations = (ROOT / "docs" / "operations.md").read_text()
    put_back = "runuser -l mercadito -c 'tar -xz -C state'"
    assert f'"{put_back}" <mercadito-secrets.tar.gz' in operations
    made.says(
        "install -d -m 0700 /tmp/lost/secrets; echo session-secret-of-a-lost-server >/tmp/lost/secrets/session_secret;"
        f" chmod 0444 /tmp/lost/secrets/*; tar -cz -C /tmp/lost secrets | {put_back}"
    )
    assert made.mode(f"{HOME}/state/secrets") == "700 mercadito:mercadito"
    made.says("runuser -l mercadito -c 'cd app && source compose/system && source compose/secrets && make_secrets'")
    assert made.mode(f"{HOME}/state/secrets/session_secret") == "444 mercadito:mercadito"
    assert made.says(f"cat {HOME}/state/secrets/session_secret") == "session-secret-of-a-lost-server\n"


def test_a_branch_is_followed(made: Server, source: Path) -> None:
    kept = settings(made)
    try:
        # What is missing ends it before the server is looked at.
        fill_in(made, {"mercadito_release": "trunk", "mercadito_domain": ""})
        for revision in ("v0.1.0~1", "v0.1.0"):
            git(source, "branch", "--force", "trunk", revision)
            assert "mercadito_domain is missing" in made.run(APPLY).stdout
            now = made.says("git -C /var/lib/mercadito-playbook rev-parse HEAD").strip()
            assert now == git(source, "rev-parse", revision)
    finally:
        made.write(SETTINGS, yaml.safe_dump(kept), "0600")


STAND_IN = "/var/stand-in"
# Each says what it was asked for. A deploy starts what does not run yet, and is recorded.
MAKE = f"""#!/bin/bash
set -eu
echo "make $*" >>{STAND_IN}/done
[ ! -e {STAND_IN}/broken-make ]
for process in notify usda backup; do [ -e {STAND_IN}/$process ] || touch {STAND_IN}/$process; done
echo "now $(git describe --tags --always | sed s/^v//) production" >{HOME}/state/releases
"""
DOCKER = rf"""#!/bin/bash
set -eu
echo "docker $*" >>{STAND_IN}/done
container=${{!#}}
case "$*" in
    ps*)
        [[ $* =~ compose.service=([a-z-]+) ]]
        [ ! -e {STAND_IN}/${{BASH_REMATCH[1]}} ] || echo "${{BASH_REMATCH[1]}}"
        ;;
    restart*) [ ! -e {STAND_IN}/broken-docker ] && touch {STAND_IN}/$container ;;
    *StartedAt*) date --utc --reference={STAND_IN}/$container +%FT%T.%NZ ;;
    *Healthcheck*) printf 'CMD
true

' ;;
    *State.Running*) echo true false ;;
    *State.Pid*) echo 1 ;;
esac
"""


@dataclass(frozen=True)
class Deployed:
    """The server with stand-ins for an engine and for a deploy."""

    server: Server

    def set(self, **values: Any) -> None:
        kept = settings(self.server)
        fill_in(self.server, {name: kept[name] | value for name, value in values.items()})

    def run(self, how: str = APPLY_RELEASE, *, broken: str = "") -> list[str]:
        """Run the playbook, with a program that fails; return the deploys and restarts that it asked for."""
        self.server.says(f"rm -f {STAND_IN}/broken-* {STAND_IN}/done; touch {STAND_IN}/broken-{broken or 'nothing'}")
        done = self.server.run(how)
        assert (done.returncode != 0) is bool(broken), done.stdout[-4000:]
        asked = self.server.says(f"cat {STAND_IN}/done").splitlines()
        return [line for line in asked if line.startswith(("make", "docker restart"))]


@pytest.fixture(scope="module")
def deployed(made: Server) -> Iterator[Deployed]:
    kept = settings(made)
    made.says(f"install -d -m 0777 {STAND_IN}")
    try:
        made.write("/usr/local/bin/make", MAKE, "0755")
        made.write("/usr/local/bin/docker", DOCKER, "0755")
        fill_in(made, {"mercadito_deploy": True, "mercadito_acme": False})
        server = Deployed(made)
        assert server.run(APPLY) == ["make deploy"]
        yield server
    finally:
        made.says("rm -f /usr/local/bin/make /usr/local/bin/docker")
        made.write(SETTINGS, yaml.safe_dump(kept), "0600")


def test_a_deploy_and_the_restart_of_who_reads_a_new_secret_are_tried_again_by_the_next_run(deployed: Deployed) -> None:
    deployed.set(mercadito_settings={"HUB_NAME": "Another"}, mercadito_secrets={"usda_mars_key": "a-new-one"})
    assert deployed.run(broken="make") == ["make deploy"]
    assert deployed.run(broken="docker") == ["make deploy", "docker restart usda"]
    assert deployed.run() == ["docker restart usda"]
    assert deployed.run() == []
    deployed.set(mercadito_secrets={"dkim_key": "-----BEGIN\nof nobody\n", "backup_copy_config": f"{RCLONE}host = x\n"})
    # The settings name another file now.
    assert deployed.run() == ["make deploy", "docker restart notify", "docker restart backup"]


def test_a_new_password_of_the_relay_reaches_who_mails_alerts_too_where_that_runs(deployed: Deployed) -> None:
    deployed.set(mercadito_secrets={"smtp_password": "another-one"})
    # Whoever deploys starts it again.
    deployed.server.says(f"touch --date=yesterday {STAND_IN}/alertmanager; chmod 0666 {STAND_IN}/alertmanager")
    assert deployed.run() == ["docker restart notify", "docker restart alertmanager"]
    assert deployed.run() == []


@pytest.mark.parametrize(
    ("runs", "asked"),
    [(False, "--publish 80:8080 acme first"), (True, "run --rm --no-deps acme beside")],
    ids=["first", "while the gateway has the port"],
)
def test_a_certificate_of_another_name_is_asked_for(deployed: Deployed, asked: str, *, runs: bool) -> None:
    kept = settings(deployed.server)
    deployed.server.says(f"rm -f {STAND_IN}/gateway {STAND_IN}/done; [ {int(runs)} = 0 ] || touch {STAND_IN}/gateway")
    try:
        fill_in(deployed.server, {"mercadito_acme": True, "mercadito_domain": "another.example"})
        deployed.server.says(APPLY_RELEASE)
        done = deployed.server.says(f"cat {STAND_IN}/done").splitlines()
        assert [line for line in done if " acme " in line and line.endswith(asked)]
    finally:
        deployed.server.write(SETTINGS, yaml.safe_dump(kept), "0600")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"mercadito_domain": ""}, "mercadito_domain is missing: copy server/settings.example.yaml and fill it"),
        ({"mercadito_backup_recipients": "AGE-SECRET-KEY-1QQ"}, "the private one never stands on the server"),
        ({"mercadito_settings": {"HUB_NAME": "a\nMERCADITO_ENV=demo"}}, "HUB_NAME does not fit"),
        ({"mercadito_settings": {"hub name": "a"}}, "hub name does not fit"),
        ({"mercadito_settings": {"HUB_NAME": "Joe's $5"}}, "HUB_NAME can't be written to .env as it is"),
        ({"mercadito_mail_from": "Joe's \\ # <a@b.example>"}, "mercadito_mail_from can't be written to .env"),
        ({"mercadito_settings": {"MERCADITO_OBSERVABILITY": True}}, "MERCADITO_OBSERVABILITY is True to YAML"),
        ({"mercadito_settings": {"HUB_ADDRESS": None}}, "put the value in quotes"),
        ({"mercadito_reboot_at": 780}, "mercadito_reboot_at is 780, no time of day"),
        ({"mercadito_acme": True, "mercadito_settings": {"ACME_EMAIL": ""}}, "ACME_EMAIL is missing"),
        ({"mercadito_secrets": {"../smtp": "a"}}, "../smtp is none of smtp_password"),
        ({"mercadito_secrets": {"smtp_password": "a\nb"}}, "smtp_password is not on one line"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(made: Server, values: dict[str, Any], says: str) -> None:
    kept = settings(made)
    try:
        fill_in(made, values)
        done = made.run(APPLY)
        assert done.returncode != 0
        assert says in " ".join(done.stdout.split())
        assert "changed=0 " in done.stdout
    finally:
        made.write(SETTINGS, yaml.safe_dump(kept), "0600")
