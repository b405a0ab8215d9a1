"""What `make run` needs of the operating system, and getting it from Debian's packages."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PYTHON_NEEDED = (3, 11)
NODE_NEEDED = 20
POLICY = Path("/usr/sbin/policy-rc.d")
LUA_MODULE = Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
INSTALL_TIMEOUT_S = 900


class InstallationFailed(Exception):
    """Something is missing and could not be installed; the message says what to do."""


@dataclass(frozen=True)
class Need:
    """One thing that must be there, the Debian packages that bring it and the system service they would start."""

    what: str
    packages: tuple[str, ...]
    present: bool
    service: str = ""


def postgres_bin() -> Path | None:
    """Return the bin folder of the newest PostgreSQL server on this machine."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name)) if folders else None


def find_program(name: str) -> str | None:
    """Return a program's path; Debian keeps servers where an ordinary user's PATH does not look."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _program(name: str) -> bool:
    return find_program(name) is not None


def _venv_works() -> bool:
    return not subprocess.run(
        [sys.executable, "-c", "import ensurepip, venv"], check=False, capture_output=True
    ).returncode


def _needs(*, tests: bool) -> list[Need]:
    nginx = ("nginx", "libnginx-mod-http-lua", "lua-resty-core", "lua-resty-lrucache")
    needs = [
        Need("python3 -m venv", ("python3-venv",), _venv_works()),
        Need("PostgreSQL", ("postgresql", "postgresql-client"), postgres_bin() is not None, "postgresql"),
        Need("nats-server", ("nats-server",), _program("nats-server"), "nats-server"),
        Need("nginx with Lua", nginx, _program("nginx") and LUA_MODULE.exists(), "nginx"),
    ]
    for_tests = [
        Need("Chromium", ("chromium",), _program("chromium")),
        Need("age", ("age",), _program("age")),
        Need("luacheck", ("lua-check",), _program("luacheck")),
        # The server and promtool; amtool judges what Alertmanager is told.
        Need("Prometheus", ("prometheus",), _program("promtool"), "prometheus"),
        Need("amtool", ("prometheus-alertmanager",), _program("amtool"), "prometheus-alertmanager"),
    ]
    return [*needs, *for_tests] if tests else needs


def _peers() -> list[Need]:
    return [
        Need("haproxy", ("haproxy",), _program("haproxy"), "haproxy"),
        Need("caddy", ("caddy",), _program("caddy"), "caddy"),
        Need("wrk", ("wrk",), _program("wrk")),
    ]


def _compiler() -> list[Need]:
    return [Need("cc", ("gcc", "libc6-dev"), _program("cc"))]


def _privileged() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if _program("sudo") and not subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode:
        return ["sudo", "-n"]
    return None


@contextlib.contextmanager
def _services_stay_stopped(sudo: list[str]) -> Iterator[None]:
    """Keep the packages from starting servers of their own: ours run under our supervisor, on ports of their own."""
    mine = not POLICY.exists()
    if mine:
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as policy:
            policy.write("#!/bin/sh\nexit 101\n")
            policy.flush()
            subprocess.run([*sudo, "install", "-m", "755", policy.name, POLICY], check=True)
    try:
        yield
    finally:
        if mine:
            subprocess.run([*sudo, "rm", "-f", POLICY], check=True)


def _apt(sudo: list[str], *arguments: str) -> None:
    command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    if done.returncode:
        raise InstallationFailed(f"apt-get {' '.join(arguments)} failed:\n{done.stdout[-500:]}{done.stderr[-1500:]}")


def _check_python() -> None:
    if sys.version_info < PYTHON_NEEDED:
        raise InstallationFailed(
            f"Python {'.'.join(map(str, PYTHON_NEEDED))} or newer is needed, this is {sys.version.split()[0]}"
        )


def _check_node() -> None:
    """Node runs the tests of the pages' scripts; nothing that is served needs it."""
    try:
        found = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise InstallationFailed(
            f"Node.js {NODE_NEEDED} or newer is needed for the tests of the pages: install it"
        ) from None
    if int(found.lstrip("v").split(".")[0]) < NODE_NEEDED:
        raise InstallationFailed(f"Node.js {NODE_NEEDED} or newer is needed, this is {found.strip()}")


def ensure(*, tests: bool = False) -> None:
    """Install what is missing, as root or with sudo; otherwise say which packages to ask for and name `make up`."""
    _check_python()
    if tests:
        _check_node()
    missing = [need for need in _needs(tests=tests) if not need.present]
    if not missing:
        return
    packages = [package for need in missing for package in need.packages]
    sudo = _privileged()
    if sudo is None or not _program("apt-get"):
        raise InstallationFailed(
            f"Missing: {', '.join(need.what for need in missing)}.\n"
            f"Ask for these Debian packages: {' '.join(packages)}\n"
            "(this needs root or sudo), or run Mercadito in containers instead: make up",
        )
    print(f"  installing {' '.join(packages)}", flush=True)
    _apt(sudo, "update")
    _install(sudo, missing)


def _install(sudo: list[str], missing: list[Need]) -> None:
    with _services_stay_stopped(sudo):
        packages = [package for need in missing for package in need.packages]
        _apt(sudo, "install", "--yes", "--no-install-recommends", *packages)
    services = [need.service for need in missing if need.service]
    if services and _program("systemctl"):
        subprocess.run([*sudo, "systemctl", "--quiet", "disable", *services], check=False, capture_output=True)


def add_peers() -> dict[str, str]:
    """Install what only `make bench-gateway` compares with, one by one; return what can't be had, and why."""
    return _add(_peers())


def add_compiler() -> dict[str, str]:
    """Install what only `make bench-fanout` compiles its clients with; return what can't be had, and why."""
    return _add(_compiler())


def _add(needs: list[Need]) -> dict[str, str]:
    missing = [need for need in needs if not need.present]
    sudo = _privileged() if missing else []
    if sudo is None or not _program("apt-get"):
        return {need.what: f"not installed, and only root can: {need.packages[0]}" for need in missing}
    without: dict[str, str] = {}
    for number, need in enumerate(missing):
        print(f"  installing {' '.join(need.packages)}", flush=True)
        try:
            if number == 0:
                _apt(sudo, "update")
            _install(sudo, [need])
        except (InstallationFailed, subprocess.SubprocessError) as failure:
            without[need.what] = f"apt-get could not install it: {str(failure).strip().splitlines()[-1]}"
    return without
