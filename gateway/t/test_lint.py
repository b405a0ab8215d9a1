"""Known mistakes in nginx configurations: gixy over what bin/start rendered, with everything it includes."""

import json
import re
import subprocess
import sys
from pathlib import Path

from gateway import HOME, Gateway

# What gixy says of a line, and why it is none: plugin -> (line, reason).
FINE = {"missing_resolver": ("proxy_pass http://$service_peers;", "it names one of our upstream blocks, never a host")}
LUA_BLOCK = re.compile(r"^(\s*)\w+_by_lua_block\s*\{", re.MULTILINE)


def _without_lua(text: str) -> str:
    """Cut Lua out: gixy takes the braces in it for nginx's."""
    while found := LUA_BLOCK.search(text):
        at, depth = found.end(), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        text = text[: found.start()] + text[at:]
    return text


def _whole(file: Path, root: Path | None = None) -> str:
    """Return a configuration file with its includes in their places; they are named from its own folder."""
    root = root or file.parent
    text = _without_lua(file.read_text())
    return re.sub(r"^\s*include (\S+);$", lambda match: _whole(root / match[1], root), text, flags=re.MULTILINE)


def _findings(file: Path) -> list[dict[str, str]]:
    gixy = Path(sys.executable).parent / "gixy"
    done = subprocess.run([gixy, "-f", "json", file], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    findings: list[dict[str, str]] = json.loads(done.stdout)
    return [found for found in findings if FINE.get(found["plugin"], ("\0",))[0] not in found["config"]]


def test_the_rendered_configuration_has_no_known_mistake(gateway: Gateway) -> None:
    file = gateway.folder / "whole.conf"
    file.write_text(_whole(gateway.folder / "state/nginx.conf"))
    assert "proxy_set_header Host" in file.read_text()
    assert _findings(file) == []


def test_a_mistake_in_it_would_be_found(gateway: Gateway) -> None:
    file = gateway.folder / "mistaken.conf"
    text = _whole(gateway.folder / "state/nginx.conf")
    file.write_text(text.replace("location ^~ /static/ {", "location ^~ /static {"))
    assert [found["plugin"] for found in _findings(file)] == ["alias_traversal"]


def test_every_file_of_the_configuration_is_included_somewhere() -> None:
    files = {file.name for file in (HOME / "conf").glob("*.conf")}
    scripts = [file for file in (HOME / "bin").rglob("*") if file.is_file()]
    text = "".join(file.read_text() for file in [*(HOME / "conf").iterdir(), *scripts])
    assert {name for name in files if f"conf/{name};" not in text} == set()
