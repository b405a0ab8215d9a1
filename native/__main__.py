"""usage: python3 -m native COMMAND.

run | running | status | restart PROCESS | logs PROCESS | self-test … | digest … | invite-admin … | events … | stop |
install
"""

import subprocess
import sys

from native import control
from native.environments import EnvironmentFailed
from native.health import NotReady
from native.installation import InstallationFailed
from native.orphans import NotEnded
from native.run import RunFailed, install, run
from native.state import SettingsError, State
from native.supervision import ControlFailed, NotRunning

KNOWN_FAILURES = (
    ControlFailed,
    EnvironmentFailed,
    InstallationFailed,
    NotEnded,
    NotReady,
    NotRunning,
    RunFailed,
    SettingsError,
    subprocess.TimeoutExpired,
)


def _act(arguments: list[str]) -> int:
    state = State.from_environment()
    match arguments:
        case ["run"]:
            run(state)
        case ["install"]:
            install()
        case ["running"]:
            return 0 if control.is_running(state) else 1
        case ["status"]:
            control.status(state)
        case ["restart", name] if name:
            control.restart(state, name)
        case ["logs", name] if name:
            control.logs(state, name)
        case [name, *_] if name in control.COMMANDS:
            return control.ask(state, arguments)
        case ["stop"]:
            control.stop(state)
        case ["restart" | "logs", *_]:
            raise ControlFailed(f"which process? make {arguments[0]} S=orders-web (make status lists them)")
        case _:
            raise ControlFailed(__doc__ or "")
    return 0


def main() -> int:
    """Run one command; a known failure is told in its own words, with nothing else around it."""
    try:
        return _act(sys.argv[1:])
    except KNOWN_FAILURES as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
