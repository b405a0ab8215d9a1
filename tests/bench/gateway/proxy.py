"""What all proxies have in common: they start, answer at a port, and are stopped; ours can be asked and paused, too."""

import asyncio
import json
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from native import installation
from tests.bench.gateway.client import Call, send
from tests.bench.gateway.launch import Process, launch, until
from tests.bench.gateway.nginx import plain, services
from tests.bench.processes import children, pss_mb
from tests.bench.world import ROOT, BenchFailed
from tests.driver.ports import free_port

OURS = "ours"
PEERS = ("nginx", "haproxy", "caddy")
TOKEN = "operator-token-of-the-bench"
HOLD_S = 25
NGINX = installation.find_program("nginx") or "nginx"
_READY_WITHIN_S = 10


@dataclass
class Proxy:
    """A proxy in front of one service."""

    name: str
    folder: Path
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: Process | None = None

    async def start(self) -> "Proxy":
        """Start it and wait until it listens."""
        self.process = launch(self.command, self.folder / "log", self.environment)
        process = self.process

        async def listens() -> bool:
            if not process.alive():
                raise BenchFailed(f"{self.name} ended:\n{process.log.read_text()[-2000:]}")
            return (await send(self.port, Call("listens", path="/healthz"))).status > 0

        await until(listens, _READY_WITHIN_S, f"{self.name} listens")
        return self

    def pids(self) -> list[int]:
        """Return the processes that serve: nginx's workers, HAProxy and Caddy themselves."""
        pid = self.process.pid if self.process else 0
        return list(children(pid)) or [pid]

    def pss_kb(self) -> float:
        """Return what they weigh."""
        return sum(pss_mb(pid) * 1024 for pid in self.pids())

    def stop(self) -> None:
        """End it, and what it started."""
        if self.process:
            self.process.stop(signal.SIGTERM)


@dataclass
class Gateway(Proxy):
    """Ours, by gateway/bin/start, with an admin listener."""

    admin_port: int = field(default_factory=free_port)

    async def _read(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.admin_port}{path}")

    async def metric(self, name: str, upstream: str = "orders") -> float:
        """Return one value of /metrics."""
        text = (await self._read("/metrics")).text
        found = re.search(rf'^{name}\{{upstream="{upstream}"\}} (\S+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def reaches(self, state: str, upstream: str = "orders") -> None:
        """Wait until a service is up, held or paused."""

        async def is_there() -> bool:
            rows = (await self._read("/status")).json()["upstreams"]
            return bool(rows[upstream]["state"] == state)

        await until(is_there, _READY_WITHIN_S, f"{upstream} is {state}")

    async def waits(self, number: int) -> None:
        """Wait until so many requests wait for orders."""

        async def so_many() -> bool:
            return await self.metric("gateway_waiting") >= number

        await until(so_many, _READY_WITHIN_S, f"{number} requests wait")

    async def order(self, action: str) -> None:
        """Pause or resume orders; pausing drains."""
        url = f"http://127.0.0.1:{self.admin_port}/upstreams/orders/{action}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await asyncio.to_thread(httpx.post, url, headers=headers, timeout=30)
        if answer.status_code != httpx.codes.OK:
            raise BenchFailed(f"{action}: {answer.status_code} {answer.text}")

    def lines(self) -> list[dict[str, str]]:
        """Return its access lines."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines() if line.startswith("{")]


@dataclass
class Services:
    """What the gateway also asks after: services that are always there, all in one nginx that counts for nobody."""

    folder: Path
    ports: dict[str, int]
    process: Process

    def stop(self) -> None:
        """End it."""
        self.process.stop()


def start_services(folder: Path) -> Services:
    """Start all of the system's services as one fast nginx."""
    home = _folder(folder, "services")
    ports = {name: free_port() for name in ("orders", "usda", "notify", "realtime")}
    (home / "nginx.conf").write_text(services(home, ports))
    return Services(home, ports, launch([NGINX, "-p", home, "-c", home / "nginx.conf", "-e", "stderr"], home / "log"))


def gateway(folder: Path, ports: Mapping[str, int], **more: str) -> Gateway:
    """Return ours; `more` are settings."""
    home = _folder(folder, OURS)
    (home / "token").write_text(TOKEN + "\n")
    _folder(home, "static")
    made = Gateway(OURS, home, [ROOT / "gateway" / "bin" / "start"])
    made.environment = {
        "MERCADITO_ENV": "test",
        "GATEWAY_PORT": str(made.port),
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_ADMIN_PORT": str(made.admin_port),
        "GATEWAY_ADMIN_TOKEN_FILE": str(home / "token"),
        "GATEWAY_STATE_DIR": str(home / "state"),
        "STATIC_DIR": str(home / "static"),
        # The rate of one address is what the load generator comes from; the limit itself stays in the way.
        "GATEWAY_RATE_PER_S": "1000000",
        "ORDERS_UPSTREAM": f"127.0.0.1:{ports['orders']}",
        "USDA_UPSTREAM": f"127.0.0.1:{ports['usda']}",
        "NOTIFY_UPSTREAM": f"127.0.0.1:{ports['notify']}",
        "REALTIME_HTTP_UPSTREAM": f"127.0.0.1:{ports['realtime']}",
        "REALTIME_WS_UPSTREAM": f"127.0.0.1:{ports['realtime']}",
        **more,
    }
    return made


def plain_nginx(folder: Path, upstream: int, extras: Sequence[str] = ()) -> Proxy:
    """Return nginx with our headers and our log, and nothing else of ours."""
    home = _folder(folder, "nginx")
    made = Proxy("nginx", home, [NGINX, "-p", home, "-c", home / "nginx.conf", "-e", "stderr"])
    (home / "nginx.conf").write_text(plain(home, made.port, upstream, extras))
    return made


def haproxy(folder: Path, upstream: int, cap: int) -> Proxy:
    """Return HAProxy as reference/gateway.md names it: it tries again for 30 s, and queues what is above the cap."""
    home = _folder(folder, "haproxy")
    made = Proxy("haproxy", home, [_program("haproxy"), "-db", "-f", home / "haproxy.cfg"])
    (home / "haproxy.cfg").write_text(
        "global\n  maxconn 8000\n  nbthread 2\n  log stdout format raw local0 info\n"
        "defaults\n  mode http\n  log global\n  option httplog\n  option redispatch\n  retries 30\n"
        f"  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n  timeout queue {HOLD_S}s\n"
        f"frontend public\n  bind 127.0.0.1:{made.port}\n  default_backend orders\n"
        f"backend orders\n  server orders 127.0.0.1:{upstream} maxconn {cap}\n"
    )
    return made


def caddy(folder: Path, upstream: int) -> Proxy:
    """Return Caddy, which tries again for as long as we hold, at its own interval."""
    home = _folder(folder, "caddy")
    command: list[str | Path] = [_program("caddy"), "run", "--adapter", "caddyfile", "--config", home / "Caddyfile"]
    made = Proxy("caddy", home, command, {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)})
    (home / "Caddyfile").write_text(
        "{\n  admin off\n  auto_https off\n}\n"
        f"http://:{made.port} {{\n  bind 127.0.0.1\n  log {{\n    output file {home}/access.log\n  }}\n"
        f"  reverse_proxy 127.0.0.1:{upstream} {{\n    lb_try_duration {HOLD_S}s\n  }}\n}}\n"
    )
    return made


def installed_peers() -> list[str]:
    """Return the names of the peers that can be started here."""
    return [name for name in PEERS if installation.find_program(name)]


def make(name: str, folder: Path, ports: Mapping[str, int], cap: int) -> Proxy:
    """Return a proxy in front of orders, which works on `cap` requests at once."""
    if name == OURS:
        return gateway(folder, ports, ORDERS_CONCURRENCY=str(cap))
    upstream = ports["orders"]
    if name == "haproxy":
        return haproxy(folder, upstream, cap)
    return caddy(folder, upstream) if name == "caddy" else plain_nginx(folder, upstream)


def _program(name: str) -> str:
    return installation.find_program(name) or name


def _folder(folder: Path, name: str) -> Path:
    """Return a new folder that nginx's workers can enter."""
    home = folder / name
    for number in range(1, 100):
        if not home.exists():
            break
        home = folder / f"{name}-{number}"
    home.mkdir()
    home.chmod(0o755)
    return home
