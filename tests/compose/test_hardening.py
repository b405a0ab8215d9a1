"""Every setting of the checklist (reference/reliability.md, §4) asked of every service, with all overlays put together.

What is otherwise for a reason is listed here, and its reason in compose/README.md.
"""

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.compose.overlays import FOLDER, Service, compose_problem, overlays, rendered, seconds
from tests.driver.system import ROOT

# Each with its row in compose/README.md, "Where the checklist is left".
OTHERWISE: dict[str, set[str]] = {
    "cpus": {"gateway", "orders-web", "orders-worker", "realtime", "notify", "postgres", "nats"},
    "user": {"postgres", "prometheus", "grafana"},
    "healthcheck": {"acme", "collector", "jaeger"},
    "stop_grace_period": {"acme", "backup"},
}
POSTGRES_USER = "999:999"
SPARE_CONNECTIONS = 10


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    """Return all services of all overlays, as they would run."""
    problem = compose_problem()
    if problem and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    found: dict[str, Service] = rendered(*overlays())["services"]
    return found


def is_job(service: Service) -> bool:
    return bool(service.get("restart", "no") == "no")


def has_limits(service: Service) -> bool:
    return 0 < int(service.get("mem_limit", 0)) <= 512 * 2**20 and 0 < int(service.get("pids_limit", 0)) <= 200


def keeps_few_logs(service: Service) -> bool:
    return bool(service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}})


def is_watched(service: Service) -> bool:
    check = service.get("healthcheck", {})
    if is_job(service):
        return True
    if not check:
        return False
    often = seconds(check["interval"]) == 5 and seconds(check["timeout"]) == 3 and check["retries"] == 5
    return often and seconds(check["start_period"]) >= 30 and not check.get("disable")


def has_time_to_stop(service: Service) -> bool:
    return is_job(service) or seconds(service["stop_grace_period"]) >= 15


def is_pinned(service: Service) -> bool:
    name = service["image"]
    return bool(re.search(r"(@sha256:[0-9a-f]{64}|:v?\d[\w.+-]*)$", name)) and "latest" not in name


def publishes_only_here(service: Service) -> bool:
    return all(port.get("host_ip") == "127.0.0.1" for port in service.get("ports", []))


def waits_by_condition(service: Service) -> bool:
    conditions = {need["condition"] for need in service.get("depends_on", {}).values()}
    return conditions <= {"service_healthy", "service_completed_successfully"}


SETTINGS: dict[str, Callable[[Service], bool]] = {
    "image": is_pinned,
    "init": lambda service: service.get("init") is True,
    "restart": lambda service: service.get("restart") in {"unless-stopped", "no"},
    "user": lambda service: service.get("user") == "10001:10001",
    "read_only": lambda service: service.get("read_only") is True,
    "tmpfs": lambda service: bool(service.get("tmpfs")) and all("size=" in mount for mount in service["tmpfs"]),
    "cap_drop": lambda service: service.get("cap_drop") == ["ALL"] and not service.get("cap_add"),
    "security_opt": lambda service: service.get("security_opt") == ["no-new-privileges:true"],
    "privileged": lambda service: not service.get("privileged"),
    "namespaces": lambda service: not {"pid", "ipc", "network_mode", "userns_mode", "devices"} & service.keys(),
    "mem_limit": has_limits,
    "cpus": lambda service: 0 < float(service.get("cpus", 0)) <= 1,
    "cpu_shares": lambda service: service.get("cpu_shares", 0) > 0,
    "ulimits": lambda service: 0 < service["ulimits"]["nofile"] <= 8192 * 2,
    "logging": keeps_few_logs,
    "networks": lambda service: bool(service.get("networks")),
    "healthcheck": is_watched,
    "stop_grace_period": has_time_to_stop,
    "depends_on": waits_by_condition,
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_checklist_is_each_services(services: dict[str, Service], setting: str) -> None:
    without = {name for name, service in services.items() if not SETTINGS[setting](service)}
    assert without == OTHERWISE.get(setting, set())


def test_what_is_otherwise_has_its_reason_in_the_readme() -> None:
    text = (FOLDER / "README.md").read_text()
    section = text.split("## Where the checklist is left", 1)[1].split("\n## ", 1)[0]
    told = {re.match(r"\| `(\w+)`", line): line for line in section.splitlines()}
    rows = {found.group(1): line for found, line in told.items() if found}
    for setting, names in OTHERWISE.items():
        assert [name for name in names if f"`{name}`" not in rows[setting]] == []


def test_only_the_gateway_is_reached_from_outside_this_machine(services: dict[str, Service]) -> None:
    assert {name for name, service in services.items() if not publishes_only_here(service)} == {"gateway"}


def test_the_socket_of_the_engine_and_the_machines_own_folders_are_nobodys(services: dict[str, Service]) -> None:
    bound = {
        (name, volume["source"])
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    }
    forbidden = ("/", "/etc", "/var/run", "/run", "/proc", "/sys", "/root", "/home", "/var/lib/docker")
    assert {each for each in bound if each[1] in forbidden or each[1].endswith(".sock")} == set()


def test_what_people_wait_for_weighs_more_than_what_they_do_not(services: dict[str, Service]) -> None:
    weight = {name: service["cpu_shares"] for name, service in services.items()}
    assert {weight[name] for name in OTHERWISE["cpus"]} == {1024}
    assert {weight[name] for name in weight.keys() - OTHERWISE["cpus"]} == {256}


def test_no_password_has_a_default() -> None:
    given = re.compile(r"^\s+\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*: \$\{\w+:?-([^}]+)\}", re.MULTILINE)
    assert {name: found for name in files() if (found := given.findall((FOLDER / name).read_text()))} == {}


def files() -> list[str]:
    return sorted(file.name for file in FOLDER.glob("compose*.yaml"))


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        *(("orders-web", 45), ("orders-worker", 45), ("realtime", 45), ("usda", 45), ("gateway", 45)),
        *(("nats", 45), ("notify", 60), ("postgres", 120)),
    ],
)
def test_what_finishes_its_work_has_the_time(services: dict[str, Service], name: str, at_least: int) -> None:
    assert seconds(services[name]["stop_grace_period"]) >= at_least


@pytest.mark.usefixtures("services")
def test_databases_and_events_have_no_way_out_where_they_serve() -> None:
    for names in ((), ("demo",), ("tls",)):
        content = rendered(*names)
        assert content["networks"]["data"]["internal"] is True
        assert set(content["services"]["postgres"]["networks"]) == {"data"}
        assert set(content["services"]["nats"]["networks"]) == {"data"}


def constant(path: str, name: str) -> int:
    """Return a number that a service's source names."""
    (found,) = re.findall(rf"^{name} = (\d+)", (ROOT / "services" / path).read_text(), re.MULTILINE)
    return int(found)


def told_to_postgres(services: dict[str, Service]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in services["postgres"]["command"] if "=" in word)


def test_postgresql_is_set_as_the_checklist_says(services: dict[str, Service]) -> None:
    postgres, told = services["postgres"], told_to_postgres(services)
    assert "--data-checksums" in postgres["environment"]["POSTGRES_INITDB_ARGS"]
    assert (told["timezone"], told["log_timezone"]) == ("UTC", "UTC")
    assert told["idle_in_transaction_session_timeout"] == "60s"
    # Who is cut off is forgotten, with all it has locked, after 10 + 2 · 5 s.
    keepalives = [told[f"tcp_keepalives_{name}"] for name in ("idle", "interval", "count")]
    assert [*keepalives, told["tcp_user_timeout"]] == ["10", "5", "2", "20000"]
    assert postgres["stop_signal"] == "SIGINT"
    # In memory that the limit counts, and more than parallel plans of these tables take.
    assert int(postgres["shm_size"]) >= 128 * 2**20
    assert int(postgres["shm_size"]) < int(postgres["mem_limit"])


def test_every_role_waits_for_a_statement_and_a_lock_no_longer_than_it_should() -> None:
    script = (FOLDER / "postgres/databases.sql").read_text()
    settings = dict(re.findall(r"\('(\w+)', '(\w+)'\)", script.split("AS setting (name, value)")[0]))
    assert settings["statement_timeout"] == "10s"
    assert settings["lock_timeout"] == "3s"
    assert settings["idle_in_transaction_session_timeout"] == "60s"
    assert "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS" in script


def test_the_database_has_a_connection_for_every_pool_and_ten_more(services: dict[str, Service]) -> None:
    web = services["orders-web"]["environment"]
    orders, usda, notify = (
        f"{name}/src/{name.replace('usda-', 'usda_')}" for name in ("orders", "usda-ingest", "notify")
    )
    pools = [
        int(web["WEB_WORKERS"]) * int(web["WEB_THREADS"]),
        constant(f"{orders}/bootstrap.py", "WORKER_POOL_SIZE"),
        # A long task of staff, and the demo's job.
        constant(f"{orders}/bootstrap.py", "TASK_POOL_SIZE") * 2,
        constant(f"{usda}/service.py", "API_THREADS") + 5,
        # The crawl, and a forecast run.
        constant(f"{usda}/crawling/crawl.py", "POOL_SIZE") + 2,
        constant(f"{notify}/service.py", "POOL_SIZE") + constant(f"{notify}/service.py", "POOL_OVERFLOW"),
        # Its role may not have more.
        int(re.findall(r"ROLE backup CONNECTION LIMIT (\d+)", (FOLDER / "postgres/databases.sql").read_text())[0]),
        # Databases are made before any migrates, and the three migrate side by side.
        len([name for name in services if name.startswith("migrate-")]),
    ]
    assert int(told_to_postgres(services)["max_connections"]) >= sum(pools) + SPARE_CONNECTIONS


def test_every_stream_has_its_room_at_nats_and_what_is_acknowledged_is_on_the_disk(
    services: dict[str, Service],
) -> None:
    config_text = (FOLDER / "nats/nats.conf").read_text()
    (room,) = re.findall(r"max_file_store: (\d+)GB", config_text)
    streams: dict[str, Any] = yaml.safe_load((ROOT / "events/streams.yaml").read_text())
    default = streams["defaults"]["stream"]
    wanted = sum(stream.get("max_mb", default["max_mb"]) for stream in streams["streams"].values())
    assert wanted <= int(room) * 1024
    (folder,) = re.findall(r'store_dir: "(\S+)"', config_text)
    assert folder in {volume["target"] for volume in services["nats"]["volumes"] if volume["type"] == "volume"}
    assert "sync_interval: always" in config_text
    assert (default["max_age_days"], default["duplicate_window_s"]) == (7, 600)
    assert streams["defaults"]["durable"]["max_deliver"] == 20


def test_gunicorn_outwaits_the_gateway_and_ends_before_it_is_killed(services: dict[str, Service]) -> None:
    settings = (ROOT / "services/orders/src/orders/entrypoints/gunicorn_config.py").read_text()
    number = {name: int(value) for name, value in re.findall(r"^(\w+) = (\d+)$", settings, re.MULTILINE)}
    assert (number["timeout"], number["graceful_timeout"], number["keepalive"]) == (30, 30, 75)
    assert number["graceful_timeout"] < seconds(services["orders-web"]["stop_grace_period"])
    (idle,) = re.findall(r"UPSTREAM_IDLE_S \d+ \d+ (\d+) ", (ROOT / "gateway/bin/settings.sh").read_text())
    assert int(idle) < number["keepalive"]
    assert "keepalive_timeout @UPSTREAM_IDLE_S@s;" in (ROOT / "gateway/conf/nginx.conf.template").read_text()
