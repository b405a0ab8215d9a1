"""The pod from which a restore is done (k8s/restore), and the steps that docs/operations.md tells."""

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.driver.system import ROOT
from tests.k8s.manifests import COMPONENT, DATABASE, K8S, environment, kustomize, matches, names, workload
from tests.k8s.test_1_builds import NOBODYS, RELEASES

COMPOSE = yaml.safe_load((ROOT / "compose/compose.yaml").read_text())["services"]["restore"]
LIKE = ("securityContext", "affinity", "restartPolicy", "automountServiceAccountToken", "enableServiceLinks")


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return kustomize(K8S / "restore")


@pytest.fixture(scope="module")
def pod(made: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [each for each in made if each["kind"] == "Pod"]
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_it(made: list[dict[str, Any]], release: str) -> None:
    for each in made:
        kubernetes_validate.validate(each, release, strict=True)
        assert each["metadata"]["namespace"] == "mercadito"


def test_it_is_what_the_backup_is_and_stands_where_that_stands(pod: dict[str, Any]) -> None:
    backup = workload("single", "backup")
    assert {name: pod["spec"][name] for name in LIKE} == {name: backup.pod[name] for name in LIKE}
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"] == backup.main["securityContext"]
    assert container["image"] == backup.main["image"]
    # usda comes back where it has its volume.
    usda = workload("ha", "usda").pod["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert matches(usda[0]["podAffinityTerm"]["labelSelector"], pod["metadata"]["labels"])


def test_it_is_told_and_has_what_the_one_of_compose_has(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert {name: each["value"] for name, each in environment(container).items()} == COMPOSE["environment"]
    assert container["image"] == NOBODYS + re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", COMPOSE["image"])
    assert container["resources"]["limits"]["memory"] == COMPOSE["mem_limit"].replace("m", "Mi")
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert [item["key"] for item in volumes["secrets"]["secret"]["items"]] == COMPOSE["secrets"]
    there = {volume.rsplit(":", 1)[-1] for volume in COMPOSE["volumes"]}
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    assert mounts.keys() == there | {"/tmp", "/run/secrets"}
    for path in there:
        claim = volumes[mounts[path]["name"]]["persistentVolumeClaim"]["claimName"]
        assert claim in names("single", "PersistentVolumeClaim") & names("ha", "PersistentVolumeClaim")
    # The private key lies there.
    assert volumes["tmp"]["emptyDir"]["medium"] == "Memory"
    assert container["args"][0] == "sleep"


def test_it_reaches_the_database_and_nobody_else(made: list[dict[str, Any]], pod: dict[str, Any]) -> None:
    to, by = {"matchLabels": DATABASE}, {"matchLabels": {COMPONENT: "restore"}}
    ports = [{"protocol": "TCP", "port": 5432}]
    policies = {each["metadata"]["name"]: each["spec"] for each in made if each["kind"] == "NetworkPolicy"}
    assert policies == {
        "restore-to-postgres": {
            "podSelector": by,
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": to}], "ports": ports}],
        },
        "postgres-from-restore": {
            "podSelector": to,
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": by}], "ports": ports}],
        },
    }
    assert matches(by, pod["metadata"]["labels"])


OPERATIONS = (ROOT / "docs/operations.md").read_text()


def writers() -> list[str]:
    (found,) = re.findall(r"^readonly WRITERS=\((.*)\)$", (ROOT / "compose/restore").read_text(), re.MULTILINE)
    return str(found).split()


def test_who_moves_stops_the_old_shop_before_the_last_backup_and_takes_along_what_old_data_need() -> None:
    moving = OPERATIONS.split("**Moving to a cluster**")[1].split("\n**")[0]
    lines = moving.splitlines()
    (stop,) = [line for line in lines if line.startswith("compose/production stop ")]
    assert stop.split()[2:] == writers()
    assert lines.index(stop) < lines.index("make backup")
    # A pause ends by itself.
    assert "admin pause" not in moving
    (taken,) = re.findall(r"-C /srv/mercadito/state/secrets ([a-z_ ]+)'", moving)
    k8s = (K8S / "README.md").read_text()
    assert set(taken.split()) == {"session_secret", "mail_link_key", "bounce_webhook_key"}
    # What lies there is not made anew.
    assert '[ -s "$name" ] || printf' in k8s
    assert all(name in k8s for name in taken.split())


def test_the_steps_stop_and_start_what_those_of_compose_do() -> None:
    steps = OPERATIONS.split("**Restore on a cluster.**")[1].split("\n**")[0]
    (stopped,) = re.findall(r"scale deployment ([a-z -]+) --replicas=0", steps)
    assert stopped.split() == writers()
    started = re.findall(r"scale deployment ([a-z -]+) --replicas=[12]\b", steps)
    assert [set(each.split()) for each in started] == [{"orders-worker", "usda", "notify"}, {"realtime", "orders-web"}]
    said = re.findall(r"mercadito-backup (\w+)", steps)
    assert [each for each in said if each in {"load", "swap", "finish"}] == ["load", "swap", "finish"]
    # A cluster's own, of the empty system, may be newer than the one that is meant.
    assert set(re.findall(r"mercadito-backup (?:check|load) (\S+)", steps)) == {"2026-11-30T103000Z"}
    assert set(re.findall(r"data-nats-\d", steps)) == {"data-nats-0", "data-nats-1", "data-nats-2"}
    cronjobs = re.findall(r"for name in ([a-z -]+); do kubectl -n mercadito patch cronjob", steps)
    assert [set(each.split()) for each in cronjobs] == [names("ha", "CronJob")] * 2
