"""`make run`: from a fresh checkout to a running system with demo data."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from native import configuration, control, environments, health, installation, nats, orphans, postgres, settings
from native.programs import console_script, programs
from native.state import ROOT, State, port_is_free
from native.supervision import NotRunning, Supervisor

PROJECTS = ("events", "demo", "services/orders", "services/realtime", "services/usda-ingest", "services/notify")
MIGRATED = (("services/orders", "orders"), ("services/usda-ingest", "usda-ingest"), ("services/notify", "notify"))
AT_ONCE = 2
LOOK_EVERY_S = 1
READY_WITHIN_S = 90
COMMAND_WITHIN_S = 170
SIGN_INS = "staff@mercadito.example, buyer1@mercadito.example … buyer5@mercadito.example"


class RunFailed(Exception):
    """The system could not be started; the message says why and where to look."""


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"… {what}", flush=True)
    yield
    print(f"✓ {what} ({time.monotonic() - began:.1f} s)", flush=True)


def _command(script: str, arguments: list[str], environment: Mapping[str, str], *, show: bool = False) -> None:
    """Run one of our commands to its end; what it prints is shown when asked for or when it fails."""
    done = subprocess.run(
        [script, *arguments],
        env=settings.full_environment(environment),
        check=False,
        text=True,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        timeout=COMMAND_WITHIN_S,
    )
    if done.returncode:
        raise RunFailed(f"{Path(script).name} {' '.join(arguments)} failed:\n{(done.stdout or '')[-3000:]}")


def install() -> None:
    """Install what is missing: Debian packages, Python environments."""
    with _step("programs of the operating system"):
        installation.ensure()
    with _step("Python environments"):
        for project in PROJECTS:
            environments.ensure(ROOT / project)


def _start_stores(state: State, supervisor: Supervisor) -> None:
    with _step("PostgreSQL and NATS"):
        supervisor.start("postgres")
        supervisor.start("nats")
        postgres.wait_until_ready(state)
        postgres.make_databases(state)


def _prepare_stores(state: State) -> None:
    """Bring schemas, streams and keys to this version; they don't depend on each other."""
    owner = {script: settings.migration(state, "usda" if script == "usda-ingest" else script) for _, script in MIGRATED}
    with _step("migrations, event streams, identity keys"), ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(_command, console_script(project, script), ["migrate"], owner[script])
            for project, script in MIGRATED
        ]
        provisioner = settings.nats_client(state, "provisioner")
        jobs.append(pool.submit(_command, console_script("events", "mercadito-events"), ["provision"], provisioner))
        if not ((state.secrets_dir / "identity_key.pem").exists() and state.jwks_file.exists()):
            rotate = (console_script("services/orders", "orders"), ["keys", "rotate"], settings.orders(state))
            jobs.append(pool.submit(_command, *rotate))
        for job in jobs:
            job.result()


def _start_services(state: State, supervisor: Supervisor) -> None:
    with _step("services and gateway"):
        wanted = programs(state)
        for each in wanted:
            supervisor.start(each.name)
        for each in wanted:
            if each.ready_at:
                health.wait_until_ready(each.name, each.ready_at, within_s=READY_WITHIN_S)


def _fill(state: State) -> None:
    print("… the first market reports and the demo shop", flush=True)
    _command(console_script("services/orders", "orders"), ["demo"], settings.orders(state), show=True)
    state.ready_file.write_text(json.dumps({"url": state.url, "at": datetime.now(UTC).isoformat()}) + "\n")


def _announce(state: State) -> None:
    print(
        f"\nMercadito is ready at {state.url}\n"
        f"  sign in as   {SIGN_INS}\n"
        f"  password     mercadito-demo\n"
        f"  mail         {state.folder}/mail\n"
        f"  status       make status · make restart S=orders-web · make logs S=orders-web\n"
        f"  gateway      http://127.0.0.1:{state.ports['gateway-admin']}/status\n",
        flush=True,
    )


def _check_ports(state: State) -> None:
    for port in (state.gateway_port, state.gateway_port + 1):
        if not port_is_free(port):
            raise RunFailed(f"port {port} is taken: stop what listens there, or set MERCADITO_PORT to another")


def _start(state: State, supervisor: Supervisor) -> None:
    state.folder.mkdir(parents=True, exist_ok=True)
    state.prepare()
    postgres.prepare(state)
    nats.prepare(state)
    supervisor.launch(configuration.write(state), configuration.inherited(state))


def _bring_up(state: State, supervisor: Supervisor) -> None:
    """From a supervisor that answers to a system that is ready."""
    state.ready_file.unlink(missing_ok=True)
    _start_stores(state, supervisor)
    _prepare_stores(state)
    _start_services(state, supervisor)
    _fill(state)
    _announce(state)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _until_stopped(supervisor: Supervisor) -> None:
    """Stay until Ctrl-C, or until somebody else stopped it (`make stop`)."""
    print("Ctrl-C stops it.", flush=True)
    while supervisor.answers():
        time.sleep(LOOK_EVERY_S)


def _end_orphans(state: State) -> int:
    """End what a killed supervisor has left; without one nothing is ready, whatever the file says."""
    state.ready_file.unlink(missing_ok=True)
    return orphans.end(state)


def _keep_up(state: State, supervisor: Supervisor) -> None:
    """Stay until somebody stops it; when the supervisor itself was killed, start it and all that it kept anew."""
    while True:
        _until_stopped(supervisor)
        if not _end_orphans(state):
            return
        print("the supervisor was killed, its processes were ended: starting again", flush=True)
        _start(state, supervisor)
        _bring_up(state, supervisor)


def _stop(state: State) -> None:
    """Stop what was started; a second Ctrl-C, of somebody who is impatient, would leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(NotRunning):
        control.stop(state)
    print("stopped")


def run(state: State) -> None:
    """Start everything that does not run yet, print where it is, and stay until Ctrl-C; then stop what was started."""
    # A script that starts this in the background hands SIGINT down ignored; nohup means what it says.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    settings.check(state)
    supervisor, mine = Supervisor(state), False
    try:
        install()
        if not supervisor.answers():
            if ended := _end_orphans(state):
                print(f"ended {ended} processes that a killed supervisor had left", flush=True)
            _check_ports(state)
            mine = True
            _start(state, supervisor)
        _bring_up(state, supervisor)
        if mine:
            _keep_up(state, supervisor)
        else:
            print("It was running already; `make stop` stops it.")
    except KeyboardInterrupt:
        print("\nstopping …", flush=True)
    finally:
        if mine:
            _stop(state)
