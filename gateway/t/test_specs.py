"""Runs spec/ in nginx's own Lua, and luacheck over everything."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from client import eventually
from gateway import HOME

SPECS = sorted(file.stem for file in (HOME / "spec").glob("*_spec.lua"))


@pytest.fixture(scope="module")
def spec_socket(shared_folder: Path, program: str) -> Iterator[Path]:
    """The Unix socket of an nginx that runs specs, with the modules bin/start would load."""
    state = shared_folder / f"specs-{Path(program).name}"
    state.mkdir()
    script = f'problems=""; problem() {{ :; }}; . {HOME}/bin/nginx.sh; find_nginx; echo "$NGINX"; echo "$LOAD_MODULES"'
    environment = {**os.environ, "GATEWAY_NGINX": program}
    found = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    nginx, modules = found.split("\n")[:2]
    values = {"LOAD_MODULES": modules, "STATE_DIR": str(state), "GATEWAY_HOME": str(HOME)}
    template = (HOME / "spec/nginx.conf.template").read_text()
    (state / "nginx.conf").write_text(re.sub("@([A-Z_]+)@", lambda match: values[match[1]], template))
    process = subprocess.Popen([nginx, "-p", state, "-c", state / "nginx.conf", "-e", "stderr"])
    yield eventually(lambda: _listens(state / "socket") and state / "socket")
    process.terminate()
    process.wait()


def _listens(place: Path) -> bool:
    """Its name is there a moment before anybody listens."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.connect(str(place))
        return True
    return False


def _run(place: Path, spec: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place))
        connection.sendall(f"GET /?spec={spec} HTTP/1.0\r\n\r\n".encode())
        with contextlib.closing(connection.makefile()) as reader:
            return reader.read()


@pytest.mark.parametrize("spec", SPECS)
def test_specs_hold(spec_socket: Path, spec: str) -> None:
    head, _, body = _run(spec_socket, spec).partition("\n\n")
    assert " 200 " in head
    assert "ok: " in body
    assert "failed: " not in body, body


def test_lua_is_clean() -> None:
    luacheck = shutil.which("luacheck")
    assert luacheck, "luacheck is missing: apt-get install lua-check"
    done = subprocess.run([luacheck, "-q", "lua", "spec"], cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_lua_modules_stay_small() -> None:
    sizes = {file.name: len(file.read_text().splitlines()) for file in (HOME / "lua").rglob("*.lua")}
    assert not {name: size for name, size in sizes.items() if size > 200}
