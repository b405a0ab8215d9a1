"""Every process of the system, in the order in which they start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from native import nats, postgres, settings
from native.state import ROOT, State


@dataclass(frozen=True)
class Program:
    """One process; `upstreams` are the gateway's names for it, `ready_at` says whether it can serve."""

    name: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    stop_signal: str = "TERM"
    stop_within_s: int = 40
    upstreams: tuple[str, ...] = ()
    ready_at: str = ""


def console_script(project: str, name: str) -> str:
    """Return the path of a console script in a project's environment."""
    return str(ROOT / project / ".venv" / "bin" / name)


def _service(state: State, name: str, command: str, environment: Mapping[str, str], *, upstream: str = "") -> Program:
    """Describe one of our services; its command is `<project> <console script> <argument>`."""
    project, script, argument = command.split()
    port = {"realtime": "realtime-http"}.get(name, name)
    return Program(
        name,
        f"{console_script(project, script)} {argument}",
        environment,
        upstreams=(upstream,) if upstream else (),
        ready_at=f"http://127.0.0.1:{state.ports[port]}/readyz",
    )


def _stores(state: State) -> list[Program]:
    postgres_command = f"{postgres.program()}/postgres -D {postgres.cluster(state)}"
    behind = ("orders", "usda", "notify")
    return [
        Program("postgres", postgres_command, {}, postgres.server_user(), "INT", 60, behind),
        Program("nats", f"{nats.program()} -c {state.folder}/nats/nats.conf", settings.nats_server(state)),
    ]


def _demo_helpers(state: State) -> list[Program]:
    demo = console_script("demo", "mercadito-demo")
    return [
        Program("usda-site", f"{demo} usda-site", settings.usda_site(state)),
        Program("mail-sink", f"{demo} mail-sink", settings.mail_sink(state)),
    ]


def programs(state: State) -> list[Program]:
    """Return every process in the order in which they start."""
    orders, worker = settings.orders(state), settings.orders(state, "orders-worker")
    gateway = Program(
        "gateway",
        str(ROOT / "gateway" / "bin" / "start"),
        settings.gateway(state),
        stop_signal="QUIT",
        ready_at=f"http://127.0.0.1:{state.ports['gateway']}/healthz",
    )
    return [
        *_stores(state),
        *_demo_helpers(state),
        _service(state, "orders-web", "services/orders orders web", orders, upstream="orders"),
        _service(state, "orders-worker", "services/orders orders worker", worker),
        _service(state, "realtime", "services/realtime realtime serve", settings.realtime(state), upstream="realtime"),
        _service(state, "usda", "services/usda-ingest usda-ingest serve", settings.usda(state), upstream="usda"),
        _service(state, "notify", "services/notify notify serve", settings.notify(state), upstream="notify"),
        gateway,
    ]


def program(state: State, name: str) -> Program:
    """Return one process's description by its name."""
    return next(each for each in programs(state) if each.name == name)
