"""Every process of the system, in the order in which they start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from native import postgres, settings
from native.state import ROOT, State

DEMO_HELPERS = ("usda-site", "mail-sink")


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


def programs(state: State) -> list[Program]:
    """Return every process in the order in which they start."""
    ports = state.ports

    def ready(port: str) -> str:
        return f"http://127.0.0.1:{ports[port]}/readyz"

    data = postgres.cluster(state)
    behind = ("orders", "usda", "notify")
    return [
        Program("postgres", f"{postgres.program()}/postgres -D {data}", {}, postgres.server_user(), "INT", 60, behind),
        Program(
            "nats", f"nats-server -c {state.folder}/nats/nats.conf", settings.nats_server(state), stop_signal="TERM"
        ),
        Program("usda-site", f"{console_script('demo', 'mercadito-demo')} usda-site", settings.usda_site(state)),
        Program("mail-sink", f"{console_script('demo', 'mercadito-demo')} mail-sink", settings.mail_sink(state)),
        Program(
            "orders-web",
            f"{console_script('services/orders', 'orders')} web",
            settings.orders(state),
            upstreams=("orders",),
            ready_at=ready("orders-web"),
        ),
        Program(
            "orders-worker",
            f"{console_script('services/orders', 'orders')} worker",
            settings.orders(state, "orders-worker"),
            ready_at=ready("orders-worker"),
        ),
        Program(
            "realtime",
            f"{console_script('services/realtime', 'realtime')} serve",
            settings.realtime(state),
            upstreams=("realtime",),
            ready_at=ready("realtime-http"),
        ),
        Program(
            "usda",
            f"{console_script('services/usda-ingest', 'usda-ingest')} serve",
            settings.usda(state),
            upstreams=("usda",),
            ready_at=ready("usda"),
        ),
        Program(
            "notify",
            f"{console_script('services/notify', 'notify')} serve",
            settings.notify(state),
            upstreams=("notify",),
            ready_at=ready("notify"),
        ),
        Program(
            "gateway",
            str(ROOT / "gateway" / "bin" / "start"),
            settings.gateway(state),
            stop_signal="QUIT",
            ready_at=f"http://127.0.0.1:{ports['gateway']}/healthz",
        ),
    ]


def program(state: State, name: str) -> Program:
    """Return one process's description by its name."""
    return next(each for each in programs(state) if each.name == name)
