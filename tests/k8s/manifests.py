"""The objects that an overlay makes, and the questions that tests ask of them."""

import functools
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.driver.system import ROOT

K8S = ROOT / "k8s"
OVERLAYS = ("single", "ha")
COMPONENT = "app.kubernetes.io/component"
# What policies know the database by, whoever made its pods.
DATABASE = {"mercadito.example/database": "true"}
BUILT_WITHIN_S = 60
# Where k8s/prepare puts one, should the machine's own be too old.
PROGRAMS = f"{ROOT / 'tests' / '.venv' / 'bin'}:{os.environ['PATH']}"
# All Python processes of ours; the rest are servers that others wrote.
OURS = {"orders-web", "orders-worker", "realtime", "usda", "notify"}

Object = dict[str, Any]


@functools.cache
def build(overlay: str) -> list[Object]:
    """Return what `kubectl apply -k` would apply."""
    return kustomize(K8S / "overlays" / overlay)


def build_own(folder: Path, overlay: str, components: Sequence[str] = (), **more: Any) -> list[Object]:
    """Return what an overlay of an operator's own makes, elsewhere, that takes one of ours and components."""
    here = folder.resolve()
    own = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "mercadito",
        "resources": [os.path.relpath(K8S / "overlays" / overlay, here)],
        "components": [os.path.relpath(K8S / "components" / name, here) for name in components],
        **more,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(own))
    return kustomize(folder)


def kustomize(folder: Path) -> list[Object]:
    """Build a folder."""
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": PROGRAMS},
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILT_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    return [each for each in build(overlay) if each["kind"] in kinds]


def names(overlay: str, kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in of_kind(overlay, kind)}


@dataclass(frozen=True)
class Workload:
    """Something that makes pods."""

    kind: str
    spec: Object
    metadata: Object
    template: Object

    @property
    def name(self) -> str:
        """The name that it has in compose, too: without the release."""
        return str(self.template["metadata"]["labels"][COMPONENT])

    @property
    def pod(self) -> Object:
        found: Object = self.template["spec"]
        return found

    @property
    def main(self) -> Object:
        (container,) = self.pod["containers"]
        found: Object = container
        return found

    @property
    def containers(self) -> list[Object]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def is_served(self) -> bool:
        """Whether it runs for ever."""
        return self.kind in {"Deployment", "StatefulSet"}


def workloads(overlay: str) -> list[Workload]:
    found = []
    for each in of_kind(overlay, "Deployment", "StatefulSet", "Job", "CronJob"):
        spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
        found.append(Workload(each["kind"], each["spec"], each["metadata"], spec["template"]))
    return found


def workload(overlay: str, name: str) -> Workload:
    (found,) = [each for each in workloads(overlay) if each.name == name]
    return found


def containers(overlay: str) -> Iterator[tuple[str, Object]]:
    """Every container with a name that says where it is."""
    for each in workloads(overlay):
        for container in each.containers:
            yield f"{each.kind} {each.name}: {container['name']}", container


def environment(container: Object) -> dict[str, Object]:
    return {each["name"]: each for each in container.get("env", [])}


def secret_files(container: Object, pod: Object) -> set[str]:
    """The keys of the Secret `mercadito` that a container can read."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found: set[str] = set()
    for mount in container["volumeMounts"]:
        volume = volumes.get(mount["name"], {})  # a claim's stands elsewhere
        sources = [source["secret"] for source in volume.get("projected", {}).get("sources", [])]
        if "secret" in volume:
            sources.append({**volume["secret"], "name": volume["secret"]["secretName"]})
        items = {item["key"] for source in sources if source["name"] == "mercadito" for item in source["items"]}
        found |= items & {mount["subPath"]} if "subPath" in mount else items
    return found


def matches(selector: Object, labels: Object) -> bool:
    """Whether a label selector picks these labels."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
    )
