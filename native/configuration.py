"""The supervisor's configuration of every process."""

import os
import re
from pathlib import Path

from native.programs import Program, programs
from native.settings import Environment, full_environment
from native.state import State

# In the supervisor's file a quote or " #" would be syntax, and what else is read depends on the locale.
WRITABLE = re.compile(r"[\w ./:@%+=~,<>-]*", re.ASCII)


def inherited(state: State) -> Environment:
    """Return the supervisor's own environment, which its processes inherit.

    It holds what every process needs to run and the few values, such as a hub's name, that its file can't hold.
    """
    given = {name: value for each in programs(state) for name, value in each.environment.items()}
    return full_environment({name: value for name, value in given.items() if not WRITABLE.fullmatch(value)})


def _section(state: State, program: Program, priority: int, inherits: Environment) -> str:
    settings = full_environment(program.environment)
    settings = {name: value for name, value in settings.items() if inherits.get(name) != value}
    pairs = ",".join('{}="{}"'.format(name, value.replace("%", "%%")) for name, value in settings.items())
    lines = [
        f"[program:{program.name}]",
        f"command={program.command}",
        f"environment={pairs}",
        f"directory={state.folder if not program.user else '/'}",
        *([f"user={program.user}"] if program.user and os.geteuid() == 0 else []),
        f"priority={priority}",
        "autostart=false",
        "autorestart=true",
        "startsecs=1",
        "startretries=100",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_within_s}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={state.logs_dir}/{program.name}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]
    return "\n".join(lines) + "\n"


def write(state: State) -> Path:
    """Write the supervisor's configuration (readable by its owner alone: it holds NATS passwords); return its path."""
    head = f"""\
[unix_http_server]
file={state.control_socket}
chmod=0700

[supervisord]
logfile={state.logs_dir}/supervisord.log
pidfile={state.folder}/supervisord.pid
childlogdir={state.logs_dir}
nocleanup=true
{"user=root" if os.geteuid() == 0 else ""}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

"""
    inherits = inherited(state)
    sections = [
        _section(state, each, 10 * position, inherits) for position, each in enumerate(programs(state), start=1)
    ]
    file = state.folder / "supervisord.conf"
    file.touch(mode=0o600)
    file.write_text(head + "\n".join(sections))
    return file
