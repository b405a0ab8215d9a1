"""`make status`, `make restart`, `make logs`, `make stop`, and commands of the services: on a running system."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from native import health, orphans, settings
from native.programs import Program, console_script, program
from native.state import State
from native.supervision import Supervisor

PAUSE_MAX_S = 90
PAUSE_DRAIN_S = 10
READY_WITHIN_S = 60
LOG_LINES = 200
# Open WebSockets would keep the gateway's workers, so realtime says goodbye first; stores go when nobody needs them.
STOP_ORDER = (
    ("realtime",),
    ("gateway",),
    ("orders-web", "orders-worker", "usda", "notify"),
    ("nats", "postgres", "usda-site", "mail-sink"),
)


def status(state: State) -> None:
    """Print one line per process: name, state, pid."""
    for process in Supervisor(state).processes():
        print(f"{process.name:<14} {process.state:<9} {process.pid or '-'}")


@contextlib.contextmanager
def _held(state: State, upstreams: tuple[str, ...]) -> Iterator[None]:
    """Keep requests waiting at the gateway meanwhile; where it doesn't answer, go on without."""
    gateway = health.GatewayAdmin(state)
    paused = [upstream for upstream in upstreams if gateway.pause(upstream, max_s=PAUSE_MAX_S, drain_s=PAUSE_DRAIN_S)]
    try:
        yield
    finally:
        for upstream in paused:
            gateway.resume(upstream)


def _wait(each: Program) -> None:
    if each.ready_at:
        health.wait_until_ready(each.name, each.ready_at, within_s=READY_WITHIN_S)


def restart(state: State, name: str) -> None:
    """Restart one process so that nobody notices: hold its requests, drain it, start it, wait until it is ready."""
    supervisor = Supervisor(state)
    supervisor.process(name)
    chosen = program(state, name)
    if name == "gateway":
        # Its workers are replaced one by one under the listening sockets, which a stop would close.
        supervisor.signal(name, "HUP")
        _wait(chosen)
        return
    with _held(state, chosen.upstreams):
        supervisor.stop(name)
        supervisor.start(name)
        _wait(chosen)
    print(f"{name} restarted, pid {supervisor.process(name).pid}")


def logs(state: State, name: str) -> None:
    """Show the last lines of one process's log and follow it until Ctrl-C."""
    Supervisor(state).process(name)
    follow = ["tail", "-n", str(LOG_LINES), *(["-F"] if os.isatty(1) else []), state.logs_dir / f"{name}.log"]
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(list(map(str, follow)), check=False)


# Commands of a service's own, and which process is to be asked.
ASKED = {
    "self-test": ("notify", console_script("services/notify", "notify"), settings.notify),
    "digest": ("notify", console_script("services/notify", "notify"), settings.notify),
    "invite-admin": ("orders-worker", console_script("services/orders", "orders"), settings.orders),
}
COMMANDS = {*ASKED, "events"}


def ask(state: State, words: Sequence[str]) -> int:
    """Run a service's command with the settings of its process, but for those given now; return its exit code."""
    if words[0] == "events":
        return events(state, words[1:])
    name, script, configured = ASKED[words[0]]
    own = {variable: value for variable, value in _environment_of(state, name).items() if variable not in os.environ}
    environment = settings.full_environment(configured(state)) | own
    return subprocess.run([script, *words], env=environment, check=False).returncode


# Who has an outbox: where its commands are, and its settings.
TELLERS = {
    "orders": ("services/orders", settings.orders),
    "usda": ("services/usda-ingest", settings.usda),
    "notify": ("services/notify", settings.notify),
}


def events(state: State, words: Sequence[str]) -> int:
    """Run mercadito-events as operator; what is told again comes from the outbox of each service."""
    is_told_again = list(words[:1]) == ["replay"] or list(words[:2]) == ["dlq", "replay"]
    code = 0
    for folder, configured in TELLERS.values() if is_told_again else [TELLERS["notify"]]:
        environment = settings.full_environment(configured(state) | settings.nats_client(state, "operator"))
        command = [console_script(folder, "mercadito-events"), *words]
        with contextlib.suppress(KeyboardInterrupt):
            code = subprocess.run(command, env=environment, check=False).returncode or code
    return code


def _environment_of(state: State, name: str) -> dict[str, str]:
    """Return what a process was started with; nothing where it does not run."""
    supervisor = Supervisor(state)
    pid = supervisor.process(name).pid if supervisor.answers() else 0
    try:
        told = Path(f"/proc/{pid}/environ").read_bytes() if pid else b""
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in told.decode(errors="surrogateescape").split("\0") if "=" in pair)


def is_running(state: State) -> bool:
    """Say whether there is anything to act on: a supervisor, or what a killed one has left."""
    return Supervisor(state).answers() or bool(orphans.find(state))


def stop(state: State) -> None:
    """Stop every process, those in front first, and the supervisor; without one, what it has left."""
    supervisor = Supervisor(state)
    state.ready_file.unlink(missing_ok=True)
    if not supervisor.answers() and orphans.end(state):
        return
    for together in STOP_ORDER:
        supervisor.stop(*together)
    supervisor.shutdown()
