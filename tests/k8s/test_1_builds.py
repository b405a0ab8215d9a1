"""The overlays build, are what Kubernetes takes, and name nothing that is not there."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions, major_minor

from tests.driver.system import ROOT
from tests.k8s.manifests import K8S, build, build_own, environment, names, of_kind, workloads

# The two newest releases that the validator knows, whatever the year.
RELEASES = list(dict.fromkeys(major_minor(one) for one in all_versions()))[-2:]
# CloudNativePG's own kind: its schema comes with the operator, not with Kubernetes.
WITHOUT_SCHEMA = {"Cluster"}
# What kustomize adds to a name that stands for a content.
HASHED = re.compile(r"-[a-z0-9]{10}$")
README = K8S / "README.md"
# Before the names of our images: no registry has that host (RFC 6761), so nobody's image comes in place of ours.
NOBODYS = "registry.invalid/"
# Made by the operator of the hub, as k8s/README.md says.
SECRETS = {"mercadito", "identity-key", "identity-jwks", "gateway-tls", "postgres-superuser"}


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_every_object(overlay: str, release: str) -> None:
    for each in build(overlay):
        if each["kind"] not in WITHOUT_SCHEMA:
            kubernetes_validate.validate(each, release, strict=True)


@pytest.mark.parametrize("release", RELEASES)
def test_a_field_that_kubernetes_does_not_know_would_be_seen(overlay: str, release: str) -> None:
    (gateway,) = [each for each in of_kind(overlay, "Deployment") if each["metadata"]["name"] == "gateway"]
    wrong = {**gateway, "spec": {**gateway["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, release, strict=True)


def test_everything_is_in_the_namespace_and_stands_once(overlay: str) -> None:
    found = [(each["kind"], each["metadata"]["name"]) for each in build(overlay)]
    assert len(found) == len(set(found))
    outside = [each for each in build(overlay) if each["metadata"].get("namespace") != "mercadito"]
    assert [each["kind"] for each in outside] == ["Namespace"]


def test_no_secret_is_among_the_manifests(overlay: str) -> None:
    assert names(overlay, "Secret") == set()
    given = [
        f"{each.name}: {name}"
        for each in workloads(overlay)
        for container in each.containers
        for name in environment(container)
        if re.search(r"(PASSWORD|SECRET|TOKEN|KEY)(_PREVIOUS)?$", name)
    ]
    assert given == []


def _references(pod: dict[str, Any]) -> set[tuple[str, str]]:
    found = {("ServiceAccount", pod["serviceAccountName"])}
    for volume in pod["volumes"]:
        sources = volume.get("projected", {}).get("sources", [])
        found |= {("Secret", source["secret"]["name"]) for source in sources}
        if "secret" in volume:
            found.add(("Secret", volume["secret"]["secretName"]))
        if "configMap" in volume:
            found.add(("ConfigMap", volume["configMap"]["name"]))
        if "persistentVolumeClaim" in volume:
            found.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        sources = [each.get("valueFrom", {}) for each in container.get("env", [])]
        found |= {("ConfigMap", each["configMapKeyRef"]["name"]) for each in sources if "configMapKeyRef" in each}
    return found


def test_what_a_pod_names_is_there(overlay: str) -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in build(overlay)}
    there |= {("Secret", name) for name in SECRETS}
    missing = {each.name: found for each in workloads(overlay) if (found := _references(each.pod) - there)}
    assert missing == {}


def test_a_volume_that_is_mounted_is_there_and_one_that_is_there_is_mounted(overlay: str) -> None:
    for each in workloads(overlay):
        claimed = [claim["metadata"]["name"] for claim in each.spec.get("volumeClaimTemplates", [])]
        there = [volume["name"] for volume in each.pod["volumes"]] + claimed
        mounted = {mount["name"] for container in each.containers for mount in container["volumeMounts"]}
        assert set(there) == mounted, each.name


def test_settings_are_hashed_so_that_a_change_rolls_the_pods(overlay: str) -> None:
    named = names(overlay, "ConfigMap")
    hashed = {name for name in named if HASHED.search(name)}
    assert {HASHED.sub("", name) for name in hashed} == {"settings", "pause"}
    assert named - hashed == {"databases"}


def test_what_is_edited_and_applied_leaves_the_jobs_of_the_release_as_they_are(overlay: str) -> None:
    """A Job's pods cannot be changed: nothing that they name may get another name with another content."""
    jobs = [each for each in workloads(overlay) if each.kind == "Job"]
    hashed = {each.name: named for each in jobs for _, named in _references(each.pod) if HASHED.search(named)}
    assert jobs
    assert hashed == {}
    # By `envFrom` or a name in an annotation, too.
    changing = {name for name in names(overlay, "ConfigMap") if HASHED.search(name)}
    assert [each.name for each in jobs if any(name in str(each.template) for name in changing)] == []


def test_the_sql_is_the_one_of_everywhere(overlay: str) -> None:
    (made,) = [each for each in of_kind(overlay, "ConfigMap") if each["metadata"]["name"].startswith("databases")]
    assert made["data"] == {"databases.sql": (ROOT / "compose" / "postgres" / "databases.sql").read_text()}


@pytest.mark.parametrize("name", ["single", "ha"])
def test_a_setting_of_an_overlay_is_a_documented_one(name: str) -> None:
    documented = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    lines = (K8S / "overlays" / name / "settings.env").read_text()
    offered = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", lines, re.MULTILINE))
    assert offered
    assert {each for each in offered if each.removesuffix("_FILE") not in documented} - documented == set()
    taken = {
        source["key"]
        for each in workloads(name)
        for container in each.containers
        for variable in container.get("env", [])
        if (source := variable.get("valueFrom", {}).get("configMapKeyRef"))
    }
    assert offered - taken == set()


def test_an_image_that_no_registry_was_named_for_comes_from_nowhere(overlay: str) -> None:
    used = {container["image"] for each in workloads(overlay) for container in each.containers}
    # PostgreSQL's is Docker's own.
    assert {image for image in used if not image.startswith(f"{NOBODYS}mercadito/")} == {"postgres:17-trixie"}


def test_an_overlay_of_ones_own_is_made_as_the_readme_says(overlay: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n# k8s/overlays/hub/kustomization.yaml\n(.*?)```", README.read_text(), re.DOTALL)
    told = yaml.safe_load(shown)
    (tmp_path / "settings.env").write_text("HUB_NAME=ours\n")
    taken = {name: told[name] for name in ("images", "patches", "configMapGenerator")}
    made = build_own(tmp_path, overlay, **taken)
    assert NOBODYS not in yaml.safe_dump(made)
    (settings,) = [each for each in made if each["metadata"]["name"].startswith("settings-")]
    assert settings["data"]["HUB_NAME"] == "ours"
    zones = {each["metadata"]["name"]: each["spec"]["timeZone"] for each in made if each["kind"] == "CronJob"}
    elsewhere = "America/Denver"
    assert zones == {"backup": elsewhere, "backup-drill": elsewhere, "usda-crawl": "America/Los_Angeles"}


def test_the_readme_makes_the_secret_of_a_folder_with_nothing_else_in_it() -> None:
    (recipe,) = re.findall(r"```sh\n(kubectl apply -f k8s/base/namespace.yaml.*?)```", README.read_text(), re.DOTALL)
    inside = recipe.split("cd ~/mercadito-secrets", 1)[1].split("cd ~/mercadito-identity", 1)[0]
    # Nothing of the checkout is there, and what is there would be in the Secret.
    assert "k8s/" not in inside
    assert all(path.startswith('"$HOME/') for path in re.findall(r"--(?:cert|key)=(\S+)", inside))


def test_the_readme_tells_which_secrets_are_not_changed_by_a_restart() -> None:
    told = re.findall(r"^\| `(\w+)` \| .*(delete pod|psql|rollout status)", README.read_text(), re.MULTILINE)
    assert dict(told) == {
        "nats_route_password": "delete pod",
        "postgres_db_password": "psql",
        "gateway_admin_token": "rollout status",
    }


def test_the_release_is_the_same_everywhere(overlay: str) -> None:
    compose = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
    tags = {found.group(1) for each in compose.values() if (found := re.search(r":-([\d.]+)}$", each["image"]))}
    (release,) = tags
    used = {container["image"] for each in workloads(overlay) for container in each.containers}
    assert {image.rsplit(":", 1)[1] for image in used if image.startswith(NOBODYS)} == {release}
    suffix = "-" + release.replace(".", "-")
    assert all(name.endswith(suffix) for name in names(overlay, "Job"))
