"""What every service of the compose files must have; read as YAML, so an engine is not needed."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.driver.system import ROOT

FILES = ("compose.yaml", "compose.demo.yaml")
JOBS = {"databases", "migrate-orders", "migrate-usda", "migrate-notify", "provision", "keys", "demo", "restore"}
FOLDERS = (
    *("services/orders", "services/realtime", "services/usda-ingest", "services/notify"),
    *("gateway", "demo", "backup", "compose/nats"),
)
DOCKERFILES = [ROOT / folder / "Dockerfile" for folder in FOLDERS]


def services() -> dict[str, dict[str, Any]]:
    """Every service that a file describes in full; entries that only amend another file's have no image."""
    found: dict[str, dict[str, Any]] = {}
    for file in FILES:
        content = yaml.safe_load((ROOT / "compose" / file).read_text())
        found |= {name: service for name, service in content["services"].items() if "image" in service}
    return found


def processes() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services().items() if name not in JOBS}


def each(described: dict[str, dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", described.values(), ids=described.keys())


def test_the_files_describe_every_process() -> None:
    wanted = {"gateway", "orders-web", "orders-worker", "realtime", "usda", "notify", "nats", "postgres"}
    assert wanted | {"backup", "usda-site", "mail-sink"} == processes().keys()


def test_only_the_gateway_publishes_a_port() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["gateway"]


@each(services())
def test_a_container_may_do_no_more_than_it_must(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert "privileged" not in service
    assert "cap_add" not in service


@each(services())
def test_everything_is_bounded(service: dict[str, Any]) -> None:
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["ulimits"]["nofile"]
    assert all("size=" in mount for mount in service["tmpfs"])
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@each(services())
def test_an_image_has_an_exact_tag(service: dict[str, Any]) -> None:
    name = re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", service["image"])
    assert re.fullmatch(r"[a-z/]+(-[a-z]+)*:\d+(\.\d+)*(-\w+)?", name)


@each(services())
def test_a_container_is_on_named_networks(service: dict[str, Any]) -> None:
    assert service["networks"]
    assert set(service["networks"]) <= {"edge", "data"}


@each(processes())
def test_a_process_is_watched_restarted_and_given_time_to_stop(service: dict[str, Any]) -> None:
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["healthcheck"]["retries"]
    assert service["stop_grace_period"]


@each(services())
def test_no_secret_stands_in_the_environment(service: dict[str, Any]) -> None:
    secret = re.compile(r"(PASSWORD|SECRET|TOKEN|KEY)$")
    # The relays' passwords and the key of the USDA's API are the operator's to give, empty unless they are.
    given = {name for name in service.get("environment", {}) if secret.search(name)}
    assert given <= {"SMTP_PASSWORD", "SMTP_SECOND_PASSWORD", "USDA_MARS_KEY"}


def test_a_service_sees_only_its_own_secrets() -> None:
    mounted = {name: set(service.get("secrets", [])) for name, service in services().items()}
    assert mounted["orders-web"] == {"orders_db_password", "session_secret"}
    assert mounted["orders-worker"] == {"orders_db_password", "nats_orders_password"}
    assert mounted["realtime"] == {"nats_realtime_password", "realtime_admin_token"}
    assert mounted["usda"] == {"usda_db_password", "nats_usda_password", "usda_mars_key"}
    keys = {"mail_link_key", "bounce_webhook_key", "dkim_key", "smtp_password", "smtp_second_password"}
    assert mounted["notify"] == {"notify_db_password", "nats_notify_password", *keys}
    assert mounted["gateway"] == {"gateway_admin_token"}
    assert mounted["backup"] == {"backup_db_password", "backup_copy_config"}


def test_what_takes_backups_reads_alone_and_what_restores_runs_only_when_asked_for() -> None:
    backup, restore = services()["backup"], services()["restore"]
    assert "postgres_db_password" not in backup["secrets"]
    assert next(volume for volume in backup["volumes"] if "usda-raw" in volume).endswith(":ro")
    assert restore["profiles"] == ["restore"]
    assert restore["networks"] == ["data"]


def test_only_what_signs_sees_the_private_key() -> None:
    with_key = {name for name, service in services().items() if "identity-key:" in str(service.get("volumes", []))}
    assert with_key == {"orders-web", "keys"}


def with_tls() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose" / "compose.tls.yaml").read_text())["services"]
    return content


def test_the_gateway_only_reads_the_certificate_and_its_key() -> None:
    gateway = with_tls()["gateway"]
    folder = gateway["volumes"][0]
    assert folder["read_only"] is True
    for name in ("GATEWAY_TLS_CERTIFICATE_FILE", "GATEWAY_TLS_KEY_FILE", "GATEWAY_ACME_DIR"):
        assert gateway["environment"][name].startswith(folder["target"])
    assert gateway["ports"] == ["${TLS_PORT:-443}:8443"]


def test_the_sidecar_that_renews_comes_only_when_asked_for_and_may_do_no_more_than_others() -> None:
    acme = with_tls()["acme"]
    assert acme["profiles"] == ["acme"]
    assert "ports" not in acme
    contained = services()["usda-site"]
    for name in ("read_only", "cap_drop", "security_opt", "init", "logging"):
        assert acme[name] == contained[name]
    assert acme["user"] == "10001:10001"
    assert acme["mem_limit"]
    assert acme["pids_limit"]
    assert re.search(r":v\d+\.\d+\.\d+}$", acme["image"])


def test_databases_and_events_have_no_way_out() -> None:
    content = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())
    assert content["networks"]["data"]["internal"] is True
    assert services()["postgres"]["networks"] == ["data"]
    assert services()["nats"]["networks"] == ["data"]


# What an image sets itself, what only a run of processes has, and what the gateway's README lists.
# COMPOSE_PROFILES is read by Compose itself.
NOT_OF_COMPOSE = {"MERCADITO_RUN_DIR", "MIGRATIONS_DIR", "STATIC_DIR", "GATEWAY_STATE_DIR", "COMPOSE_PROFILES"}


def test_a_documented_setting_reaches_the_containers() -> None:
    documented = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    files = (
        "compose.yaml",
        "compose.demo.yaml",
        "compose.tls.yaml",
        "compose.production.yaml",
        "compose.observability.yaml",
    )
    scripts = (*files, "up", "files", "system", "restore", "deploy", "release/images", "engine/prepare")
    text = "".join((ROOT / "compose" / file).read_text() for file in scripts)
    taken = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", text))
    fixed = {name.removesuffix("_FILE") for name in re.findall(r"^ +([A-Z][A-Z0-9_]+): ", text, re.MULTILINE)}
    fixed |= {f"{name}_FILE" for name in fixed}
    assert documented
    assert documented - taken - fixed - NOT_OF_COMPOSE == set()


@pytest.mark.parametrize(
    "command",
    [
        *(("control", "status"), ("control", "restart", "usda"), ("control", "self-test"), ("down",)),
        ("control", "events", "lag"),
        *(("backup", "now"), ("restore", "newest"), ("deploy",), ("rollback",), ("production", "ps")),
    ],
)
def test_without_an_engine_the_commands_say_how_to_start(tmp_path: Path, command: tuple[str, ...]) -> None:
    for program in ("bash", "env", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    script = [str(ROOT / "compose" / command[0]), *command[1:]]
    environment = {"PATH": str(tmp_path), "COMPOSE_PROJECT_NAME": "mercadito-nobody"}
    done = subprocess.run(script, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "nothing runs here: start it with make run, or in containers with make up\n"


def test_a_relative_state_folder_is_the_same_for_scripts_and_compose(tmp_path: Path) -> None:
    shown = ["bash", "-c", f'source {ROOT}/compose/system && printf %s "$MERCADITO_STATE_DIR"']
    environment = {"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": "elsewhere/state"}
    done = subprocess.run(shown, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == str(ROOT / "elsewhere" / "state")


def test_everything_waits_for_what_it_needs() -> None:
    needs = {name: service.get("depends_on", {}) for name, service in services().items()}
    for name, migration in (
        ("orders-web", "orders"),
        ("orders-worker", "orders"),
        ("usda", "usda"),
        ("notify", "notify"),
    ):
        assert needs[name][f"migrate-{migration}"]["condition"] == "service_completed_successfully"
        assert needs[name]["postgres"]["condition"] == "service_healthy"
        assert needs[name]["provision"]["condition"] == "service_completed_successfully"
    assert all(need["condition"].startswith("service_") for each_need in needs.values() for need in each_need.values())


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_dockerfile_pins_checks_and_gives_up_root(file: Any) -> None:
    text = file.read_text()
    users = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    assert users[-1:] == ["10001:10001"]
    assert "# syntax=" not in text
    assert "HEALTHCHECK" not in text
    assert "org.opencontainers.image.title" in text
    for installed in re.findall(r"pip \S* ?\S* ?install [^\n]*", text):
        assert "--require-hashes" in installed or "--no-deps" in installed
    assert re.findall(r"^ARG [A-Z]+=(.+)$", text, re.MULTILINE)
    assert "latest" not in text


# Where it lies and listens, and as whom, its image, compose.yaml and compose.tls.yaml decide.
OF_THE_CONTAINER = {
    *("GATEWAY_PORT", "GATEWAY_BIND", "GATEWAY_ADMIN_PORT", "GATEWAY_ADMIN_BIND", "GATEWAY_ADMIN_TOKEN_FILE"),
    *("GATEWAY_STATE_DIR", "STATIC_DIR", "GATEWAY_RESOLVER", "GATEWAY_ACCESS_LOG", "GATEWAY_USER", "GATEWAY_NGINX"),
    *("ORDERS_UPSTREAM", "USDA_UPSTREAM", "NOTIFY_UPSTREAM", "REALTIME_HTTP_UPSTREAM", "REALTIME_WS_UPSTREAM"),
    *("GATEWAY_TLS_PORT", "GATEWAY_TLS_CERTIFICATE_FILE", "GATEWAY_TLS_KEY_FILE", "GATEWAY_TLS_PUBLIC_PORT"),
    "GATEWAY_ACME_DIR",
}


def test_every_setting_of_the_gateway_reaches_its_container() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", (ROOT / "gateway" / "README.md").read_text(), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"[A-Z][A-Z_]+", row)}
    passed_on = {
        name for name, value in services()["gateway"]["environment"].items() if value.startswith(f"${{{name}:-")
    }
    assert len(documented) > len(OF_THE_CONTAINER)
    assert documented - OF_THE_CONTAINER == passed_on
