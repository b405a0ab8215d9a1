"""What every pod of the overlays must have: each setting of the checklist for Kubernetes, asked of all objects."""

import re
from typing import Any

from tests.driver.system import ROOT
from tests.k8s.manifests import (
    COMPONENT,
    OURS,
    Workload,
    build,
    containers,
    environment,
    matches,
    names,
    of_kind,
    workload,
    workloads,
)

PAUSES = {"single": {"orders-web", "realtime", "usda", "notify"}, "ha": {"usda"}}
SEVERAL = {"gateway", "orders-web", "orders-worker", "realtime", "notify"}
SCALED = {"orders-web", "realtime"}
# Roots of trust: nobody but these reads what they sign with, or a superuser's password.
ONLY_FOR = {"identity-key": {"orders-web"}}
# At most that of the hook is taken before SIGTERM comes: 10 s asleep; 12 s for the answer, 5 s, 2 s for the second one,
# and 1 s each for a gateway that cannot be reached.
ASLEEP_S, PAUSING_S = 10, 21
# A cloud's balancer asks a node two or three times, 10 s apart, before it sends it nobody any more.
GATEWAY_ASLEEP_S = 30
SLACK_S = 5
# Its threads answer requests and /healthz alike: while the database hangs (a session notices after 20 s, the next one
# waits 5 s for its connection), nobody is free to answer, and a new process would be no better.
BUSY_IS_NOT_DEAD = {"orders-web"}
# From a pod's creation to its being ready, but for the wait for the schema.
SLOWEST_START_S = 300


def constant(path: str, name: str) -> float:
    """Return a number that a service's source names."""
    found = re.search(rf"^{name} = ([\d_.]+)", (ROOT / path).read_text(), re.MULTILINE)
    assert found, f"{path} has no {name}"
    return float(found.group(1))


def default(path: str, name: str) -> float:
    """Return the default in a table of settings: | `NAME` | 30 (1-600) | …"""
    found = re.search(rf"\| `{name}`[^|]*\| (\d+)", (ROOT / path).read_text())
    assert found, f"{path} has no {name}"
    return float(found.group(1))


def drains() -> dict[str, float]:
    """Seconds that each process takes at most, after SIGTERM, for what it has in hand."""
    usda = "services/usda-ingest/src/usda_ingest"
    notify = "services/notify/src/notify"
    return {
        "orders-web": constant("services/orders/src/orders/entrypoints/gunicorn_config.py", "graceful_timeout"),
        "orders-worker": constant("services/orders/src/orders/entrypoints/worker.py", "DRAIN_TIMEOUT_S"),
        "realtime": default("services/realtime/README.md", "WS_DRAIN_S")
        + constant("services/realtime/src/realtime/workers.py", "LAST_GRACE_S"),
        "usda": constant(f"{usda}/service.py", "DRAIN_S") + constant(f"{usda}/crawling/children.py", "STOP_S"),
        "notify": constant(f"{notify}/sending/sender.py", "DRAIN_S") + constant(f"{notify}/service.py", "HTTP_DRAIN_S"),
        "gateway": default("gateway/README.md", "GATEWAY_SHUTDOWN_S"),
    }


def test_the_namespace_takes_restricted_pods_alone(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_pod_may_do_no_more_than_it_must(overlay: str) -> None:
    for each in workloads(overlay):
        context = each.pod["securityContext"]
        assert context["runAsNonRoot"] is True, each.name
        assert context["runAsUser"] == (999 if each.name == "postgres" else 10001), each.name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, each.name
        assert each.pod["automountServiceAccountToken"] is False, each.name
        assert each.pod["enableServiceLinks"] is False, each.name
        # Of others on the node it sees nothing, and no file of the node.
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & each.pod.keys(), each.name
        assert not [volume for volume in each.pod["volumes"] if "hostPath" in volume], each.name
    for where, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, where
        assert not [port for port in container.get("ports", []) if "hostPort" in port], where


def test_every_workload_has_an_account_of_its_own_without_rights(overlay: str) -> None:
    assert [each.name for each in workloads(overlay) if each.pod["serviceAccountName"] != each.name] == []
    assert all(each["automountServiceAccountToken"] is False for each in of_kind(overlay, "ServiceAccount"))
    assert names(overlay, "ServiceAccount") == {each.name for each in workloads(overlay)}
    assert of_kind(overlay, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding") == []


def test_everything_is_bounded(overlay: str) -> None:
    for where, container in containers(overlay):
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert limits["memory"] == requests["memory"], where
        assert limits["ephemeral-storage"] == requests["ephemeral-storage"], where
        assert "cpu" not in limits, where
    for each in workloads(overlay):
        assert "cpu" in each.main["resources"]["requests"], each.name
        empty = [volume["emptyDir"] for volume in each.pod["volumes"] if "emptyDir" in volume]
        assert all("sizeLimit" in volume for volume in empty), each.name
        room = _mebibytes(each.main["resources"]["limits"]["ephemeral-storage"])
        assert sum(_mebibytes(v["sizeLimit"]) for v in empty if v.get("medium") != "Memory") < room, each.name


def _mebibytes(text: str) -> float:
    return float(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]]


def test_a_process_is_asked_whether_it_lives_and_whether_it_can_serve(overlay: str) -> None:
    for each in workloads(overlay):
        asked = {name for name in each.main if name.endswith("Probe")}
        if not each.is_served:
            assert asked == set(), each.name
            continue
        assert asked == {"startupProbe", "livenessProbe", "readinessProbe"}, each.name
        if each.kind != "Deployment":
            continue
        startup, liveness, readiness = (each.main[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))
        assert (startup["periodSeconds"], startup["failureThreshold"]) == (5, 30), each.name
        assert (liveness["periodSeconds"], liveness["failureThreshold"], liveness["timeoutSeconds"]) == (
            (10, 6, 10) if each.name in BUSY_IS_NOT_DEAD else (10, 3, 3)
        ), each.name
        assert (readiness["periodSeconds"], readiness["failureThreshold"]) == (5, 2), each.name
        # What others do wrong restarts nothing: /healthz asks nobody.
        assert startup["httpGet"]["path"] == liveness["httpGet"]["path"] == "/healthz", each.name
        ready = "/healthz" if each.name == "gateway" else "/readyz"
        assert readiness["httpGet"]["path"] == ready, each.name


def test_a_path_and_a_port_that_is_asked_is_one_that_the_process_has(overlay: str) -> None:
    kit = (ROOT / "events/src/mercadito_events/service/health.py").read_text()
    gateway = "".join(file.read_text() for file in (ROOT / "gateway" / "conf").iterdir())
    assert all(path in kit for path in ("/healthz", "/readyz", "/metrics"))
    assert re.search(r"location = /healthz", gateway)
    for each in workloads(overlay):
        ports = {port["name"]: port["containerPort"] for port in each.main.get("ports", [])}
        told = {name: value.get("value") for name, value in environment(each.main).items()}
        wanted = {
            **({"http": told["HTTP_PORT"]} if each.name in OURS else {}),
            **({"ws": told["WS_PORT"]} if each.name == "realtime" else {}),
        }
        if each.name == "gateway":
            wanted = {"http": "GATEWAY_PORT", "https": "GATEWAY_TLS_PORT", "admin": "GATEWAY_ADMIN_PORT"}
            wanted = {name: told[str(setting)] for name, setting in wanted.items()}
        assert {name: str(ports[name]) for name in wanted} == wanted, each.name
        probed = {each.main[name]["httpGet"]["port"] for name in each.main if "httpGet" in str(each.main[name])[:12]}
        assert probed <= ports.keys(), each.name


def test_new_pods_come_before_old_ones_go(overlay: str) -> None:
    for each in workloads(overlay):
        if each.kind != "Deployment":
            continue
        assert each.spec["minReadySeconds"] == 10, each.name
        assert each.spec["revisionHistoryLimit"] == 5, each.name
        # A pod that still waits for its schema is no failure.
        waits = constant("events/src/mercadito_events/service/migrations.py", "SCHEMA_WAIT_S")
        longest = waits + SLOWEST_START_S if each.pod.get("initContainers") else SLOWEST_START_S
        assert each.spec["progressDeadlineSeconds"] == longest, each.name
        # A volume that one node can have at a time allows no other way.
        moves = overlay == "ha" and each.name == "usda"
        surge = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        assert each.spec["strategy"] == ({"type": "Recreate"} if moves else surge), each.name


def _asleep_s(name: str) -> int:
    return GATEWAY_ASLEEP_S if name == "gateway" else ASLEEP_S


def _hook(each: Workload) -> dict[str, Any] | None:
    found: dict[str, Any] | None = each.main.get("lifecycle", {}).get("preStop")
    return found


def test_who_is_alone_pauses_its_upstream_and_who_is_not_sleeps(overlay: str) -> None:
    hooks = {each.name: _hook(each) for each in workloads(overlay) if each.kind == "Deployment"}
    pausing = {name for name, hook in hooks.items() if hook and "bash" in str(hook.get("exec"))}
    assert pausing == PAUSES[overlay]
    asleep = {name for name, hook in hooks.items() if hook == {"sleep": {"seconds": _asleep_s(name)}}}
    assert pausing | asleep == hooks.keys() - {"orders-worker"}  # nobody sends that one requests
    upstreams = set(re.findall(r'"([a-z]+)"', _names_of_upstreams()))
    for name in pausing:
        each = workload(overlay, name)
        # The hook reads it of the pod, where a workload's own labels are not.
        assert each.template["metadata"]["labels"]["mercadito.example/upstream"] in upstreams
        assert {"pause", "gateway-admin"} <= {mount["name"] for mount in each.main["volumeMounts"]}
    with_token = {each.name for each in workloads(overlay) if "gateway_admin_token" in str(each.pod["volumes"])}
    assert with_token == pausing | {"gateway"}


def test_a_label_that_a_pod_reads_of_itself_is_one_that_it_has(overlay: str) -> None:
    """Of one that is missing the kubelet says nothing: the variable is there and empty."""
    read = [
        (each, container["name"], label)
        for each in workloads(overlay)
        for container in each.containers
        for variable in environment(container).values()
        for label in re.findall(r"^metadata\.labels\['(.+)'\]$", _field(variable))
    ]
    assert {each.name for each, _, _ in read} == PAUSES[overlay]
    assert [
        (each.name, where) for each, where, label in read if not each.template["metadata"]["labels"].get(label)
    ] == []


def _field(variable: dict[str, Any]) -> str:
    return str(variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", ""))


def _names_of_upstreams() -> str:
    found = re.search(r"names = \{([^}]+)\}", (ROOT / "gateway/lua/mercadito/upstreams.lua").read_text())
    assert found
    return found.group(1)


def test_a_process_has_time_to_end(overlay: str) -> None:
    for each in workloads(overlay):
        if each.kind != "Deployment":
            continue
        hook = _hook(each) or {}
        before = _asleep_s(each.name) if "sleep" in hook else PAUSING_S if "exec" in hook else 0
        needed = before + drains()[each.name] + SLACK_S
        assert each.pod["terminationGracePeriodSeconds"] >= needed, each.name
    assert workload(overlay, "realtime").pod["terminationGracePeriodSeconds"] == 90
    # README.md says so: 30 s asleep, 30 s for answers, and time to spare.
    assert workload(overlay, "gateway").pod["terminationGracePeriodSeconds"] == 75


def test_the_gateway_is_told_to_end_by_a_signal_that_lets_it_finish(overlay: str) -> None:
    assert "\nSTOPSIGNAL SIGQUIT\n" in (ROOT / "gateway/Dockerfile").read_text()
    assert "stopSignal" not in workload(overlay, "gateway").main.get("lifecycle", {})


def test_the_hook_waits_longer_than_the_gateway_keeps_a_connection(overlay: str) -> None:
    script = (ROOT / "k8s/components/pause/pause").read_text()
    seconds = {name: int(value) for name, value in re.findall(r"readonly ([A-Z_]+)_S=(\d+)", script)}
    assert seconds["SETTLE"] > default("gateway/README.md", "GATEWAY_UPSTREAM_IDLE_S")
    # Nobody is kept waiting for so long that the gateway gives up; and the pause outlives the hook.
    assert seconds["DRAIN"] + seconds["SETTLE"] < default("gateway/README.md", "GATEWAY_HOLD_S")
    assert seconds["PAUSE_MAX"] > seconds["DRAIN"] + seconds["SETTLE"]
    assert seconds["DRAIN"] + 2 + seconds["SETTLE"] + 2 + 2 * seconds["CONNECT"] == PAUSING_S


def test_pods_start_when_the_schema_is_there_and_only_jobs_migrate(overlay: str) -> None:
    for each in workloads(overlay):
        waits = [container["args"] for container in each.pod.get("initContainers", [])]
        wanted = {"orders-web": "orders", "orders-worker": "orders", "notify": "notify"}
        wanted |= {"usda": "usda-ingest", "usda-crawl": "usda-ingest"}
        assert waits == ([[wanted[each.name], "migrate", "--wait"]] if each.name in wanted else []), each.name
        owner = "MIGRATION_DATABASE_URL" in environment(each.main)
        assert owner == (each.kind == "Job" and each.name.startswith("migrate-")), each.name


def test_jobs_may_be_tried_again_and_go_away(overlay: str) -> None:
    jobs = of_kind(overlay, "Job")
    assert {each.name for each in workloads(overlay) if each.kind == "Job"} == {
        *("databases", "migrate-orders", "migrate-usda", "migrate-notify", "provision"),
    }
    for each in jobs:
        # Whoever deletes them to have them run again (docs/operations.md) means no others.
        assert each["metadata"]["labels"]["mercadito.example/runs"] == "once"
        assert each["spec"]["backoffLimit"] > 0
        assert each["spec"]["activeDeadlineSeconds"]
        assert each["spec"]["ttlSecondsAfterFinished"]


def test_what_must_stay_stays(overlay: str) -> None:
    for each in of_kind(overlay, "StatefulSet"):
        keeps = each["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert keeps == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        assert each["spec"]["volumeClaimTemplates"]
    assert workload(overlay, "nats").pod["terminationGracePeriodSeconds"] >= 45
    assert workload(overlay, "nats").spec["minReadySeconds"] == 10
    limit = re.search(r"max_file_store: (\d+)GB", (ROOT / "compose/nats/nats.conf").read_text())
    (claim,) = workload(overlay, "nats").spec["volumeClaimTemplates"]
    assert limit
    assert _mebibytes(claim["spec"]["resources"]["requests"]["storage"]) > int(limit.group(1)) * 1024


def test_the_private_key_is_seen_by_what_signs_alone(overlay: str) -> None:
    for secret, may in ONLY_FOR.items():
        seen = {each.name for each in workloads(overlay) if f"'{secret}'" in str(each.pod["volumes"])}
        assert seen == may


def test_a_service_finds_pods_at_a_port_that_they_have(overlay: str) -> None:
    for service in of_kind(overlay, "Service"):
        found = [
            each
            for each in workloads(overlay)
            if matches({"matchLabels": service["spec"]["selector"]}, each.template["metadata"]["labels"])
        ]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"] for port in found[0].main["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    (door,) = [each for each in of_kind(overlay, "Service") if each["spec"].get("type")]
    assert door["metadata"]["name"] == "gateway"
    assert door["spec"]["externalTrafficPolicy"] == "Local"


def test_only_one_workload_has_a_label(overlay: str) -> None:
    labels = [each.template["metadata"]["labels"][COMPONENT] for each in workloads(overlay)]
    assert len(labels) == len(set(labels))
    assert all(each["kind"] for each in build(overlay))
