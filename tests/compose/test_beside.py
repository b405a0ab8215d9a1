"""What stands beside the services: it follows its files and `.env`; no container is started but for one that goes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.driver.system import ROOT

WITHIN_S = 60
WATCHERS = ("prometheus", "alertmanager", "collector", "jaeger")


@pytest.fixture
def checkout(tmp_path: Path, engine: None) -> Path:
    """A checkout of its own, whose files may be changed."""
    shutil.copytree(ROOT / "compose", tmp_path / "compose", ignore=shutil.ignore_patterns(".state"))
    return tmp_path


def hosts(checkout: Path, body: str, **settings: str) -> str:
    """Run what compose/deploy is made of; return what it prints."""
    deploy = (checkout / "compose" / "deploy").read_text().replace('\nmain "$@"; exit', "")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {
        "COMPOSE_PROJECT_NAME": f"mercadito-beside-{os.getpid()}",
        "MERCADITO_STATE_DIR": str(checkout / "state"),
        "MERCADITO_ENV": "production",
        "MERCADITO_VERSION": "1",
        "PUBLIC_URL": "https://shop.example",
        "SMTP_HOST": "smtp.shop.example",
        "MAIL_FROM": "orders@shop.example",
        "MAIL_MESSAGE_ID_DOMAIN": "shop.example",
        "BACKUP_RECIPIENTS": "age1",
    }
    (checkout / "state").mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash", "-c", f"{deploy}\nmake_secrets; choose_files\n{body}", str(checkout / "compose" / "deploy")],
        env=kept | given | settings,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_new_rules_and_configuration_make_another_definition_of_who_reads_them(checkout: Path) -> None:
    def definitions() -> dict[str, str]:
        said = hosts(checkout, "compose config --hash '*'", MERCADITO_OBSERVABILITY="on")
        return dict(line.split() for line in said.splitlines())

    before = definitions()
    for file in ("prometheus/alerts.yml", "alertmanager/start", "collector/collector.yaml", "jaeger/jaeger.yaml"):
        with (checkout / "compose" / "observability" / file).open("a") as rules:
            rules.write("# a comment\n")
    after = definitions()
    assert {name for name in after if after[name] != before[name]} == set(WATCHERS)


def test_what_is_not_wanted_any_more_goes_and_a_stopped_service_stays(checkout: Path) -> None:
    project = f"mercadito-beside-{os.getpid()}"

    def there(service: str) -> None:
        labels = {"project": project, "service": service, "oneoff": "False"}
        named = [part for key, value in labels.items() for part in ("--label", f"com.docker.compose.{key}={value}")]
        command = [
            "docker",
            "run",
            "--detach",
            "--init",
            "--network",
            "none",
            *named,
            "postgres:17-trixie",
            "sleep",
            "60",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S)

    for service in ("grafana", "usda"):
        there(service)
    try:
        said = hosts(
            checkout, 'remove_unwanted; echo "grafana $(container_of grafana)"; echo "usda $(container_of usda)"'
        )
        assert "  grafana: not wanted any more, removed" in said
        assert "grafana \n" in said
        assert "usda \n" not in said
    finally:
        hosts(checkout, "for one in grafana usda; do docker rm --force --volumes $(container_of $one) || true; done")


OWN = """
services:
  orders-web: {mem_limit: 1g}
"""


def test_an_overlay_of_the_operators_own_comes_over_all_others(checkout: Path) -> None:
    own = checkout / "compose.own.yaml"
    own.write_text(OWN)
    said = hosts(checkout, "compose config", MERCADITO_OVERLAY=str(own), MERCADITO_OBSERVABILITY="on")
    assert 'mem_limit: "1073741824"' in said


def test_an_overlay_of_the_operators_own_that_is_not_there_is_told(checkout: Path) -> None:
    said = hosts(checkout, "MERCADITO_OVERLAY=/nowhere/own.yaml; (choose_files) || true")
    assert "MERCADITO_OVERLAY=/nowhere/own.yaml is not there" in said


LEGO = """#!/bin/sh
echo "$*" >>"$STATE/asked"
[ ! -e "$STATE/refuses" ]
"""


def renewed(folder: Path, *arguments: str, **settings: str) -> list[str]:
    """Run the sidecar once around, with a stand-in for lego; return what that was asked to do."""
    acme = yaml.safe_load((ROOT / "compose" / "compose.tls.yaml").read_text())["services"]["acme"]
    script = acme["entrypoint"][2].replace("$$", "$").replace("/run/tls", str(folder))
    (folder / "certificates").mkdir(exist_ok=True)
    (folder / "asked").unlink(missing_ok=True)
    for name, text in (("lego", LEGO), ("sleep", "#!/bin/sh\nkill $PPID\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    told = {"TLS_DOMAIN": "shop.example", "ACME_EMAIL": "you@shop.example", "ACME_SERVER": "https://acme.example/"}
    subprocess.run(
        ["sh", "-c", script, "acme", *(arguments or acme["command"])],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "STATE": str(folder), **told, **settings},
        check=False,
        timeout=WITHIN_S,
    )
    asked = (folder / "asked").read_text().splitlines()
    return ["run" if " run" in line else "renew" for line in asked if "--http.webroot" in line] or asked


def test_a_certificate_of_another_account_or_authority_is_had_anew_beside_the_gateway(tmp_path: Path) -> None:
    (first,) = renewed(tmp_path, "first")
    assert "--http.port :8080 run" in first
    assert renewed(tmp_path) == ["renew"]
    for changed in (
        {"ACME_EMAIL": "me@shop.example"},
        {"ACME_SERVER": "https://x.example/"},
        {"TLS_DOMAIN": "a.example"},
    ):
        (tmp_path / "refuses").touch()
        assert renewed(tmp_path, **changed) == ["run"]
        (tmp_path / "refuses").unlink()
        assert renewed(tmp_path, **changed) == ["run"]
        assert renewed(tmp_path, **changed) == ["renew"]


def test_another_name_is_asked_for_while_the_gateway_has_the_port(tmp_path: Path) -> None:
    assert renewed(tmp_path, "beside") == ["run"]
    assert renewed(tmp_path) == ["renew"]
