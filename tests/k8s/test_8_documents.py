"""What k8s/README.md and docs/operations.md tell people to type on a cluster."""

import base64
import os
import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.driver.system import ROOT
from tests.k8s.manifests import K8S, build, build_own, environment, kustomize, matches, workload
from tests.k8s.test_1_builds import README, RELEASES

GATEWAY_README = ROOT / "gateway" / "README.md"
CACHE_MB = 16

PART_OF = ("app.kubernetes.io/part-of", "mercadito")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SECTION = OPERATIONS.split("\n## On Kubernetes\n")[1].split("\n## ")[0]
RUNBOOK = OPERATIONS.split("\n### Runbook\n")[1].split("\n## ")[0]
# What the kit reads is what the command would sign in with.
SIGNS_IN = """\
import os, sys
from mercadito_events.service.settings import Reader, nats
reader = Reader(os.environ)
read = nats(reader)
reader.finish()
print(read.user, read.password, sys.argv[1:])
"""

# The Secret; and in the pod what stands behind the first `--`.
KUBECTL = """\
#!/bin/bash
case "$*" in
*' get secret mercadito '*nats_operator_password*) exec cat "$FOLDER/secret" ;;
*' exec -i deployment/notify -- '*) while [ "$1" != -- ]; do shift; done && shift && exec "$@" ;;
*) exit 64 ;;
esac
"""

# What is wanted, unless it cannot be said; what is there.
LISTS = """\
#!/bin/bash
case "$*" in
kustomize*) exit "$FAILS" ;;
'get -f -'*) cat && echo service/new ;;
*) printf '%s\\n' service/new service/old ;;
esac
"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_the_events_cli_signs_in_as_the_operator_from_a_pod_that_is_told_to_be_notify(tmp_path: Path) -> None:
    functions = re.findall(r"^mercadito-events\(\) \{.*?^\}$", OPERATIONS, re.MULTILINE | re.DOTALL)
    (shown,) = {each for each in functions if "kubectl" in each}
    password = f"s{secrets.token_hex(24)}"
    (tmp_path / "secret").write_text(base64.b64encode(password.encode()).decode())
    (tmp_path / "nats_notify_password").write_text(f"s{secrets.token_hex(24)}")
    program(tmp_path / "kubectl", KUBECTL)
    program(tmp_path / "mercadito-events", f"#!{ROOT}/events/.venv/bin/python\n{SIGNS_IN}")
    pod = environment(workload("single", "notify").main)
    told = {name: str(pod[name]["value"]) for name in ("NATS_URL", "NATS_USER")}
    told["NATS_PASSWORD_FILE"] = str(tmp_path / "nats_notify_password")
    done = subprocess.run(
        ["bash", "-c", f"{shown}\nmercadito-events notify tail 'dlq.>' --since 1d"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FOLDER": str(tmp_path), **told},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"operator {password} ['tail', 'dlq.>', '--since', '1d']\n", done.stderr


def test_what_the_runbook_does_in_a_container_is_told_for_a_pod() -> None:
    named = set(re.findall(r"compose/production exec ([a-z-]+)", RUNBOOK))
    assert named
    assert {name for name in named if f"exec deployment/{name} -- " not in SECTION} == set()
    targets = set(re.findall(r"`make ([a-z-]+)", RUNBOOK))
    assert {name for name in targets if not re.search(rf"`(make |mercadito-){name}", SECTION)} == set()


def test_nobody_waits_for_the_jobs_of_cronjobs() -> None:
    waits = re.findall(r"wait --for=condition=complete job [^`\n]+", SECTION)
    assert len(waits) == 2
    assert all("--selector mercadito.example/runs=once" in wait for wait in waits)


def test_a_node_is_emptied_as_kubectl_lets_one() -> None:
    """Each node has pods of DaemonSets, and nearly every pod of ours an emptyDir."""
    (drain,) = re.findall(r"`kubectl drain ([^`]*)`", SECTION)
    assert {"--ignore-daemonsets", "--delete-emptydir-data"} <= set(drain.split())
    assert "--force" not in drain  # it would end a restore under way


def test_what_a_release_leaves_behind_can_be_found(overlay: str, tmp_path: Path) -> None:
    """Of our overlays, and of the one that README shows, with what it adds."""
    (shown,) = [yaml.safe_load(block) for block in blocks(README.read_text(), "yaml") if "resources: [../s" in block]
    own = build_own(tmp_path, overlay, ["observability", "cilium"], labels=shown["labels"])
    key, value = PART_OF
    without = [each for each in build(overlay) + own if each["metadata"].get("labels", {}).get(key) != value]
    assert [f"{each['kind']} {each['metadata']['name']}" for each in without] == []
    (found,) = re.findall(r"get ([a-z,]+) --selector (\S+) --output name", README.read_text())
    assert found[1] == f"{key}={value}"
    (operators,) = re.findall(r"beside these where they exist: `([a-z,]+)`", README.read_text())
    # A Job goes by itself, and what holds data is nothing to be found by chance.
    kinds = {each["kind"].lower() for each in own} - {"job", "namespace", "persistentvolumeclaim", "cluster"}
    assert kinds <= {*found[0].split(","), *operators.split(",")}


@pytest.mark.parametrize("fails", [True, False])
def test_a_list_that_could_not_be_made_takes_nothing_for_left_behind(tmp_path: Path, *, fails: bool) -> None:
    """Else everything that runs would stand below "delete it by hand"."""
    (shown,) = [block for block in blocks(README.read_text(), "sh") if "comm -13" in block]
    program(tmp_path / "kubectl", LISTS)
    done = subprocess.run(
        ["bash", "-c", shown.replace("/tmp/", f"{tmp_path}/")],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAILS": "1" if fails else "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0, done.stdout) == ((False, "") if fails else (True, "service/old\n"))


def test_jobs_made_by_hand_have_a_name_that_is_not_taken() -> None:
    """One that failed stays for days, and whoever has mended it tries again."""
    made = re.findall(r"create job --from=cronjob/([a-z-]+)([^`;]*)", SECTION)
    assert len(made) == 3
    assert all("$(date +%s)" in rest for _, rest in made)


def test_who_is_told_to_taint_a_node_is_told_how_that_ends() -> None:
    (given,) = re.findall(r"`kubectl taint node NODE (\S+)(?<!-)`", SECTION)
    assert f"`kubectl taint node NODE {given}-`" in SECTION
    # Volumes that only wait for their pod's end would be taken for there by `apply`.
    assert not re.search(r"delete pvc [^`]*--wait=false`[^|]*, apply", SECTION)


def test_settings_that_go_beside_numbers_of_the_manifests_are_told_with_these(overlay: str) -> None:
    pod = workload(overlay, "gateway").template["spec"]
    (state,) = [each for each in pod["volumes"] if each["name"] == "state"]
    said = README.read_text()
    limits = workload(overlay, "gateway").main["resources"]["limits"]
    size, storage = state["emptyDir"]["sizeLimit"], limits["ephemeral-storage"]
    assert f"volume `state` ({size.removesuffix('Mi')} MiB: " in said
    assert f"and `ephemeral-storage` ({storage.removesuffix('Mi')} MiB)" in said
    # By default, over a reload, with the cache.
    (needed,) = re.findall(r"the volume needs 2 . (\d+) MiB and the cache", GATEWAY_README.read_text())
    assert int(size.removesuffix("Mi")) >= 2 * int(needed) + CACHE_MB
    assert f"`memory` ({limits['memory'].removesuffix('Mi')} MiB)" in said
    assert f"`terminationGracePeriodSeconds` ({pod['terminationGracePeriodSeconds']} s, of which" in said
    asked = re.findall(r"^readonly PAUSE_MAX_S=(\d+)", (K8S / "components/pause/pause").read_text(), re.MULTILINE)
    assert [f"`GATEWAY_PAUSE_MAX_S` below {each} " in said for each in asked] == [True]


@pytest.mark.parametrize("release", RELEASES)
def test_a_registry_with_a_sign_in_is_told_to_every_account(overlay: str, release: str, tmp_path: Path) -> None:
    (shown,) = [block for block in blocks(README.read_text(), "yaml") if "imagePullSecrets" in block]
    patches: list[dict[str, Any]] = yaml.safe_load(shown)["patches"]
    made = build_own(tmp_path, overlay, patches=patches)
    (tmp_path / "restore").mkdir()
    own = {"resources": [os.path.relpath(K8S / "restore", (tmp_path / "restore").resolve())], "patches": patches}
    (tmp_path / "restore" / "kustomization.yaml").write_text(yaml.safe_dump(own))
    accounts = [each for each in made + kustomize(tmp_path / "restore") if each["kind"] == "ServiceAccount"]
    assert {each["metadata"]["name"] for each in accounts} >= {"gateway", "backup", "restore"}
    for each in accounts:
        assert each["imagePullSecrets"] == [{"name": "registry"}]
        kubernetes_validate.validate(each, release, strict=True)


@pytest.mark.parametrize("release", RELEASES)
def test_a_way_of_ones_own_is_one_that_kubernetes_takes(release: str) -> None:
    (shown,) = [block for block in blocks(README.read_text(), "yaml") if "kind: NetworkPolicy" in block]
    policy = yaml.safe_load(shown)
    kubernetes_validate.validate(policy, release, strict=True)
    assert matches(policy["spec"]["podSelector"], workload("single", "backup").template["metadata"]["labels"])
    assert policy["spec"]["policyTypes"] == ["Egress"]


def test_bounds_for_all_people_together_reach_the_gateway(overlay: str) -> None:
    told = set(re.findall(r"`((?:GATEWAY|WS)_\w+)=\d+`", README.read_text()))
    assert told == {
        *("GATEWAY_RATE_PER_S", "GATEWAY_SIGN_INS_PER_MIN", "WS_MAX_PER_ADDRESS"),
        *("GATEWAY_ADDRESS_SHARES", "GATEWAY_ADDRESS_REQUESTS", "GATEWAY_ADDRESS_LARGE_REQUESTS"),
    }
    pods = environment(workload(overlay, "gateway").main) | environment(workload(overlay, "realtime").main)
    assert {name for name in told if pods[name]["valueFrom"]["configMapKeyRef"]["key"] != name} == set()


def test_the_readme_says_what_keeps_the_ports_of_a_k3s_node_and_who_hides_the_client() -> None:
    text = README.read_text()
    assert "disable: [traefik]" in text
    assert all(name in text for name in ("MetalLB", "GKE", "AKS", "NLB", "DigitalOcean", "Hetzner", "Linode"))
