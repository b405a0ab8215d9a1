"""What is there several times, where a cluster has several nodes."""

import re

from tests.driver.system import ROOT
from tests.k8s.manifests import COMPONENT, DATABASE, environment, names, of_kind, workload, workloads
from tests.k8s.test_2_pods import SCALED, SEVERAL, constant

MIN, MAX = 2, 6
BACKUP_SESSIONS = 4


def test_what_may_be_there_twice_is() -> None:
    scaled = {each["metadata"]["name"]: each["spec"] for each in of_kind("ha", "HorizontalPodAutoscaler")}
    assert scaled.keys() == SCALED
    for name in SEVERAL:
        replicas = workload("ha", name).spec.get("replicas")
        # With an autoscaler the number is its own: every apply would set it back.
        assert replicas == (None if name in SCALED else 2), name
    for name, spec in scaled.items():
        assert (spec["minReplicas"], spec["maxReplicas"]) == (MIN, MAX)
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        (metric,) = spec["metrics"]
        assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_a_budget_lets_a_node_be_emptied() -> None:
    budgets = of_kind("ha", "PodDisruptionBudget")
    assert {each["spec"]["selector"]["matchLabels"][COMPONENT] for each in budgets} == SEVERAL | {"nats"}
    for each in budgets:
        assert each["spec"]["maxUnavailable"] == 1
        assert each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_pods_stand_on_nodes_of_their_own() -> None:
    for name in SEVERAL | {"nats"}:
        spread = {each["topologyKey"]: each for each in workload("ha", name).pod["topologySpreadConstraints"]}
        assert spread["kubernetes.io/hostname"]["whenUnsatisfiable"] == "DoNotSchedule", name
        assert spread["kubernetes.io/hostname"]["maxSkew"] == 1, name


def test_one_node_has_neither_budgets_nor_autoscalers() -> None:
    assert of_kind("single", "PodDisruptionBudget", "HorizontalPodAutoscaler") == []
    assert {each.spec["replicas"] for each in workloads("single") if each.is_served} == {1}


def test_three_nats_servers_keep_each_stream_three_times() -> None:
    nats = workload("ha", "nats")
    assert nats.spec["replicas"] == 3
    routes = re.findall(r"nats://nats-(\d)\.nats-peers:6222", environment(nats.main)["NATS_ROUTES"]["value"])
    assert routes == ["0", "1", "2"]
    assert nats.spec["serviceName"] == "nats-peers"
    assert environment(workload("ha", "provision").main)["NATS_REPLICAS"]["value"] == "3"
    # All of its health, the streams' too (events/tests/integration/test_three_servers.py); time to fetch them.
    startup, alone = nats.main["startupProbe"], workload("single", "nats").main["startupProbe"]
    assert startup["exec"]["command"][-1] == "http://127.0.0.1:8222/healthz"
    assert startup["periodSeconds"] * startup["failureThreshold"] == 900
    assert alone["exec"]["command"][-1].endswith("?js-enabled-only=true")
    config = (ROOT / "compose/nats/cluster.conf").read_text()
    seconds = sum(int(found) for found in re.findall(r"^lame_duck_\w+: (\d+)s", config, re.MULTILINE))
    assert nats.pod["terminationGracePeriodSeconds"] >= seconds + 10


def _connections(overlay: str, room: dict[str, int]) -> float:
    """Return what all pools may take at once, while every service is being replaced."""
    threads = re.search(
        r"`WEB_WORKERS`, `WEB_THREADS` \| (\d+), (\d+)", (ROOT / "services/orders/README.md").read_text()
    )
    assert threads
    orders, usda, notify = (
        f"services/{name}" for name in ("orders/src/orders", "usda-ingest/src/usda_ingest", "notify/src/notify")
    )
    pools = {
        "orders-web": int(threads.group(1)) * int(threads.group(2)),
        "orders-worker": constant(f"{orders}/bootstrap.py", "WORKER_POOL_SIZE")
        + constant(f"{orders}/bootstrap.py", "TASK_POOL_SIZE"),
        # The service's own, a crawl that staff began and a forecast run.
        "usda": 9 + constant(f"{usda}/crawling/crawl.py", "POOL_SIZE") + 2,
        "notify": constant(f"{notify}/service.py", "POOL_SIZE") + constant(f"{notify}/service.py", "POOL_OVERFLOW"),
    }
    assert constant(f"{usda}/service.py", "API_THREADS") + 5 == 9
    surge = {name: 0 if workload(overlay, name).spec["strategy"] == {"type": "Recreate"} else 1 for name in pools}
    # A backup keeps a session in each database, and dumps one after the other by one more.
    jobs = constant(f"{usda}/crawling/crawl.py", "POOL_SIZE") + len(names(overlay, "Job")) + BACKUP_SESSIONS
    return jobs + sum(pools[name] * (room[name] + surge[name]) for name in pools)


def test_the_database_has_a_connection_for_every_pool() -> None:
    alone = dict.fromkeys(("orders-web", "orders-worker", "usda", "notify"), 1)
    args = " ".join(workload("single", "postgres").main["args"])
    (bound,) = re.findall(r"max_connections=(\d+)", args)
    assert int(bound) >= _connections("single", alone) + 10
    (cluster,) = of_kind("ha", "Cluster")
    most = {"orders-web": MAX, "orders-worker": 2, "usda": 1, "notify": 2}
    assert int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]) >= _connections("ha", most) + 10


def _settings() -> dict[str, str]:
    (settings,) = [each for each in of_kind("ha", "ConfigMap") if each["metadata"]["name"].startswith("settings")]
    data: dict[str, str] = settings["data"]
    return data


def test_the_gateways_let_in_what_the_pods_that_are_always_there_can_take() -> None:
    """More would wait inside gunicorn, before /healthz, and without the order in which it came."""
    gateways = workload("ha", "gateway").spec["replicas"]
    assert int(_settings()["ORDERS_CONCURRENCY"]) * gateways == MIN * 16


def test_a_connect_that_meets_a_pod_which_is_gone_is_tried_again() -> None:
    """Of two pods one is led to by every second connection, until its node is known to be away."""
    assert int(_settings()["GATEWAY_CONNECT_TRIES"]) >= 3
    names = {variable["name"] for variable in workload("ha", "gateway").main["env"]}
    assert "GATEWAY_CONNECT_TRIES" in names


def test_the_cluster_of_databases_is_what_the_others_expect() -> None:
    (cluster,) = of_kind("ha", "Cluster")
    spec = cluster["spec"]
    assert spec["instances"] == 3
    assert spec["bootstrap"]["initdb"]["dataChecksums"] is True
    assert spec["imageCatalogRef"]["major"] == int(
        workload("ha", "databases").main["image"].split(":")[1].split("-")[0]
    )
    (named,) = spec["managed"]["services"]["additional"]
    assert (named["selectorType"], named["serviceTemplate"]["metadata"]["name"]) == ("rw", "postgres")
    # Those of Kubernetes the operator has claimed since 1.28, on pods and volumes: it would set them back and forth.
    assert spec["inheritedMetadata"] == {"labels": DATABASE}
    assert DATABASE.items() <= workload("single", "postgres").template["metadata"]["labels"].items()
    assert spec["resources"]["requests"]["memory"] == spec["resources"]["limits"]["memory"]
    assert spec["superuserSecret"]["name"] == "postgres-superuser"
    ours = re.findall(r"-c ([a-z_]+)=(\S+)", " ".join(workload("single", "postgres").main["args"]))
    alike = {name: value for name, value in ours if name not in {"max_connections", "shared_buffers"}}
    assert {name: spec["postgresql"]["parameters"][name] for name in alike} == alike
