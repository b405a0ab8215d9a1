"""The same processes as in compose.yaml, told the same: what differs is listed here, so that nothing drifts apart."""

import re
from typing import Any

import pytest
import yaml

from tests.driver.system import ROOT
from tests.k8s.manifests import Workload, environment, secret_files, workload, workloads
from tests.k8s.test_1_builds import NOBODYS

# Keys are not made by `orders keys rotate` beside the services: the operator makes them once (k8s/README.md). The pod
# of a restore is in no overlay (test_7_restore.py).
NOT_HERE = {"keys", "restore"}
# A crawl and a drill are processes of their own here.
NOT_THERE = {"usda-crawl", "backup-drill"}
# Backups come by a CronJob instead of a clock inside.
OTHER_COMMANDS = {"backup": ["mercadito-backup", "now"]}
# Variables of a pod that its service in compose does not have …
ADDED = {
    "gateway": {"POD_NAMESPACE"},
    "notify": {"GATEWAY_UPSTREAM", "MAIL_LINK_KEY_PREVIOUS_FILE", "BOUNCE_WEBHOOK_KEY_PREVIOUS_FILE"},
    "postgres": {"PGDATA"},
    "realtime": {"GATEWAY_UPSTREAM"},
    "orders-web": {"GATEWAY_UPSTREAM"},
    "usda": {"GATEWAY_UPSTREAM"},
}
# … and the reverse: secrets come as files alone; the name server is the one of /etc/resolv.conf; challenges of
# ACME are answered by what makes certificates in a cluster.
LEFT_OUT = {
    "notify": {"SMTP_PASSWORD", "SMTP_SECOND_PASSWORD", "MAIL_LINK_KEY_PREVIOUS", "BOUNCE_WEBHOOK_KEY_PREVIOUS"},
    "usda": {"USDA_MARS_KEY"},
    "gateway": {"GATEWAY_RESOLVER", "GATEWAY_ACME_DIR"},
    "backup": {"HTTP_PORT", "BACKUP_AT", "BACKUP_DRILL_AT", "HUB_TIME_ZONE"},
}
# Jobs are told what they use, and nothing that may be edited while they are there (k8s/base/jobs); compose hands all of
# its common settings to each.
COMMON_TO_JOBS = {
    *("MERCADITO_ENV", "LOG_LEVEL"),
    *("HTTP_HOST", "HTTP_PORT", "PUBLIC_URL", "HUB_NAME", "HUB_ADDRESS", "HUB_TIME_ZONE"),
    *("USDA_TODAY", "NATS_URL", "IDENTITY_JWKS_FILE"),
}
# There they stand in `.env`, which its owner alone reads; settings are a ConfigMap here.
ADDED_SECRETS = {"notify": {"mail_link_key_previous", "bounce_webhook_key_previous"}}
# A tmpfs of compose that keeps the image's own volume from being left behind: on a cluster the runtime takes it away.
NO_VOLUME = "/var/lib/postgresql/data"
# Where another value is right: where a thing lies in a cluster, and who decides it.
OTHER_VALUES = {
    "gateway": {
        *("ORDERS_UPSTREAM", "REALTIME_WS_UPSTREAM", "REALTIME_HTTP_UPSTREAM", "USDA_UPSTREAM", "NOTIFY_UPSTREAM"),
        *("GATEWAY_TLS_CERTIFICATE_FILE", "GATEWAY_TLS_KEY_FILE", "GATEWAY_TLS_PUBLIC_PORT"),
    },
    "usda": {"USDA_SCHEDULE", "USDA_MARS_KEY_FILE"},
    "notify": {"DKIM_KEY_FILE", "SMTP_PASSWORD_FILE", "SMTP_SECOND_PASSWORD_FILE"},
}


def compose() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose/compose.yaml").read_text())["services"]
    tls = yaml.safe_load((ROOT / "compose/compose.tls.yaml").read_text())["services"]["gateway"]
    gateway = services["gateway"]
    services["gateway"] = {**gateway, "environment": {**gateway["environment"], **tls["environment"]}}
    return {name: service for name, service in services.items() if name not in NOT_HERE}


SERVICES = compose()


@pytest.fixture(params=SERVICES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pod_of(name: str) -> Workload:
    """The pod of an overlay where everything is inside; `ha` differs by components alone."""
    return workload("single", name)


def test_the_processes_are_the_same() -> None:
    assert {each.name for each in workloads("single")} == SERVICES.keys() | NOT_THERE
    # Of databases there is an operator's cluster.
    assert {each.name for each in workloads("ha")} == (SERVICES.keys() | NOT_THERE) - {"postgres"}


def test_it_is_told_the_same(name: str) -> None:
    there, here = set(SERVICES[name].get("environment", {})), set(environment(pod_of(name).main))
    if pod_of(name).kind == "Job":
        there -= COMMON_TO_JOBS - here
    assert here - there == ADDED.get(name, set())
    assert there - here == LEFT_OUT.get(name, set())


def test_what_is_fixed_there_is_fixed_to_the_same_and_what_is_a_setting_is_one(name: str) -> None:
    there, here = SERVICES[name].get("environment", {}), environment(pod_of(name).main)
    differs = set()
    for variable in there.keys() & here.keys():
        value = str(there[variable])
        if setting := re.fullmatch(r"\$\{([A-Z_0-9]+)(:-[^}]*)?\}", value):
            is_alike = here[variable].get("valueFrom", {}).get("configMapKeyRef", {}).get("key") == setting.group(1)
        else:
            is_alike = here[variable].get("value") == value
        if not is_alike:
            differs.add(variable)
    # One server, or three.
    assert differs - {"NATS_REPLICAS"} == OTHER_VALUES.get(name, set())


def _command_of_image(service: dict[str, Any]) -> list[str]:
    """What the image does by itself; the gateway's and NATS's pods leave it at that, too."""
    text = (ROOT / service["build"]["dockerfile"]).read_text()
    found = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    return [] if "/bin/start" in found[-1] else list(yaml.safe_load(found[-1]))


def test_it_is_the_same_image_doing_the_same(name: str) -> None:
    there, here = SERVICES[name], pod_of(name).main
    assert here["image"].removeprefix(NOBODYS) == re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", there["image"])
    told = [str(word).replace("$$", "$") for word in there.get("command") or _command_of_image(there)]
    if name == "postgres":  # more connections, since old and new pods are there at once
        told = [re.sub(r"max_connections=\d+", "max_connections=120", word) for word in told]
    if name == "databases":
        assert here["command"] == [*there["entrypoint"], *told]
        return
    assert here.get("args", []) == OTHER_COMMANDS.get(name, told)


def test_it_has_the_same_memory(name: str) -> None:
    (number,) = re.findall(r"^(\d+)m$", SERVICES[name]["mem_limit"])
    assert pod_of(name).main["resources"]["limits"]["memory"] == f"{number}Mi"


def test_it_reads_the_same_secrets(name: str) -> None:
    each = pod_of(name)
    mounts = [mount for mount in each.main["volumeMounts"] if mount["name"] == "secrets"]
    read = secret_files({**each.main, "volumeMounts": mounts}, each.pod)
    assert read == set(SERVICES[name].get("secrets", [])) | ADDED_SECRETS.get(name, set())
    assert all(mount["readOnly"] for mount in mounts)
    assert all(mount["mountPath"] == "/run/secrets" for mount in mounts)


def test_it_writes_where_it_does_there(name: str) -> None:
    def folders(volumes: list[str], *, readonly: bool) -> set[str]:
        found = {volume for volume in volumes if volume.endswith(":ro") is readonly}
        return {volume.removesuffix(":ro").rsplit(":", 1)[-1] for volume in found}

    there = folders(SERVICES[name].get("volumes", []), readonly=False)
    there |= {mount.split(":")[0] for mount in SERVICES[name]["tmpfs"]} - {NO_VOLUME}
    here = {mount["mountPath"] for mount in pod_of(name).main["volumeMounts"] if not mount.get("readOnly")}
    # Compose makes it by shm_size.
    assert here - ({"/dev/shm"} if "shm_size" in SERVICES[name] else set()) == there


def test_it_has_as_long_to_end_at_least(name: str) -> None:
    there = int(SERVICES[name].get("stop_grace_period", "0s").removesuffix("s"))
    assert pod_of(name).pod["terminationGracePeriodSeconds"] >= there


def test_a_crawl_is_told_what_the_service_is() -> None:
    crawl, service = environment(workload("single", "usda-crawl").main), environment(workload("single", "usda").main)
    assert {name: service[name] for name in crawl} == crawl
    read = (ROOT / "services/usda-ingest/src/usda_ingest/settings.py").read_text()
    of_the_service = re.search(r"class ServiceSettings:.*?^def ", read, re.DOTALL | re.MULTILINE)
    assert of_the_service
    serving = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', of_the_service.group(0)))
    left = {
        name for name in service.keys() - crawl.keys() if not name.startswith(("NATS_", "HUB_", "HTTP_", "GATEWAY_"))
    }
    assert left <= serving


def test_every_secret_that_a_pod_reads_is_told_to_the_operator() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)`", (ROOT / "k8s/README.md").read_text(), re.MULTILINE))
    read = {
        key
        for overlay in ("single", "ha")
        for each in workloads(overlay)
        for container in each.containers
        for key in secret_files(container, each.pod)
    }
    assert read == told
